"""Calls as cases, masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from freehold.compare.case import NOTHING, Case
from freehold.compare.suites.asked import Unfit, answer_in, asked_in
from freehold.compare.suites.masking import Masking
from freehold.compare.suites.wish import Wish
from freehold.core.figures import counted

if TYPE_CHECKING:
    from freehold.ledger.reading import Entry, LedgerReader

_TOGETHER = 100
_encode = msgspec.json.Encoder().encode


def correction_in(entry: Entry) -> str | None:
    """What was said last of what would have been right; None: nothing was."""
    return next((one.correction for one in reversed(entry.feedback) if one.correction is not None), None)


class Maker:
    """Makes cases of calls."""

    def __init__(self, wish: Wish, masking: Masking | None) -> None:
        self._wish = wish
        self._masking = masking
        self._answered = 0
        self._made = 0

    def cases(self, history: LedgerReader, chosen: Sequence[tuple[int, str]]) -> Iterator[Case]:
        """The cases of calls, told by their numbers, of the classes that stand beside them."""
        for at in range(0, len(chosen), _TOGETHER):
            some = dict(chosen[at : at + _TOGETHER])
            for entry in history.numbered(list(some)):
                with suppress(Unfit):  # retention has deleted it meanwhile
                    yield self._case(entry, some[entry.seq])

    def _case(self, entry: Entry, task_class: str) -> Case:
        call = entry.call
        asked = asked_in(call, with_media=not self._wish.masked)
        answer = answer_in(call) if self._wish.answers else None
        if self._wish.corrected:
            answer = correction_in(entry)
        body, answer = self._masked(_encode(asked.body), answer)
        self._made += 1
        self._answered += answer is not None
        return Case(
            id=call.id,
            request=msgspec.Raw(body),
            target=NOTHING if answer is None else msgspec.Raw(_encode(answer)),
            task_class=task_class,
            group=asked.conversation if self._wish.all_turns else None,
        )

    def _masked(self, body: bytes, answer: str | None) -> tuple[bytes, str | None]:
        if self._masking is None:
            return body, answer
        masked, answer = self._masking.mask([msgspec.json.decode(body), answer])
        return _encode(masked), answer

    def notes(self) -> list[str]:
        """What was done to them."""
        told = []
        masking = self._masking
        if masking is None:
            told.append("Nothing is masked: personal data and secrets are in it as they were asked.")
        elif masking.counts:
            kinds = ", ".join(f"{kind} {many:,}" for kind, many in masking.counts.most_common())
            told.append(
                f"Masked in {counted(masking.cases, 'case')}: {kinds}. Found is what has a form of its own; names and "
                "postal addresses have none and are not masked."
            )
        else:
            told.append(
                "No personal data of a form of its own and no secret was found; names and postal addresses have no "
                "such form and are not looked for."
            )
        if self._wish.corrected:
            told.append(
                f"The target of {counted(self._answered, 'case')} is what somebody said would have been right, in "
                "feedback on the call. These are questions that were answered wrongly: no model is measured fairly by "
                "them against the one that answered."
            )
        if self._wish.answers:
            told.append(
                f"The target of {counted(self._answered, 'case')} is what was answered then. It is no right answer: "
                "whoever is measured by it is measured by how alike the incumbent it is."
            )
        return told
