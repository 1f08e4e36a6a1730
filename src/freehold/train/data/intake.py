"""From drafts to rows: who may be learned from, what is masked, which conversation it is, and what was there before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from freehold.compare.suites.likeness import Seen
from freehold.compare.suites.masking import Masking
from freehold.core.errors import BadRequest
from freehold.train.data.draft import Draft, Source
from freehold.train.data.gate import Gate
from freehold.train.data.row import NOTHING, Row, Split
from freehold.train.data.said import Said, text_of
from freehold.train.data.splitting import group_called, split_of
from freehold.train.data.tally import Tally
from freehold.train.data.wish import Wish

_SHOWN = 20
_encode = msgspec.json.Encoder(order="deterministic").encode
"""How JSON was laid out, and the order of names, do not count."""


class Intake:
    """Takes drafts in, one at a time, and remembers of each no more than a signature of its words and its group."""

    def __init__(self, wish: Wish, gate: Gate, masking: Masking | None, tally: Tally) -> None:
        """`masking` None: nothing is masked."""
        self._wish = wish
        self._gate = gate
        self._masking = masking
        self._tally = tally
        self.taken = 0
        """Drafts that the sources gave."""
        self.rejected_left_out = 0
        """Worse answers that may not be used."""
        self.duplicates: list[tuple[str, str]] = []
        """Some rows that were nearly the same as another one, and that one."""
        self._labels: dict[str, str] = {}
        self._split: dict[str, Split] = {}

    def different(self, sources: Sequence[Source]) -> Iterator[Row]:
        """The rows that may be used and are not nearly the same as one before. Raises BadRequest: two have one id."""
        seen, ids = Seen(self._wish.alike), []
        for row in self._rows(sources):
            said = Said(msgspec.json.decode(row.request))
            words = f"{said.question}\n{text_of(msgspec.json.decode(row.answer))}"
            place, is_new = seen.place_of(words, f"{said.instructions}\n{said.before}")
            if is_new:
                ids.append(row.id)
                yield row
                continue
            self._tally.leave_out("near-duplicates", "are nearly the same as another one")
            if len(self.duplicates) < _SHOWN:
                self.duplicates.append((row.id, ids[place]))

    def split_of(self, row: Row) -> Split:
        """Where a row goes that was taken in."""
        return self._split[row.group]

    def _rows(self, sources: Sequence[Source]) -> Iterator[Row]:
        ids: set[str] = set()
        for source in sources:
            for draft in source.drafts(self._tally):
                self.taken += 1
                why = self._gate.why_not(draft.maker, draft.made_on)
                if why is not None:
                    self._tally.leave_out("terms", why)
                    continue
                row = self._row(draft)
                if row.id in ids:
                    raise BadRequest(
                        f"Two lines are called `{row.id}`.",
                        hint="Two files of the same name need lines with ids of their own.",
                    )
                ids.add(row.id)
                yield row

    def _row(self, draft: Draft) -> Row:
        rejected = draft.rejected
        if rejected is not None and not self._gate.may_use(draft.rejected_maker, draft.made_on):
            self.rejected_left_out += 1
            rejected = None
        target = None if draft.target is UNSET else draft.target
        values: list[Any] = [
            draft.request, draft.answer, rejected, target, draft.id, draft.group, draft.task_class,
        ]  # fmt: skip
        if self._masking is not None:
            values = self._masking.mask(values)
        request, answer, rejected, target, name, group, task_class = values
        name, origin = self._named(draft, name)
        return Row(
            id=name,
            request=msgspec.Raw(_encode(request)),
            answer=msgspec.Raw(_encode(answer)),
            maker=draft.maker,
            origin=origin,
            group=self._group(draft, group, request),
            accepted=draft.accepted,
            rejected=NOTHING if rejected is None else msgspec.Raw(_encode(rejected)),
            target=NOTHING if draft.target is UNSET else msgspec.Raw(_encode(target)),
            task_class=task_class,
        )

    def _named(self, draft: Draft, masked: str) -> tuple[str, str]:
        """Its name, and where it comes from; where the name held something personal, neither says it."""
        if self._masking is None or draft.id in (masked, draft.origin):
            return draft.id, draft.origin
        [origin] = self._masking.mask([draft.origin])
        return (origin if origin == draft.origin else f"{origin} ({self.taken})"), origin

    def _group(self, draft: Draft, masked: str | None, request: dict[str, Any]) -> str:
        """The name of the line's group. Where it held something personal it gets a number: whoever knows a hash of it
        could try who it was.
        """
        if draft.group is None:
            said = Said(request)
            words = said.first if self._wish.split_by == "conversation" else said.conversation
            group = group_called(said.instructions, words)
        elif masked == draft.group:
            group = draft.group
        else:
            group = self._labels.setdefault(draft.group, f"group {len(self._labels) + 1}")
            self._split.setdefault(group, split_of(draft.group, self._wish.held_out))
        self._split.setdefault(group, split_of(group, self._wish.held_out))
        return group
