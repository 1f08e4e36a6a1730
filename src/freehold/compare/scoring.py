"""How answers are judged: the protocols that scorers and judges fulfil."""

from __future__ import annotations

from typing import Protocol

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case


class Scored(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a scorer says of an answer."""

    value: float | None
    """From 0, wrong, to 1, right. None: no verdict, which is counted and never guessed."""
    why: str = ""
    """For people: what was compared with what, what a judge said."""
    call_ids: tuple[str, ...] = ()
    """The calls in the ledger that a judge was asked with."""
    variance: float | None = None
    """Of a judge's repeated verdicts about this, around `value`. None: there were fewer than two."""


class Scorer(Protocol):
    """Judges one answer by itself."""

    @property
    def hash(self) -> str:
        """What it is and how it is set, in 64 hexadecimal digits: scores are kept under it."""

    async def score(self, case: Case, answer: Answer) -> Scored:
        """The score of an answer that is one (`failure` is None). Raises BadRequest: the case's target is not what
        this scorer takes. Whatever else it raises is a fault of the scorer.
        """


class PairScorer(Protocol):
    """Judges two answers against each other."""

    @property
    def hash(self) -> str:
        """As a scorer's."""

    async def compare(self, case: Case, incumbent: Answer, candidate: Answer) -> Scored:
        """How much better the candidate's answer is: -1, 0 (a tie) or 1, or between. None: no verdict."""
