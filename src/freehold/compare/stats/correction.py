"""Corrects what a judge says of the difference between two models for the judge's own errors, with human labels.

Two ways, which differ in what they take for granted:

**Prediction-powered** (PPI++): people labelled a random sample of the very cases that the comparison is about. With the
judge's differences f on N further pairs and on the n labelled ones, and people's differences Y on these,

    D = w mean(f of the N) + mean(Y - w f of the n),    w = Cov(Y, f) / ((1 + n/N) Var f),  kept in 0 … 1,
    Var D = w² Var(f of the N) / N + Var(Y - w f of the n) / n.

Nothing is assumed of the judge: a useless one gets the weight 0, and what is left are the labels alone. Assumed is
that the labelled cases were drawn at random. Student's t knows nothing of what no label showed: where people always
say the same, it would be sure after ten labels. So an interval reaches at least as far as the share g of pairs that
all n labels miss with a chance of (1 - g)^n, and the p-value against a difference that is off by g is no smaller.
Where few labels tell of losses, they tell too little of how losses vary: against a difference of -g the p-value takes
the variance to be no smaller than if g were the share of pairs that are lost whole, g (1 - g) / n, with a correction
for continuity (the score test of Wilson, Journal of the American Statistical Association 22, 1927).
Angelopoulos, Duchi, Zrnic: PPI++, arXiv 2311.01453 (2023), there for the mean of one quantity; the quantity here is
the difference within a pair, as in Boyeau et al., arXiv 2403.07008 (2024).

**Error rates** (Rogan and Gladen), in `error_rates`: the labels are from elsewhere, and say how often the judge is
wrong about answers of each model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Groups = NDArray[np.int64]

LEAST_LABELS = 10
"""Fewer labels say nothing that an interval could be made of."""
_NORMAL = NormalDist()


class Uncorrectable(ValueError):
    """There is no correction with these labels; the message says why, in one sentence."""


@dataclass(frozen=True, eq=False)
class Corrected:
    """A difference in the sense of people, with what is not known about it."""

    difference: float
    """Candidate minus incumbent, -1 … 1."""
    raw: float
    """The same as the judge sees it."""
    low: float
    high: float
    """Two-sided confidence interval at `1 - alpha`, for one look at the end."""
    alpha: float
    standard_error: float
    method: Literal["prediction-powered", "error rates"]
    interval: Literal["formula", "bootstrap"]
    labels: int
    """How many were used."""
    weight: float | None = None
    """Of the judge beside the labels, 0 … 1; None: not prediction-powered."""
    degrees: float = math.inf
    """Of freedom, for the formula."""
    draws: Numbers | None = None
    """Of the bootstrap."""

    def p_no_better_than(self, bound: float) -> float:
        """The p-value against "the difference is `bound` or less"."""
        if self.draws is not None:
            return float((1 + np.sum(self.draws <= bound)) / (1 + len(self.draws)))
        return 1 - self._below(bound)

    def p_no_worse_than(self, bound: float) -> float:
        """The p-value against "the difference is `bound` or more"."""
        if self.draws is not None:
            return float((1 + np.sum(self.draws >= bound)) / (1 + len(self.draws)))
        return self._below(bound)

    def _below(self, bound: float) -> float:
        """How sure the estimate is above `bound`, 0 … 1."""
        distance = self.difference - bound
        if math.isinf(self.degrees):
            return _sure(distance, self.standard_error, self.degrees)
        n = self.degrees + 1
        missed = math.pow(max(0.0, 1 - abs(distance)), n)
        if missed >= 0.5:
            return 0.5
        if self.standard_error == 0:
            return 1 - missed if distance > 0 else missed
        whole = min(1.0, abs(bound))
        error = max(self.standard_error, math.sqrt(whole * (1 - whole) / n))
        nearer = math.copysign(max(0.0, abs(distance) - 0.5 / n), distance)
        return min(max(_sure(nearer, error, self.degrees), missed), 1 - missed)


def prediction_powered(
    unlabelled: Numbers,
    unlabelled_groups: Groups,
    judge: Numbers,
    people: Numbers,
    groups: Groups,
    *,
    alpha: float,
) -> Corrected:
    """The difference in the sense of people, from the judge's differences on pairs that nobody labelled, and the
    judge's and people's differences on pairs that were. Raises Uncorrectable: too few labels.

    Pairs of one group are one draw: their influences are added up before they are squared.
    """
    n, more = len(people), len(unlabelled)
    independent = len(np.unique(groups))
    if independent < LEAST_LABELS:
        raise Uncorrectable(f"{independent} independent pairs are labelled; it takes {LEAST_LABELS} at least")
    weight = 0.0
    if more:
        # Within groups, too: what varies are the groups' sums.
        of_people = _sums(people - people.mean(), groups)
        of_judge = _sums(judge - judge.mean(), groups)
        of_more = _sums(unlabelled - unlabelled.mean(), unlabelled_groups)
        varies = float(of_judge @ of_judge) / n**2 + float(of_more @ of_more) / more**2
        if varies > 0:
            weight = min(1.0, max(0.0, float(of_people @ of_judge) / n**2 / varies))
    rest = people - weight * judge
    estimate = float(rest.mean()) + (weight * float(unlabelled.mean()) if more else 0.0)
    variance = _variance(rest, groups)
    if more:
        variance += weight**2 * _variance(unlabelled, unlabelled_groups)
    error = math.sqrt(variance)
    degrees = float(independent - 1)
    reach = max(quantile(1 - alpha / 2, degrees) * error, _missed(alpha / 2, degrees))
    everything = np.concatenate([unlabelled, judge])
    return Corrected(
        difference=max(-1.0, min(1.0, estimate)),
        raw=float(everything.mean()),
        low=max(-1.0, estimate - reach),
        high=min(1.0, estimate + reach),
        alpha=alpha,
        standard_error=error,
        method="prediction-powered",
        interval="formula",
        labels=n,
        weight=weight,
        degrees=degrees,
    )


def beside_known(found: Corrected, known: Numbers, rest: int, *, seed: int = 0) -> Corrected:
    """The difference over the `rest` pairs that were corrected and those whose difference is `known` without a judge:
    the candidate failed to answer them. How many those are varies, too, and is in the variance.
    """
    if not len(known):
        return found
    share, value, n = len(known) / (rest + len(known)), float(known.mean()), rest + len(known)
    varies = share * (1 - share) * (found.difference - value) ** 2 / n
    varies += share**2 * float(known.var()) / len(known)
    difference = (1 - share) * found.difference + share * value
    error = math.sqrt(((1 - share) * found.standard_error) ** 2 + varies)
    draws = found.draws
    if draws is None:
        reach = quantile(1 - found.alpha / 2, found.degrees) * error
        reach = max(reach, _missed(found.alpha / 2, found.degrees))
        low, high = difference - reach, difference + reach
    else:
        noise = np.random.default_rng(seed).normal(scale=math.sqrt(varies), size=len(draws))
        draws = np.clip((1 - share) * draws + share * value + noise, -1, 1)
        low, high = (float(one) for one in np.quantile(draws, (found.alpha / 2, 1 - found.alpha / 2)))
    return replace(
        found,
        difference=difference,
        raw=(1 - share) * found.raw + share * value,
        low=max(-1.0, min(low, difference)),
        high=min(1.0, max(high, difference)),
        standard_error=error,
        draws=draws,
    )


def _sure(distance: float, error: float, degrees: float) -> float:
    """How sure an estimate is above what it is `distance` above, 0 … 1."""
    if error == 0:
        return 0.5 if distance == 0 else float(distance > 0)
    return _NORMAL.cdf(_as_normal(distance / error, degrees))


def _missed(level: float, degrees: float) -> float:
    """The share of pairs that all labels miss with a chance of `level`: where they are all alike, nothing varies, and
    yet so many pairs may be otherwise (for 5 % about three in their number, the rule of three).
    """
    return 0.0 if math.isinf(degrees) else 1 - level ** (1 / (degrees + 1))


def _sums(values: Numbers, groups: Groups) -> Numbers:
    """The sum of each group's values."""
    _, place = np.unique(groups, return_inverse=True)
    return np.asarray(np.bincount(place.ravel(), weights=values), np.float64)


def _variance(values: Numbers, groups: Groups) -> float:
    """Of the mean; clustered by group (Liang and Zeger, Biometrika 73, 1986)."""
    sums = _sums(values - values.mean(), groups)
    count = len(sums)
    return float(sums @ sums) / len(values) ** 2 * (count / (count - 1) if count > 1 else 1.0)


def quantile(level: float, degrees: float) -> float:
    """Of Student's t, by Wallace's approximation (Annals of Mathematical Statistics 30, 1959): within 0.4 % from nine
    degrees of freedom on.
    """
    normal = _NORMAL.inv_cdf(level)
    if math.isinf(degrees):
        return normal
    stretched = normal * (8 * degrees + 3) / (8 * degrees + 1)
    return math.copysign(math.sqrt(degrees * math.expm1(stretched * stretched / degrees)), normal)


def _as_normal(t: float, degrees: float) -> float:
    """The other way round: where a normal value would be as far out."""
    if math.isinf(degrees):
        return t
    squeezed = (8 * degrees + 1) / (8 * degrees + 3)
    return math.copysign(squeezed * math.sqrt(degrees * math.log1p(t * t / degrees)), t)
