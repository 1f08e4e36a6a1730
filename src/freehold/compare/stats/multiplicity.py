"""Several candidates, several classes of tasks: how sure one has to be of each.

The tests may depend on each other in any way: they share the incumbent's answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from freehold.compare.stats.bets import Array


def e_holm(highest: Sequence[float]) -> list[float]:
    """Adjusted e-values, as logarithms, in the given order: a hypothesis whose own reaches log(1/alpha) is rejected.
    `highest`: the logarithm of the largest that each test's e-value ever was.

    Of k hypotheses the one with the largest needs k/alpha, the next one (k - 1)/alpha, and so on: Holm's procedure
    for 1/e, which is a p-value for the largest e-value ever, too (Ville). Family-wise: the chance that any true
    hypothesis is ever rejected is at most alpha, and what was rejected stays so. It does not matter how far each test
    has come.

    Averaging e-values (closed testing with their mean) would need less where several candidates are good, but only with
    the values of one moment, and which moment that is would depend on whose answers are quick.

    Sources: Holm (below); Vovk and Wang, E-values: calibration, combination and applications, Annals of Statistics 49
    (2021), arXiv 1912.06116; Tavyrikov, Goeman and de Heide, Carefree multiple testing with e-processes, arXiv
    2501.19360 (2025).
    """
    order = sorted(range(len(highest)), key=lambda place: -highest[place])
    adjusted = [0.0] * len(highest)
    smallest = math.inf
    for rank, place in enumerate(order):
        smallest = min(smallest, highest[place] - math.log(len(highest) - rank))
        adjusted[place] = smallest
    return adjusted


def e_bh(log_e_values: Sequence[float], alpha: float) -> list[bool]:
    """Which hypotheses are rejected, in the given order, so that the expected share of wrong ones among those rejected
    (the false discovery rate) is at most alpha.

    The k largest e-values are, for the largest k whose k-th largest is at least K / (k alpha), of K hypotheses. It
    holds however the e-values depend on each other, for e-values at stopping times: a test goes on until its own
    rejection or the end, and what it had then counts. (It does not hold for the largest values that they ever had.)
    Intervals at alpha * rejected / K, for those rejected, then miss an expected share of at most alpha, too (arXiv
    2203.12572).

    Source: Wang and Ramdas, False discovery rate control with e-values, JRSS-B 84 (2022), arXiv 2009.02824.
    """
    count = len(log_e_values)
    order = sorted(range(count), key=lambda place: -log_e_values[place])
    rejected = 0
    for rank, place in enumerate(order, start=1):
        if log_e_values[place] >= math.log(count / (rank * alpha)):
            rejected = rank
    chosen = set(order[:rejected])
    return [place in chosen for place in range(count)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the given order: a hypothesis whose own is at most alpha is rejected. Family-wise, for
    tests of a fixed number of cases, however they depend on each other.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
    """
    values: Array = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return [float(value) for value in adjusted]
