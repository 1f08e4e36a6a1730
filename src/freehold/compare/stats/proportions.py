"""Tests for answers that are right or wrong, for a number of cases fixed in advance."""

from __future__ import annotations

import math
from statistics import NormalDist


def mcnemar(wins: int, losses: int) -> float:
    """The exact two-sided p-value against "both models are right equally often": among the cases that only one of them
    gets right, each is that one with probability 1/2, so p = min(1, 2 P(Bin(wins + losses, 1/2) <= min(wins, losses))).

    It knows of no margin: for "not worse by the margin" there is `tango`. Assumes independent cases.

    Source: McNemar, Note on the sampling error of the difference between correlated proportions, Psychometrika 12
    (1947); the exact form is the sign test.
    """
    cases = wins + losses
    if cases == 0:
        return 1.0
    log_half = cases * math.log(0.5)
    logs = [_log_choose(cases, count) + log_half for count in range(min(wins, losses) + 1)]
    return min(1.0, 2.0 * math.fsum(map(math.exp, logs)))


def tango(wins: int, losses: int, cases: int, margin: float) -> float:
    """The one-sided p-value against "worse by the margin or more", by the score test. With a margin of 0 it is
    McNemar's test without correction.

    z = (wins - losses + n d) / sqrt(n (2 q - d (1 + d))) with margin d, where q is the likeliest probability of a loss
    if the true difference is exactly -d: the larger root of 2 n q^2 - (wins + losses + (2 n - wins + losses) d) q
    + losses d (1 + d) = 0. It errs less than the usual normal test where few cases differ. Assumes independent cases.
    Raises ValueError: the counts do not fit together, or the margin is not between -1 and 1.

    Source: Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design, Statistics in Medicine 17 (1998).
    """
    if min(wins, losses) < 0 or wins + losses > cases:
        raise ValueError(f"{wins} wins and {losses} losses are not among {cases} cases.")
    if not -1.0 < margin < 1.0:
        raise ValueError(f"`margin` is {margin}, and lies between -1 and 1.")
    middle = wins + losses + (2 * cases - wins + losses) * margin
    last = losses * margin * (1.0 + margin)
    root = math.sqrt(max(0.0, middle * middle - 8.0 * cases * last))
    loss = (middle + root) / (4.0 * cases) if cases else 0.0
    variance = cases * (2.0 * loss - margin * (1.0 + margin))
    if variance <= 0.0:
        return 0.5
    return 1.0 - NormalDist().cdf((wins - losses + cases * margin) / math.sqrt(variance))


def _log_choose(whole: int, part: int) -> float:
    return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)
