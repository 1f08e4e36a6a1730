"""How much to stake: the known strategies beside ours, by how many cases they take."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np

from benchmarks.compare.recorded import Pair
from benchmarks.compare.resampling import ALPHA, POWER
from freehold.compare.stats.bets import Array
from freehold.compare.stats.fixed import cases_needed
from freehold.compare.stats.paths import Paths
from freehold.compare.stats.populations import tilted

_ENOUGH = math.log(1.0 / ALPHA)
_HORIZON = 8
"""Times the fixed number of cases."""

Strategy = Callable[[Array, float], Array]
"""From how far each difference lies above the margin, [rows, steps], and the margin to the logarithm of the wealth."""


class Speed(msgspec.Struct, frozen=True):
    """Medians over the pairs, as multiples of the fixed-n design's cases."""

    strategy: str
    median: float
    ninth_decile: float


def compare_strategies(pairs: list[Pair], margin: float, resamples: int, seed: int) -> list[Speed]:
    """Until `replaces`, both models being equally good."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in STRATEGIES}
    for number, pair in enumerate(pairs):
        population = tilted(pair.population, 0.0)
        fixed = cases_needed(margin, population.variance, alpha=ALPHA, power=POWER)
        drawn = population.draw(np.random.default_rng([seed, number]), resamples, _HORIZON * fixed)
        for name, strategy in STRATEGIES.items():
            sure = strategy(drawn + margin, margin) >= _ENOUGH
            stops = np.where(sure.any(axis=1), sure.argmax(axis=1) + 1.0, np.inf) / fixed
            median, ninth_decile = np.quantile(stops, [0.5, 0.9], method="higher")
            found[name].append((float(median), float(ninth_decile)))
    return [Speed(name, *np.median(values, axis=0).tolist()) for name, values in found.items()]


def _bound(margin: float) -> float:
    return 0.95 / (1.0 - margin)


def _grown(stakes: Array, excess: Array) -> Array:
    logs: Array = np.cumsum(np.log1p(stakes * excess), axis=1)
    return logs


def _before(values: Array) -> Array:
    """Sums of all that came before each."""
    sums: Array = np.cumsum(values, axis=1) - values
    return sums


def _plug_in(excess: Array, margin: float) -> Array:
    """Mean and variance so far, as if they were the truth (aGRAPA)."""
    seen = np.arange(excess.shape[1])
    mean = _before(excess) / (seen + 1.0)
    variance = (0.25 + _before(excess**2)) / (seen + 1.0) - mean**2
    return _grown(np.clip(mean / (variance + mean**2), 0.0, _bound(margin)), excess)


def _empirical_bernstein(excess: Array, margin: float) -> Array:
    """Stakes that fall as 1 / sqrt(t log t), whatever the mean (predictable plug-in)."""
    steps = np.arange(1, excess.shape[1] + 1)
    mean = _before(excess) / steps
    variance = np.maximum((0.25 + _before(excess**2)) / steps - mean**2, 1e-4)
    stakes = np.sqrt(2.0 * _ENOUGH / (variance * steps * np.log(1.0 + steps)))
    return _grown(np.minimum(stakes, _bound(margin)), excess)


def _newton(excess: Array, margin: float) -> Array:
    """The online Newton step."""
    stakes, stake, squares = np.empty_like(excess), np.zeros(len(excess)), np.ones(len(excess))
    for step in range(excess.shape[1]):
        stakes[:, step] = stake
        slope = -excess[:, step] / (1.0 + stake * excess[:, step])
        squares += slope**2
        stake = np.clip(stake - 2.0 / (2.0 - math.log(3.0)) * slope / squares, 0.0, 0.5 / (1.0 - margin))
    return _grown(stakes, excess)


def _universal(excess: Array, margin: float) -> Array:
    """Cover's universal portfolio: all constant stakes at once, weighted by Beta(1/2, 1/2), on 24 points."""
    shares = np.sin((np.arange(24) + 0.5) / 24 * math.pi / 2.0) ** 2
    logs = [_grown(np.full(excess.shape[1], share / (1.0 - margin)), excess) for share in shares]
    total = np.logaddexp.reduce(logs) - math.log(24)
    return np.asarray(total)


def _ours(excess: Array, margin: float) -> Array:
    return Paths(len(excess), margin=margin).advance(excess - margin)[0]


STRATEGIES: dict[str, Strategy] = {
    "mean and variance so far as if they were true (aGRAPA)": _plug_in,
    "predictable plug-in empirical Bernstein": _empirical_bernstein,
    "online Newton step": _newton,
    "Cover's universal portfolio": _universal,
    "made for the margin, four sizes (Freehold)": _ours,
}
