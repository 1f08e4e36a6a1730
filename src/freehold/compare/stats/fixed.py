"""Designs whose number of cases is fixed in advance: for planning, and for those who want the usual figures.

None of these may be looked at before all cases are in: whoever stops when the interval looks good errs far more often
than alpha says. The sequential test (`sequential`) is for that.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec
import numpy as np

from freehold.compare.stats.bets import Array

_NORMAL = NormalDist()


def cases_needed(
    margin: float, variance: float, *, alpha: float, power: float, difference: float = 0.0
) -> int:
    """Cases with which the one-sided test at `alpha` finds, with probability `power`, that a candidate whose true
    difference is `difference` is not worse by `margin`: n = (z_{1-alpha} + z_{power})^2 variance / (difference +
    margin)^2.

    `variance` is of the paired difference: discordance - difference^2 where scores are 0 or 1. Assumes independent
    cases and enough of them for a normal mean. Raises ValueError: the difference is at the margin or beyond, and no
    number does.

    Source: Julious, Sample sizes for clinical trials with normal data, Statistics in Medicine 23 (2004).
    """
    if difference + margin <= 0.0:
        raise ValueError(
            f"A difference of {difference} is at the margin {margin} or beyond it: no number of cases does."
        )
    reach = _NORMAL.inv_cdf(1.0 - alpha) + _NORMAL.inv_cdf(power)
    return max(1, math.ceil(reach * reach * variance / (difference + margin) ** 2))


class Estimate(msgspec.Struct, frozen=True):
    """A mean difference and how sure it is."""

    difference: float
    error: float
    """Standard error."""
    low: float
    high: float
    """Both together at 1 - 2 alpha: each end at 1 - alpha, as those of the sequential test."""
    p: float
    """One-sided p-value against "worse by the margin or more"."""


def estimate(differences: Array, margin: float, *, alpha: float, groups: list[str] | None = None) -> Estimate:
    """Mean difference with its normal interval and test.

    The standard error is sqrt(sum over groups of (sum of (D - mean D) in it)^2) / n * sqrt(G / (G - 1)), where each
    of the G groups (a conversation, a document) may be as dependent in itself as it likes; without groups each case
    is one, and it is the usual one. Assumes many groups, none of which holds a large part of the cases; below about
    30 it is too small. Raises ValueError: fewer than two groups.

    Sources: Miller, Adding error bars to evals, arXiv 2411.00640 (2024); Cameron and Miller, A practitioner's guide to
    cluster-robust inference, Journal of Human Resources 50 (2015), for the factor.
    """
    mean, error = float(differences.mean()), clustered_error(differences, groups)
    reach = _NORMAL.inv_cdf(1.0 - alpha) * error
    certain = 0.0 if mean > -margin else 1.0
    p = 1.0 - _NORMAL.cdf((mean + margin) / error) if error > 0.0 else certain
    return Estimate(mean, error, max(-1.0, mean - reach), min(1.0, mean + reach), p)


def clustered_error(differences: Array, groups: list[str] | None = None) -> float:
    """The standard error of `estimate`."""
    residuals = differences - differences.mean()
    if groups is not None:
        _, places = np.unique(np.array(groups), return_inverse=True)
        residuals = np.bincount(places, weights=residuals)
    count = len(residuals)
    if count < 2:
        raise ValueError("A standard error needs at least two cases, or two groups of them.")
    return float(np.sqrt((residuals**2).sum() * count / (count - 1)) / len(differences))
