"""Corrects what a judge says of the difference between two models for the judge's own errors, with human labels.

Two ways, which differ in what they take for granted:

**Prediction-powered** (PPI++): people labelled a random sample of the very cases that the comparison is about. With the
judge's differences f on N further pairs and on the n labelled ones, and people's differences Y on these,

    D = w mean(f of the N) + mean(Y - w f of the n),    w = Cov(Y, f) / ((1 + n/N) Var f),  kept in 0 … 1,
    Var D = w² Var(f of the N) / N + Var(Y - w f of the n) / n.

Nothing is assumed of the judge: a useless one gets the weight 0, and what is left are the labels alone. Assumed is that
the labelled cases were drawn at random. Angelopoulos, Duchi, Zrnic: PPI++, arXiv 2311.01453 (2023), there for the mean
of one quantity; the quantity here is the difference within a pair, as in Boyeau et al., arXiv 2403.07008 (2024).

**Error rates** (Rogan and Gladen): the labels are from elsewhere, and say how often the judge is wrong about answers of
each model. With the judge's mean score p of a model's answers, its mean u1 of those that people call good (the
sensitivity, of a judge that passes or fails), and its mean u0 of those that people call bad (1 - specificity),

    t = (p - u0) / (u1 - u0),                                            the model's rate of good answers,
    Var t = (Var p / n + (1 - t)² Var0 / m0 + t² Var1 / m1) / (u1 - u0)²,

which for a judge of two words is t = (p + q0 - 1) / (q0 + q1 - 1), with q0 q1 specificity and sensitivity. Assumed is
that the judge errs on the comparison's answers as it does on the labelled ones, given that they are good or bad; how
many are good may differ. Each model has its own rates, for judges favour some. People's labels are good or bad here,
never between. Rogan, Gladen, Am. J. Epidemiology 107 (1978); for judges Lee et al., arXiv 2511.21140 (2025). For the
difference of two models the influences of each case on both rates are added up before they are squared, so what a case
has in common for both models is in the variance.

Where few labels are there, the error rates' interval is a Bayesian bootstrap (Rubin, Annals of Statistics 9, 1981) and
not the formula: every case weighs at random, with half a case of each error that was never seen, so a judge that was
right about all of twelve labels is not taken to be perfect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Groups = NDArray[np.int64]

LEAST_LABELS = 10
"""Fewer labels say nothing that an interval could be made of; of good and bad answers each a third of it."""
FEW_LABELS = 30
"""Below so many good or bad ones the bootstrap takes the formula's place."""
SURE = 3.0
"""Standard errors by which a judge's scores of good answers must be above those of bad ones: what is divided by their
distance is worthless where that may as well be nothing."""
DRAWS = 4000
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
        if self.standard_error == 0:
            return 0.5 if self.difference == bound else float(self.difference > bound)
        return _NORMAL.cdf(_as_normal((self.difference - bound) / self.standard_error, self.degrees))


@dataclass(frozen=True, eq=False)
class Labelled:
    """Answers of one model, or pairs, that a judge and people have seen."""

    judge: Numbers
    """The judge's score of each, 0 … 1."""
    good: NDArray[np.bool_]
    """What people say."""
    groups: Groups
    """Which belong together: a case has one number here, and the same among those that are not labelled."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What only the judge has seen of one model, with the labels that tell how it errs about that model."""

    judge: Numbers
    groups: Groups
    labelled: Labelled
    factor: float
    """By which the model's rate goes into the difference: -1 for the incumbent, 1 for the candidate."""


