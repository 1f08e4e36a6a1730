"""How many cases a verdict will take: an expectation to plan with, never part of the verdict."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from freehold.compare.stats.bets import Array
from freehold.compare.stats.fixed import cases_needed
from freehold.compare.stats.paths import Paths
from freehold.compare.stats.populations import Population, population_of, tilted, wins_and_losses
from freehold.compare.stats.sequential import PairedTest

MOST = 20_000
"""Cases that a plan looks ahead at most."""

_PATHS = 400
_STEPS = 256
_AT_ONCE = 4096
"""Differences that were told, taken in at a time."""


class Ahead(msgspec.Struct, frozen=True):
    """What `_PATHS` made-up comparisons came to. All numbers of cases are of those still to be asked."""

    half: int | None
    """In half of them the verdict was there after this many; None: not within `most`."""
    nine_in_ten: int | None
    """In nine of ten."""
    replaces: float
    """Share that ended in `replaces` within `most`."""
    does_not_replace: float
    """Share that ended in `does not replace` within `most`; the others were undecided."""
    most: int


class Plan(msgspec.Struct, frozen=True):
    """What a margin asks for."""

    fixed: int
    """Cases of a design that looks once, at the end, with the wanted power."""
    sequential: Ahead
    discordance: float
    """Share of pairs that are no tie, as it was assumed."""


def plan(
    margin: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    difference: float = 0.0,
    pilot: Array | None = None,
    discordance: float | None = None,
    most: int = MOST,
    seed: int = 0,
) -> Plan:
    """Cases that it takes to find `replaces` if the candidate's true difference is `difference`.

    What the pairs look like is taken from `pilot` (differences of pairs that were asked already, tilted so that their
    mean is `difference`), else from `discordance` (the share of cases that one model gets right and the other wrong),
    else it is the worst there is: no ties at all. The fixed number is `cases_needed`; the sequential ones are counted
    in simulated comparisons, so they are good to some percent. Raises ValueError: the difference is at the margin or
    worse.
    """
    if pilot is not None and len(pilot):
        population = tilted(_careful(pilot), difference)
    else:
        population = wins_and_losses(
            1.0 if discordance is None else max(discordance, abs(difference)), difference
        )
    fixed = cases_needed(margin, population.variance, alpha=alpha, power=power, difference=difference)
    ahead = _simulated(Paths(_PATHS, margin=margin), population, alpha, most, seed)
    return Plan(fixed, ahead, population.discordance)


def cases_ahead(test: PairedTest, *, most: int = MOST, seed: int = 0) -> Ahead:
    """How many more cases an undecided test will take if the pairs to come are like those it was told."""
    told = test.differences
    paths = Paths(1, margin=test.margin)
    for begin in range(0, len(told), _AT_ONCE):
        paths.advance(told[None, begin : begin + _AT_ONCE])
    paths.take(np.zeros(_PATHS, dtype=np.intp))
    return _simulated(paths, _careful(told), test.alpha, most, seed)


def _careful(differences: Array) -> Population:
    """The differences, and half a win and half a loss besides: that none was seen yet does not mean that none comes."""
    seen = population_of(np.concatenate([differences, [-1.0, 1.0]]))
    values = np.concatenate([differences, [-1.0, 1.0]])
    weights = np.concatenate([np.ones(len(differences)), [0.5, 0.5]])
    shares = np.bincount(np.searchsorted(seen.values, values), weights=weights)
    return Population(seen.values, shares / shares.sum())


def _simulated(paths: Paths, population: Population, alpha: float, most: int, seed: int) -> Ahead:
    generator = np.random.default_rng(seed)
    enough = math.log(1.0 / alpha)
    begun = paths.seen
    stops: list[Array] = []
    decided = [0, 0]
    while paths.rows and paths.seen - begun < most:
        before = paths.seen - begun
        steps = min(_STEPS, most - before)
        wealth = paths.advance(population.draw(generator, paths.rows, steps))
        first = [_first_of(side, enough) for side in wealth]
        stop = np.minimum(*first)
        over = stop < steps
        stops.append(before + 1.0 + stop[over])
        for side in (0, 1):
            decided[side] += int((over & (first[side] == stop)).sum())
        paths.take(np.flatnonzero(~over))
    times = np.sort(np.concatenate(stops)) if stops else np.empty(0)

    def reached(share: float) -> int | None:
        place = math.ceil(share * _PATHS) - 1
        return int(times[place]) if place < len(times) else None

    return Ahead(reached(0.5), reached(0.9), decided[0] / _PATHS, decided[1] / _PATHS, most)


def _first_of(wealth: Array, enough: float) -> Array:
    """The first step at which there is enough, in each row; the number of steps where there never is."""
    reached = wealth >= enough
    found: Array = np.where(reached.any(axis=1), reached.argmax(axis=1), reached.shape[1]).astype(np.float64)
    return found
