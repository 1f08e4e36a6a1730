"""An interval for the mean difference by resampling the pairs, for a number of cases fixed in advance."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from freehold.compare.stats.bets import Array

_NORMAL = NormalDist()
_NUMBERS_AT_ONCE = 2_000_000

_NOTHING = 1e-12
"""Means that differ by less are equal, but for rounding."""


def bootstrap_interval(
    differences: Array,
    *,
    alpha: float,
    groups: list[str] | None = None,
    resamples: int = 9999,
    seed: int = 0,
) -> tuple[float, float]:
    """The paired bootstrap, bias-corrected and accelerated (BCa): both ends together at 1 - 2 alpha.

    Pairs are resampled, never the two models' answers apart from each other; with `groups`, whole groups are. The
    ends are the quantiles Phi(z0 + (z0 + z) / (1 - a (z0 + z))) of the resampled means, where z is that of alpha and
    1 - alpha, z0 = Phi^-1(share of resampled means below the mean, those equal to it counted half) and a the
    jackknife's acceleration, sum r^3 / (6 (sum r^2)^1.5) with r the mean less the mean without one unit. Assumes
    independent units, and enough of them to stand for all there are: with fewer than about 20 that are no ties it is
    too narrow. Where all differences are the same it is that one value, whatever their number. Raises ValueError:
    fewer than two units.

    Source: Efron, Better bootstrap confidence intervals, Journal of the American Statistical Association 82 (1987).
    """
    sums, sizes = _units(differences, groups)
    if len(sums) < 2:
        raise ValueError("A bootstrap needs at least two cases, or two groups of them.")
    mean = float(sums.sum() / sizes.sum())
    means = _resampled(sums, sizes, resamples, np.random.default_rng(seed))
    if float(np.ptp(means)) <= _NOTHING:
        return mean, mean
    equal = np.abs(means - mean) <= _NOTHING
    below = float(((means < mean) & ~equal).sum() + 0.5 * equal.sum()) / resamples
    bias = _NORMAL.inv_cdf(min(max(below, 0.5 / resamples), 1.0 - 0.5 / resamples))
    without = (sums.sum() - sums) / (sizes.sum() - sizes)
    pull = without.mean() - without
    spread = float((pull**2).sum())
    acceleration = float((pull**3).sum()) / (6.0 * spread**1.5) if spread > 0.0 else 0.0
    ends = []
    for level in (alpha, 1.0 - alpha):
        moved = bias + _NORMAL.inv_cdf(level)
        ends.append(_NORMAL.cdf(bias + moved / (1.0 - acceleration * moved)))
    low, high = np.quantile(means, ends)
    return float(low), float(high)


def _units(differences: Array, groups: list[str] | None) -> tuple[Array, Array]:
    """What is resampled: sums of differences, and of how many."""
    if groups is None:
        return np.asarray(differences, dtype=np.float64), np.ones(len(differences))
    _, places = np.unique(np.array(groups), return_inverse=True)
    sums = np.bincount(places, weights=differences).astype(np.float64)
    return sums, np.bincount(places).astype(np.float64)


def _resampled(sums: Array, sizes: Array, resamples: int, generator: np.random.Generator) -> Array:
    means = np.empty(resamples)
    rows = max(1, _NUMBERS_AT_ONCE // len(sums))
    for begin in range(0, resamples, rows):
        end = min(begin + rows, resamples)
        drawn = generator.integers(0, len(sums), size=(end - begin, len(sums)))
        means[begin:end] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return means
