"""How well a judge agrees with people, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Groups = NDArray[np.int64]

DRAWS = 2000


class Measured(msgspec.Struct, frozen=True):
    """A figure with its two-sided confidence interval."""

    value: float
    low: float
    high: float
    n: int
    """Answers or pairs that it is made of."""


def share(hits: int, n: int, *, alpha: float) -> Measured | None:
    """A share of n with Wilson's interval (1927), for n that are independent of each other. None: n is 0."""
    if n == 0:
        return None
    z = NormalDist().inv_cdf(1 - alpha / 2)
    p = hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Measured(p, max(0.0, min(p, middle - reach)), min(1.0, max(p, middle + reach)), n)


def kappa(judge: Numbers, people: Numbers) -> float:
    """Cohen's kappa, 1 - disagreement / disagreement by chance (Educational and Psychological Measurement 20, 1960),
    a disagreement counting as the square of its distance (Cohen 1968): for two words that is the plain kappa. Where
    both say one and the same word all the time, chance explains everything, and it is 0.
    """
    levels, codes = np.unique(np.concatenate([judge, people]), return_inverse=True)
    codes = codes.ravel()
    of_judge, of_people = codes[: len(judge)], codes[len(judge) :]
    table = np.zeros((len(levels), len(levels)))
    np.add.at(table, (of_judge, of_people), 1.0 / len(judge))
    far = (levels[:, None] - levels[None, :]) ** 2
    by_chance = float((far * np.outer(table.sum(axis=1), table.sum(axis=0))).sum())
    return 1 - float((far * table).sum()) / by_chance if by_chance > 0 else 0.0


def resampled(
    figure: Callable[[NDArray[np.int64]], float | None], groups: Groups, *, alpha: float, seed: int = 0
) -> Measured | None:
    """A figure of the rows that it is handed, with the percentile bootstrap's interval (Efron 1979): whole groups are
    drawn. None: it cannot be had, or there are fewer than two groups.
    """
    everything = np.arange(len(groups))
    value = figure(everything) if len(groups) else None
    names, place = np.unique(groups, return_inverse=True)
    if value is None or len(names) < 2:
        return None
    rows = np.split(np.argsort(place.ravel(), kind="stable"), np.cumsum(np.bincount(place.ravel()))[:-1])
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(DRAWS):
        chosen = chance.integers(len(names), size=len(names))
        again = figure(np.concatenate([rows[one] for one in chosen]))
        if again is not None:
            found.append(again)
    if len(found) < DRAWS / 2:
        return None
    low, high = (float(one) for one in np.quantile(found, (alpha / 2, 1 - alpha / 2)))
    return Measured(value, min(low, value), max(high, value), len(groups))
