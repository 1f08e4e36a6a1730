"""A route's own calls as lines: those whose answers somebody found good, or corrected."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from freehold.compare.suites.asked import Unfit, answered_in, asked_in
from freehold.compare.suites.making import correction_in
from freehold.compare.suites.sampling import LONGEST_REQUEST, OURS
from freehold.core.clock import as_datetime
from freehold.core.errors import BadRequest, NotFound
from freehold.core.figures import counted, size
from freehold.engine.continuing import LOSS as SEAM
from freehold.ledger.drawing import Numbers
from freehold.ledger.filters import Filter
from freehold.train.data.answers import answered, said_by
from freehold.train.data.draft import UNKNOWN, Draft
from freehold.train.data.row import PEOPLE, Accepted
from freehold.train.data.tally import Tally

if TYPE_CHECKING:
    from freehold.ledger.feedback import Feedback
    from freehold.ledger.reading import Entry, LedgerReader
    from freehold.ledger.record import Call

Ground = Literal["feedback", "correction", "unchecked"]
"""Why a call's answer is taken: people said it is good, they said what would have been right, or for no reason."""

_TOGETHER = 100


class RouteCalls:
    """Answered chat calls of a route, whose bodies are kept, as a source."""

    def __init__(
        self,
        history: LedgerReader,
        route: str,
        *,
        grounds: Collection[Ground],
        good: float,
        since_us: int = 0,
        with_media: bool = False,
    ) -> None:
        """`good`: from which number, 0 … 1, feedback says that an answer is good."""
        self._history = history
        self._route = route
        self._grounds = frozenset(grounds)
        self._good = good
        self._since_us = since_us
        self._with_media = with_media

    @property
    def name(self) -> str:
        """`route:NAME`."""
        return f"route:{self._route}"

    def drafts(self, tally: Tally) -> Iterator[Draft]:
        """See `Source`: in the order of recording, and no more calls in memory than are read at once."""
        wanted = Numbers(
            Filter(route=self._route, operation="chat", outcome="answered", since_us=self._since_us),
            without_keys=OURS,
            longest=LONGEST_REQUEST,
            with_feedback="unchecked" not in self._grounds,
        )
        found = 0
        for numbers in self._history.numbers(wanted) if self._history.exists else ():
            found += len(numbers)
            for at in range(0, len(numbers), _TOGETHER):
                some = numbers[at : at + _TOGETHER]
                tally.look(len(some))
                for entry in self._history.numbered(some):
                    try:
                        yield self._draft(entry, tally)
                    except Unfit as why:
                        tally.leave_out("source", str(why))
        tally.leave_out("source", f"are longer than {size(LONGEST_REQUEST)}", wanted.too_long)
        tally.leave_out("source", "were recorded without their bodies", wanted.without_body)
        if not found:
            raise self._nothing(wanted.without_body)

    def _draft(self, entry: Entry, tally: Tally) -> Draft:
        call = entry.call
        correction = correction_in(entry) if "correction" in self._grounds else None
        accepted: Accepted = "correction" if correction is not None else self._accepted(entry)
        asked = asked_in(call, with_media=self._with_media)
        own, maker = _own_answer(call, needed=correction is None)
        tally.losses.update(asked.losses)
        return Draft(
            id=call.id,
            request=msgspec.json.decode(msgspec.json.encode(asked.body)),
            answer=own if correction is None else said_by(correction.strip()),  # type: ignore[arg-type]  # needed
            maker=maker if correction is None else PEOPLE,
            origin=call.id,
            accepted=accepted,
            rejected=None if correction is None else own,
            rejected_maker=maker,
            made_on=_day(call),
        )

    def _accepted(self, entry: Entry) -> Accepted:
        """Why the answer as it was given is taken. Raises Unfit: it is not."""
        if "feedback" in self._grounds:
            said = [number for one in entry.feedback if (number := _number_of(one)) is not None]
            if said and min(said) >= self._good:
                return "feedback"
            if said:
                raise Unfit("have an answer that somebody said was not good")
        if "unchecked" in self._grounds:
            return "unchecked"
        raise Unfit("were not said to have a good answer")

    def _nothing(self, without_body: int) -> Exception:
        if without_body:
            return BadRequest(
                f"The bodies of `{self._route}` are not kept: {counted(without_body, 'call')} on record without.",
                hint="Keep them: `bodies = true` under `[ledger]`, and no `keep_bodies = false` for the route.",
            )
        if "unchecked" not in self._grounds:
            return NotFound(
                f"Nobody has said anything of an answer of `{self._route}` in that time.",
                hint="Feedback comes in by `POST /v1/calls/ID/feedback`; `--accept unchecked` takes answers that "
                "nobody has looked at.",
            )
        return NotFound(
            f"No answered chat call of `{self._route}` is on record in that time.",
            hint="`freehold spend` shows which routes were called.",
        )


def _own_answer(call: Call, *, needed: bool) -> tuple[dict[str, Any] | None, str]:
    """What the model answered, and who it is. Raises Unfit where it is needed and cannot be used."""
    try:
        if SEAM in call.losses:
            raise Unfit("have an answer that two models wrote")
        maker = f"{call.provider}/{call.model}" if call.provider and call.model else UNKNOWN
        return answered(answered_in(call)), maker
    except Unfit:
        if needed:
            raise
        return None, UNKNOWN


def _number_of(one: Feedback) -> float | None:
    """How good somebody says that it was. Whoever says nothing but what would have been right says that it was not."""
    if one.number is None and (one.kind == "correction" or one.correction is not None):
        return 0.0
    return one.number


def _day(call: Call) -> date:
    return as_datetime(call.started_us).date()
