"""A pair: a case with the incumbent's answer and a candidate's, and what came of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case

Uncounted = Literal["incumbent failed", "no verdict", "not recorded"]

NOT_RECORDED = "not_recorded"
"""As the failure of an answer: it was to be among those that were recorded elsewhere, and is not. Nobody failed."""


class Pair(msgspec.Struct, kw_only=True):
    """One pair."""

    drawn: int
    """Place of its unit in the order, from 0."""
    case: Case
    incumbent: Answer
    candidate: Answer
    difference: float | None
    """The candidate's score minus the incumbent's, -1 … 1; None: it does not count."""
    why: Uncounted | None = None
    """Why it does not count."""
    incumbent_score: float | None = None
    candidate_score: float | None = None
    """The means over the scorers that judge one answer. None: nobody did."""
