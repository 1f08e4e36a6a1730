"""What a comparison ends in: a verdict with all that somebody needs to believe it, or not to."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Decision = Literal["replaces", "does not replace", "undecided"]
Adjusted = Literal["", "e-holm", "e-bh", "bonferroni", "holm"]


class LengthControlled(msgspec.Struct, frozen=True, kw_only=True):
    """How often a pairwise judge prefers the candidate's answer, 0 … 1; a tie is half."""

    raw: float
    controlled: float
    """If its answers were as long as the incumbent's."""
    low: float
    high: float
    """Confidence interval of `controlled` at 1 - alpha, for one look at the end."""
    length_effect: float
    """Above 0: the judge prefers longer answers."""


class InPeoplesSense(msgspec.Struct, frozen=True, kw_only=True):
    """The difference as people would see it, from a judge's scores and what was found when it was checked."""

    check: str
    """The id of the check."""
    method: Literal["prediction-powered", "error rates"]
    """From labels of a random sample of the suite: these decide. From labels of other cases: they can withdraw."""
    difference: float
    low: float
    high: float
    """Confidence interval at 1 - alpha, for one look at the end."""
    judge_alone: float
    labels: int
    weight: float | None = None
    """Of the judge beside the labels, 0 … 1. None: error rates."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the pairs of one candidate, over all classes of tasks or in one, amount to."""

    n: int
    """Pairs that count."""
    units: int = 0
    """What the test counts: cases of one group are not independent of each other, so their mean is one unit."""
    wins: int = 0
    losses: int = 0
    ties: int = 0
    """Pairs in which the candidate scored more than the incumbent, less, the same."""
    uncounted: dict[str, int] = {}
    """Pairs that do not count, by reason: `incumbent failed`, `no verdict`, `not recorded`."""
    failures: dict[str, int] = {}
    """Answers that failed: of the `incumbent`, and of the `candidate`."""
    incumbent_mean: float | None = None
    candidate_mean: float | None = None
    """Mean scores, 0 … 1. None: nothing counts, or only pairs were judged."""
    difference: float | None = None
    """Estimate of the candidate's mean score minus the incumbent's, corrected where `correction` says so. A unit counts
    once, however many pairs it has; the means above are over pairs.
    """
    low: float = -1.0
    high: float = 1.0
    """Confidence sequence for it: valid whenever one looks, each end with 1 - alpha, and neither end is part of it."""
    log_e_replaces: float = 0.0
    """Natural logarithm of the e-value against "worse by the margin or more"; it decides at log(1/alpha)."""
    log_e_worse: float = 0.0
    """The same against "not worse by the margin"."""
    correction: str = ""
    """How the estimate was corrected for the errors of a judge, where people's labels decided; empty: they did not.
    Where they did, the interval is no confidence sequence, but one for a single look at the end.
    """
    people: InPeoplesSense | None = None
    """None: no judge, none that was checked, or its check cannot correct this."""
    length_controlled: LengthControlled | None = None
    """None: no pairwise judge, or too few pairs."""


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
    adjusted: Adjusted = ""
    """How alpha was shared: `e-holm` among candidates, `e-bh` among classes; where people's labels decided,
    `bonferroni` among candidates, `holm` among classes. Empty: there was only this one.
    """
    evidence: Evidence
    suite: str
    """Its id."""
    suite_hash: str
    seed: int
    reported_models: dict[str, list[str]] = {}
    """By model: the versions that the provider says answered."""
    cost: Decimal | None = None
    """US dollars that this candidate's counted answers and their judges cost, the incumbent's not. None: not known."""
    notes: tuple[str, ...] = ()
    """What has to be known to read it, one sentence each: that nobody checked a judge, that it judges its own house."""
    made_us: int = 0
