"""What looking after every case does to a test that was made for looking once."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from benchmarks.compare.resampling import ALPHA, CRITICAL
from freehold.compare.stats.bets import Array
from freehold.compare.stats.paths import Paths
from freehold.compare.stats.populations import Population

_FIRST_LOOK = 30
"""Nobody trusts the normal test before."""


class Looks(msgspec.Struct, frozen=True):
    """Share of resamples in which `replaces` was wrongly said by then, the difference being exactly the margin."""

    cases: list[int]
    sequential: list[float]
    usual: list[float]
    """By the normal test that is meant for one look at the end, looked at after every case from the 30th on."""


def look(
    population: Population, margin: float, resamples: int, cases: int, generator: np.random.Generator
) -> Looks:
    """`population` has a mean of -margin."""
    drawn = population.draw(generator, resamples, cases)
    up, _ = Paths(resamples, margin=margin).advance(drawn)
    seen = np.arange(1, cases + 1)
    means = np.cumsum(drawn, axis=1) / seen
    errors = np.sqrt(np.maximum(np.cumsum(drawn**2, axis=1) / seen - means**2, 1e-12) / seen)
    usual = (means + margin > CRITICAL * errors) & (seen >= _FIRST_LOOK)
    places = np.unique(np.geomspace(_FIRST_LOOK, cases, 60).astype(int)) - 1
    return Looks(
        [int(place) + 1 for place in places],
        _ever(up >= math.log(1.0 / ALPHA))[places].tolist(),
        _ever(usual)[places].tolist(),
    )


def _ever(said: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Array:
    shares: Array = np.maximum.accumulate(said, axis=1).mean(axis=0)
    return shares
