"""The win rate that a candidate would have if its answers were as long as the incumbent's.

Judges favour long answers. The chance that the candidate's answer is preferred is fitted as

    logit P(preferred) = a + b tanh((length of the candidate's - length of the incumbent's) / s),

with s the standard deviation of those differences, and the length-controlled win rate is 1 / (1 + exp(-a)): what is
left when the lengths are the same. A tie counts as half a win. This is the regression of length-controlled AlpacaEval
(Dubois, Galambosi, Liang, Hashimoto, arXiv 2404.04475, 2024) without its term for each instruction's difficulty, which
takes many models to estimate. As there, b is held back by a penalty, so that few pairs do not explain everything by
length. The interval is the delta method's with a variance that holds where pairs of a group depend on each other
(Huber's sandwich; Liang and Zeger 1986). Assumed is that length works on the judge as the formula has it, and that an
answer's length is not itself what made it better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

LEAST = 20
"""Pairs, below which nothing is fitted."""
_PENALTY = 1.0
"""On b², in the unit of the log-likelihood: weighs as a pair or two."""
_STEPS = 50


@dataclass(frozen=True)
class WinRate:
    """How often the candidate's answer is preferred, 0 … 1."""

    raw: float
    controlled: float
    low: float
    high: float
    """Two-sided confidence interval of the controlled rate."""
    length_effect: float
    """b: above 0, the judge prefers longer answers."""
    n: int


def length_controlled(
    preferences: Numbers, candidate: Numbers, incumbent: Numbers, groups: NDArray[np.int64], *, alpha: float
) -> WinRate | None:
    """`preferences` -1 … 1 for the candidate, and the lengths of both answers. None: fewer than LEAST pairs."""
    n = len(preferences)
    if n < LEAST:
        return None
    wins = (preferences + 1) / 2
    longer = candidate - incumbent
    spread = float(longer.std())
    columns = np.column_stack([np.ones(n), np.tanh(longer / spread) if spread > 0 else np.zeros(n)])
    # Half a win and half a loss keep a candidate that won everything from an infinite rate.
    weights = np.array([0.0, 2 * _PENALTY])
    found = np.zeros(2)
    information = np.eye(2)
    for _ in range(_STEPS):
        expected = _chance(columns @ found)
        prior = _chance(found[:1])[0]
        slope = columns.T @ (wins - expected) - weights * found
        slope[0] += 0.5 - prior
        information = (columns * (expected * (1 - expected))[:, None]).T @ columns + np.diag(weights)
        information[0, 0] += prior * (1 - prior)
        if spread == 0:
            information[1, 1] = 1.0
        step = np.linalg.solve(information, slope)
        found = found + np.clip(step, -2, 2)
        if float(np.abs(step).max()) < 1e-10:
            break
    scores = columns * (wins - _chance(columns @ found))[:, None]
    _, place = np.unique(groups, return_inverse=True)
    sums = np.column_stack([np.bincount(place.ravel(), weights=scores[:, k]) for k in range(2)])
    inverse = np.linalg.inv(information)
    count = len(sums)
    variance = inverse @ (sums.T @ sums) @ inverse * (count / max(1, count - 1))
    # The sandwich takes a candidate that won everything for a sure thing; the model's own variance does not.
    error = math.sqrt(max(float(variance[0, 0]), float(inverse[0, 0])))
    reach = NormalDist().inv_cdf(1 - alpha / 2) * error
    low, controlled, high = (float(_chance(np.array([found[0] + one]))[0]) for one in (-reach, 0.0, reach))
    return WinRate(float(wins.mean()), controlled, low, high, float(found[1]), n)


def _chance(logit: Numbers) -> Numbers:
    return np.asarray(0.5 * (1 + np.tanh(logit / 2)))
