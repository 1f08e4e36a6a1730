"""What a comparison ends in: a verdict with all that somebody needs to believe it, or not to."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Decision = Literal["replaces", "does not replace", "undecided"]


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the pairs of one candidate, over all classes of tasks or in one, amount to."""

    n: int
    """Pairs that count."""
    wins: int = 0
    losses: int = 0
    ties: int = 0
    """Pairs in which the candidate scored more than the incumbent, less, the same."""
    uncounted: dict[str, int] = {}
    """Pairs that do not count, by reason: `incumbent failed`, `no verdict of the judge` ..."""
    incumbent_mean: float | None = None
    candidate_mean: float | None = None
    """Mean scores, 0 … 1. None: nothing counts, or only pairs were judged."""
    difference: float | None = None
    """Estimate of the candidate's mean score minus the incumbent's, corrected where `correction` says so."""
    low: float = -1.0
    high: float = 1.0
    """Confidence sequence for it: valid whenever one looks, each end with 1 - alpha, and neither end is part of it."""
    log_e_replaces: float = 0.0
    """Natural logarithm of the e-value against "worse by the margin or more"; it decides at log(1/alpha)."""
    log_e_worse: float = 0.0
    """The same against "not worse by the margin"."""
    correction: str = ""
    """How the estimate was corrected for the errors of a judge; empty: it was not."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """May this candidate replace the incumbent, for this class of tasks?"""

    comparison: str
    incumbent: str
    candidate: str
    task_class: str = ""
    """Empty: over all of the suite."""
    decision: Decision
    reason: str
    """One sentence for people. For `undecided` what is missing."""
    margin: float
    """How much worse the candidate may be, as a difference of mean scores."""
    alpha: float
    """The error rate that is promised for `replaces` and for `does not replace`, whenever one stops."""
    adjusted: str = ""
    """How alpha was shared among candidates and classes: `holm`, `e-bh`; empty: there was only this one."""
    evidence: Evidence
    suite: str
    """Its id."""
    suite_hash: str
    seed: int
    reported_models: dict[str, list[str]] = {}
    """By model: the versions that the provider says answered."""
    cost: Decimal | None = None
    """US dollars that this candidate's answers and judges cost, the incumbent's not counted. None: not known."""
    made_us: int = 0