def error_rates(labelled: Labelled) -> tuple[float, float]:
    """Specificity and sensitivity. Raises Uncorrectable: too few labels, or the judge does not tell good from bad."""
    good = labelled.good
    least = -(-LEAST_LABELS // 3)
    bad, well = int((~good).sum()), int(good.sum())
    if min(bad, well) < least:
        raise Uncorrectable(
            f"people called {well} of the labelled answers good and {bad} bad; each takes {least} at least"
        )
    specificity, sensitivity = 1 - float(labelled.judge[~good].mean()), float(labelled.judge[good].mean())
    told = f"specificity {specificity:.2f} and sensitivity {sensitivity:.2f} together are"
    apart = specificity + sensitivity - 1
    if apart <= 0:
        raise Uncorrectable(f"the judge cannot tell good from bad: {told} not above 1")
    # A quarter of an observation's largest variance stands in for the errors that were never seen.
    unsure = sum(
        (float(labelled.judge[kind].var()) + 0.25 / count) / count
        for kind, count in ((good, well), (~good, bad))
    )
    if apart < SURE * math.sqrt(unsure):
        raise Uncorrectable(
            f"it is not sure that the judge can tell good from bad: {told} above 1 by less than "
            f"{SURE:g} standard errors; more labels may show that it can"
        )
    return specificity, sensitivity


def with_error_rates(
    seen: Sequence[Seen], *, constant: float = 0.0, raw: float, alpha: float, seed: int = 0
) -> Corrected:
    """`constant` + the sum over `seen` of factor * rate of good answers. Raises Uncorrectable.

    Of two models it is called with the factors -1 and 1; of pairs, where the judge's preference for the candidate is
    brought from -1 … 1 to 0 … 1, with the factor 2 and the constant -1.
    """
    rates = [error_rates(one.labelled) for one in seen]
    thetas = [
        (float(one.judge.mean()) + specificity - 1) / (specificity + sensitivity - 1)
        for one, (specificity, sensitivity) in zip(seen, rates, strict=True)
    ]
    total = constant + sum(
        one.factor * min(1.0, max(0.0, theta)) for one, theta in zip(seen, thetas, strict=True)
    )
    influences: dict[int, float] = {}
    for one, theta, (specificity, sensitivity) in zip(seen, thetas, rates, strict=True):
        _add_influences(influences, one, min(1.0, max(0.0, theta)), specificity + sensitivity - 1)
    error = math.sqrt(math.fsum(value * value for value in influences.values()))
    fewest = min(int(min(one.labelled.good.sum(), (~one.labelled.good).sum())) for one in seen)
    labels = len(np.unique(np.concatenate([one.labelled.groups for one in seen])))
    draws: Numbers | None = None
    degrees = math.inf
    if fewest < FEW_LABELS:
        draws = np.clip(constant + _drawn(seen, np.random.default_rng(seed)), -1, 1)
        low, high = (float(one) for one in np.quantile(draws, (alpha / 2, 1 - alpha / 2)))
        error = float(draws.std())
    else:
        reach = quantile(1 - alpha / 2, degrees) * error
        low, high = total - reach, total + reach
    return Corrected(
        difference=total,
        raw=raw,
        low=max(-1.0, min(low, total)),
        high=min(1.0, max(high, total)),
        alpha=alpha,
        standard_error=error,
        method="error rates",
        interval="formula" if draws is None else "bootstrap",
        labels=labels,
        degrees=degrees,
        draws=draws,
    )


def _add_influences(into: dict[int, float], one: Seen, theta: float, spread: float) -> None:
    """How much each group moves the estimate, added to what it moves elsewhere."""
    n = len(one.judge)
    scale = one.factor / spread

    def add(values: Numbers, groups: Groups, weight: float) -> None:
        count = len(values)
        fair = math.sqrt(count / (count - 1)) if count > 1 else 1.0  # as many degrees of freedom are left
        for group, value in zip(groups.tolist(), (values - values.mean()).tolist(), strict=True):
            into[group] = into.get(group, 0.0) + scale * weight * fair * value / count

    if n:
        add(one.judge, one.groups, 1.0)
    labelled = one.labelled
    for kind, weight in ((~labelled.good, theta - 1), (labelled.good, -theta)):
        add(labelled.judge[kind], labelled.groups[kind], weight)


def _drawn(seen: Sequence[Seen], chance: np.random.Generator) -> Numbers:
    """Draws of the sum, each with its own random weight for every group."""
    names = np.unique(np.concatenate([part for one in seen for part in (one.groups, one.labelled.groups)]))
    places = [
        (np.searchsorted(names, one.groups), np.searchsorted(names, one.labelled.groups)) for one in seen
    ]
    total = np.empty(DRAWS)
    step = max(1, 2_000_000 // len(names))
    for start in range(0, DRAWS, step):
        size = min(step, DRAWS - start)
        weights = chance.standard_exponential((size, len(names)))
        part = np.zeros(size)
        for one, (of_seen, of_labelled) in zip(seen, places, strict=True):
            mine = weights[:, of_seen]
            mean = mine @ one.judge / mine.sum(axis=1)
            theirs = weights[:, of_labelled]
            bounds = []
            for kind in (~one.labelled.good, one.labelled.good):
                some = theirs[:, kind]
                # Half a case of each extreme, so that what was never seen is not impossible.
                nothing, everything = chance.gamma(0.5, size=(2, size))
                weight = some.sum(axis=1) + nothing + everything
                bounds.append((some @ one.labelled.judge[kind] + everything) / weight)
            bad, good = bounds
            able = good - bad
            rate = np.where(able > 1e-6, (mean - bad) / np.where(able > 1e-6, able, 1), 0.5)
            part += one.factor * np.clip(rate, 0, 1)
        total[start : start + size] = part
    return total


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
    reach = quantile(1 - alpha / 2, degrees) * error
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
