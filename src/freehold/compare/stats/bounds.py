"""The sequential test turned round: which means can be refuted."""

from __future__ import annotations

import numpy as np

from freehold.compare.stats.bets import SIZES, Array, boldest, stake, total

_FINE = 1e-6
"""Bounds are found to this."""
_AT_ONCE = 4096
"""Differences that are reckoned with at a time."""


def lower_bound(
    differences: Array, threshold: float, scale: float, enough: float, *, sign: float, refuted: bool
) -> float:
    """The largest mean that is refuted together with all below it; -1 where none is. Rounded down by less than 1e-6.
    It is about the differences times `sign`.

    A mean m is refuted where the logarithm of the wealth against "at most m" is `enough` or more. But for the bound
    `boldest(m)`, stakes do not depend on m, so each factor falls as m rises: below the bound it is 1 + s (D - m), at it
    1 - b + b (1 + D) / (1 + m). The refuted means are therefore an interval that begins at -1, and bisection finds its
    end. `refuted` says whether `threshold` is refuted, as the test has it: the bound never contradicts that.
    """
    low, high = (threshold, 1.0) if refuted else (-1.0, threshold)
    while high - low > _FINE:
        middle = (low + high) / 2.0
        if log_wealth(differences, sign, middle, scale) >= enough:
            low = middle
        else:
            high = middle
    return low


def log_wealth(differences: Array, sign: float, threshold: float, scale: float) -> float:
    """Natural logarithm of the wealth of those who bet against a mean of at most `threshold`, of the differences times
    `sign`. Takes the same memory for however many there are.
    """
    bound, squares = boldest(threshold), 0.0
    logs: Array = np.zeros(len(SIZES))
    for begin in range(0, len(differences), _AT_ONCE):
        some = differences[begin : begin + _AT_ONCE]
        sums = squares + np.cumsum(some * some)
        seen = np.arange(begin, begin + len(some), dtype=np.float64)
        base = stake(seen, np.concatenate([[squares], sums[:-1]]), scale)
        stakes = np.minimum(SIZES[:, None] * base, bound)
        logs += np.log1p(stakes * (sign * some - threshold)).sum(axis=1)
        squares = float(sums[-1])
    return total(logs)
