"""The sequential test over many sequences of differences at once: for planning, and for counting its errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from freehold.compare.stats.bets import SIZES, WEIGHTS, Array, boldest, scale_of, stake

_AT_ONCE = 64
"""Steps multiplied up before wealth becomes a logarithm again: in so many no wealth leaves float64's range."""


class Paths:
    """As many tests as there are rows, all at the same step: what `PairedTest` does, without its history.

    `margin` as there. `threshold` is the mean that is bet against, from below and from above; by default -margin, and
    then the wealth is the e-values of the two verdicts.
    """

    def __init__(self, rows: int, *, margin: float, threshold: float | None = None) -> None:
        self.seen = 0
        self._scale = scale_of(margin)
        self._threshold = -margin if threshold is None else threshold
        self._squares: Array = np.zeros(rows)
        # What each bettor made of 1, upwards and downwards.
        self._logs: Array = np.zeros((2, len(SIZES), rows))

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self._squares)

    def take(self, rows: NDArray[np.intp]) -> None:
        """Go on with these rows, in this order; one may be named several times."""
        self._squares = self._squares[rows]
        self._logs = self._logs[:, :, rows]

    def advance(self, differences: Array) -> tuple[Array, Array]:
        """Tell each row its next differences, [rows, steps]. Returns the logarithms of the wealth of those who bet on
        more than the threshold, and of those who bet on less, after each step, [rows, steps].
        """
        up, down = np.empty_like(differences), np.empty_like(differences)
        for begin in range(0, differences.shape[1], _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            self._advance(differences[:, part], up[:, part], down[:, part])
        return up, down

    def _advance(self, differences: Array, up: Array, down: Array) -> None:
        squares = differences * differences
        sums = self._squares[:, None] + np.cumsum(squares, axis=1)
        steps = differences.shape[1]
        base = stake(np.arange(self.seen, self.seen + steps, dtype=np.float64), sums - squares, self._scale)
        excess = differences - self._threshold
        up[:] = _wealth(self._logs[0], base, excess, boldest(self._threshold))
        down[:] = _wealth(self._logs[1], base, -excess, boldest(-self._threshold))
        self._squares = sums[:, -1].copy()
        self.seen += steps


def _wealth(logs: Array, base: Array, gains: Array, bound: float) -> Array:
    """Logarithms of what all bettors have together after each step; `logs`, what each has, becomes that of the last."""
    highest = logs.max(axis=0)
    wealth = np.zeros_like(gains)
    for bettor, (size, weight) in enumerate(zip(SIZES, WEIGHTS, strict=True)):
        grown = np.cumprod(1.0 + np.minimum(size * base, bound) * gains, axis=1)
        wealth += (weight * np.exp(logs[bettor] - highest))[:, None] * grown
        logs[bettor] += np.log(grown[:, -1])
    logged: Array = np.log(wealth) + highest[:, None]
    return logged
