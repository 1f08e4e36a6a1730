"""The sequential test turned round: which means can be refuted."""

from __future__ import annotations

import numpy as np

from freehold.compare.stats.bets import SIZES, Array, boldest, stake, total

_FINE = 1e-6
"""Bounds are found to this."""


def lower_bound(differences: Array, threshold: float, scale: float, enough: float, refuted: bool) -> float:
    """The largest mean that is refuted together with all below it; -1 where none is. Rounded down by less than 1e-6.

    A mean m is refuted where the logarithm of the wealth against "at most m" is `enough` or more. But for the bound
    `boldest(m)`, stakes do not depend on m, so each factor falls as m rises: below the bound it is 1 + s (D - m), at it
    1 - b + b (1 + D) / (1 + m). The refuted means are therefore an interval that begins at -1, and bisection finds its
    end. `refuted` says whether `threshold` is refuted, as the test has it: the bound never contradicts that.
    """
    base = stakes_of(differences, scale)
    low, high = (threshold, 1.0) if refuted else (-1.0, threshold)
    while high - low > _FINE:
        middle = (low + high) / 2.0
        if log_wealth(differences, base, middle) >= enough:
            low = middle
        else:
            high = middle
    return low


def stakes_of(differences: Array, scale: float) -> Array:
    """The stake of size 1 before each of the differences, in order."""
    squares = differences * differences
    seen = np.arange(len(differences), dtype=np.float64)
    return stake(seen, np.cumsum(squares) - squares, scale)


def log_wealth(differences: Array, base: Array, threshold: float) -> float:
    """Natural logarithm of the wealth of those who bet against a mean of at most `threshold`; `base`: `stakes_of`."""
    stakes = np.minimum(SIZES[:, None] * base, boldest(threshold))
    sums: Array = np.log1p(stakes * (differences - threshold)).sum(axis=1)
    return total(sums)
