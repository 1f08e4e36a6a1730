"""Rows of a synthesis, on their way into a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from freehold.compare.answer import Answer
from freehold.train.data.draft import Draft
from freehold.train.data.row import Accepted
from freehold.train.synthesis.attempts import Attempted

if TYPE_CHECKING:
    from freehold.train.data.tally import Tally

_SECOND_US = 1_000_000


class SynthesisSource:
    """What a synthesis kept, as a dataset is made of it."""

    name = "synthesised"

    def __init__(self, run: str, teacher: str, kept: Sequence[Attempted], accepted: Accepted) -> None:
        self._run = run
        self._teacher = teacher
        self._kept = kept
        self._accepted = accepted

    def drafts(self, tally: Tally) -> Iterator[Draft]:
        """One for each attempt that was kept, in their order."""
        for one in self._kept:
            tally.look()
            yield self._draft(one)

    def _draft(self, one: Attempted) -> Draft:
        chosen = one.chosen
        assert chosen is not None
        request: dict[str, Any] = msgspec.json.decode(one.request)
        return Draft(
            id=f"{self._run}-{one.seed.attempt}",
            request=request,
            answer=_message(chosen.answer),
            maker=self._teacher,
            origin=f"synthesised {self._run} attempt {one.seed.attempt}",
            accepted=self._accepted,
            rejected=None if chosen.rejected is None else _message(chosen.rejected),
            rejected_maker=self._teacher,
            target=msgspec.json.decode(chosen.target) if bytes(chosen.target) else UNSET,
            task_class=one.seed.values["topic"],
            made_on=_day_of(chosen.answer),
        )


def _message(answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    return message


def _day_of(answer: Answer) -> date | None:
    return datetime.fromtimestamp(answer.made_us / _SECOND_US, UTC).date() if answer.made_us else None
