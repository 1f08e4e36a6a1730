"""The anytime-valid paired test: small and correct, until the one with the better bets is here."""

from __future__ import annotations

import math

import msgspec

_GRID = 12


class State(msgspec.Struct):
    """All that a test remembers."""

    n: int = 0
    replaces: list[float] = []
    worse: list[float] = []
    total: float = 0.5
    """Sums of (D + 1) / 2 and its squared deviations, regularised."""
    squares: float = 0.25
    weights: float = 0.0
    weighted: float = 0.0
    spread: float = 0.0


class PairedTest:
    """Betting against "worse by the margin or more", and against its mirror: a mixture over fixed bets."""

    def __init__(self, *, margin: float, alpha: float) -> None:
        self._margin, self._alpha = margin, alpha
        self._up = [0.98 / (1 - margin) * 0.6**k for k in range(_GRID)]
        self._down = [0.98 / (1 + margin) * 0.6**k for k in range(_GRID)]
        self._state = State(replaces=[0.0] * _GRID, worse=[0.0] * _GRID)

    def add(self, d: float) -> None:
        """One more difference, in -1 … 1."""
        one, shifted = self._state, d + self._margin
        for at in range(_GRID):
            one.replaces[at] += math.log1p(self._up[at] * shifted)
            one.worse[at] += math.log1p(-self._down[at] * shifted)
        x = (d + 1) / 2
        one.n += 1
        mean = one.total / one.n
        variance = one.squares / one.n
        bet = min(0.5, math.sqrt(2 * math.log(2 / self._alpha) / (variance * one.n * math.log(1 + one.n))))
        one.weights += bet
        one.weighted += bet * x
        one.spread += 4 * (x - mean) ** 2 * (-math.log1p(-bet) - bet) / 4
        one.total += x
        one.squares += (x - one.total / (one.n + 1)) ** 2

    @property
    def log_e_replaces(self) -> float:
        """Natural logarithm of the e-value against "worse by the margin or more"."""
        return _mixed(self._state.replaces)

    @property
    def log_e_worse(self) -> float:
        """The same against "not worse by the margin"."""
        return _mixed(self._state.worse)

    def interval(self, alpha: float) -> tuple[float, float]:
        """A confidence sequence for the mean, at 1 - alpha."""
        one = self._state
        if not one.n:
            return -1.0, 1.0
        middle = one.weighted / one.weights
        wide = (math.log(2 / alpha) + one.spread) / one.weights
        return max(-1.0, 2 * (middle - wide) - 1), min(1.0, 2 * (middle + wide) - 1)

    def state(self) -> State:
        """What is to be kept."""
        return self._state


def _mixed(logs: list[float]) -> float:
    top = max(logs)
    return top + math.log(sum(math.exp(one - top) for one in logs) / len(logs))
