"""Made-up populations of differences that keep to what was seen: for planning, and for testing the tests."""

from __future__ import annotations

import msgspec
import numpy as np

from freehold.compare.stats.bets import Array


class Population(msgspec.Struct, frozen=True):
    """Differences that occur, and how often."""

    values: Array
    """In [-1, 1], each once, rising."""
    shares: Array
    """They sum to 1."""

    @property
    def mean(self) -> float:
        """Of the differences."""
        return float(self.values @ self.shares)

    @property
    def variance(self) -> float:
        """Of the differences."""
        return float(((self.values - self.mean) ** 2) @ self.shares)

    @property
    def discordance(self) -> float:
        """Share of pairs that are not ties."""
        return float(self.shares[self.values != 0.0].sum())

    def draw(self, generator: np.random.Generator, rows: int, steps: int) -> Array:
        """Independent differences, [rows, steps]."""
        ends = np.cumsum(self.shares)
        # Rounding may leave the last end a little below 1, and what is drawn above it.
        found = np.searchsorted(ends[:-1], generator.random((rows, steps)), side="right")
        drawn: Array = self.values[found]
        return drawn


def population_of(differences: Array) -> Population:
    """The differences as they were."""
    values, counts = np.unique(np.asarray(differences, dtype=np.float64), return_counts=True)
    return Population(values, counts / counts.sum())


def wins_and_losses(discordance: float, mean: float = 0.0) -> Population:
    """Differences of -1, 0 and 1 alone, a share `discordance` of them not ties. Raises ValueError: the mean would need
    more of them.
    """
    if not abs(mean) <= discordance <= 1.0:
        raise ValueError(
            f"A mean of {mean} needs a discordance from {abs(mean)} to 1, and not of {discordance}."
        )
    shares = np.array([(discordance - mean) / 2.0, 1.0 - discordance, (discordance + mean) / 2.0])
    return Population(np.array([-1.0, 0.0, 1.0]), shares)


def tilted(population: Population, mean: float) -> Population:
    """The population with exactly this mean that is closest to the given one (in Kullback-Leibler divergence).

    The same values, with shares in proportion to share * exp(t * value): exponential tilting. Scores that were 0 or 1
    stay so. Raises ValueError: no such population has values on both sides of `mean`.

    Source: Efron, Nonparametric standard errors and confidence intervals, Canadian Journal of Statistics 9 (1981).
    """
    values = population.values
    if not values[0] < mean < values[-1]:
        raise ValueError(f"Differences from {values[0]} to {values[-1]} cannot have a mean of {mean}.")
    low, high = -1.0, 1.0
    while _tilt(population, low).mean > mean:
        low *= 2.0
    while _tilt(population, high).mean < mean:
        high *= 2.0
    for _ in range(200):
        middle = (low + high) / 2.0
        if _tilt(population, middle).mean > mean:
            high = middle
        else:
            low = middle
    return _tilt(population, low)


def _tilt(population: Population, by: float) -> Population:
    exponents = by * population.values
    shares = population.shares * np.exp(exponents - exponents.max())
    return Population(population.values, shares / shares.sum())
