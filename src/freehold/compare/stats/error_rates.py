"""Corrects a judge by its error rates, which labels of other answers tell (Rogan and Gladen).

With the judge's mean score p of a model's answers, its mean u1 of those that people call good (the sensitivity, of a
judge that passes or fails), and its mean u0 of those that people call bad (1 - specificity),

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
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from freehold.compare.stats.correction import (
    LEAST_LABELS,
    Corrected,
    Groups,
    Numbers,
    Uncorrectable,
    quantile,
)

FEW_LABELS = 30
"""Below so many good or bad ones the bootstrap takes the formula's place."""
SURE = 3.0
"""Standard errors by which a judge's scores of good answers must be above those of bad ones: what is divided by their
distance is worthless where that may as well be nothing."""
DRAWS = 4000


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
