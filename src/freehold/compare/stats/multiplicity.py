"""Several candidates, several classes of tasks: how sure one has to be of each.

Each e-value here is that of one test, taken where that test was stopped, or now. All of them may depend on each other
in any way: they share the incumbent's answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from freehold.compare.stats.bets import Array


def e_holm(log_e_values: Sequence[float]) -> list[float]:
    """Adjusted e-values, as logarithms, in the given order: a hypothesis whose own reaches log(1/alpha) is rejected.

    Closed testing with the arithmetic mean, in essence the only admissible symmetric way to merge e-values that
    depend on each other in unknown ways: the adjusted e-value of a hypothesis is the smallest mean over the sets that
    contain it, and the smallest of a size are it and the k smallest others. Family-wise: the chance that any true
    hypothesis is ever rejected is at most alpha. That holds at all times at once, and what was rejected stays so: the
    mean over the true hypotheses is itself an e-process, and none of them is rejected before that has reached
    1/alpha. A test may stop at its own rejection, or go on.

    Sources: Vovk and Wang, E-values: calibration, combination and applications, Annals of Statistics 49 (2021),
    arXiv 1912.06116; Hartog and Lei, Family-wise error rate control with e-values, arXiv 2501.09015 (2025).
    """
    order = sorted(range(len(log_e_values)), key=lambda place: log_e_values[place])
    adjusted = [0.0] * len(log_e_values)
    for rank, place in enumerate(order):
        own = smallest = log_e_values[place]
        summed = -math.inf
        for count, other in enumerate(order[:rank], start=1):
            summed = float(np.logaddexp(summed, log_e_values[other]))
            smallest = min(smallest, float(np.logaddexp(own, summed)) - math.log(count + 1))
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
