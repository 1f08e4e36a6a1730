"""One pair of models at one margin: how often the verdict is wrong, and how soon it is there."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from benchmarks.compare.recorded import Pair
from freehold.compare.stats.bets import Array
from freehold.compare.stats.fixed import cases_needed
from freehold.compare.stats.paths import Paths
from freehold.compare.stats.populations import Population, tilted

ALPHA, POWER = 0.05, 0.8
_ENOUGH = math.log(1.0 / ALPHA)
CRITICAL = 1.6448536269514722  # of the normal distribution, at 1 - ALPHA
_CHUNK = 512
_ROWS = 250


class Errors(msgspec.Struct, frozen=True):
    """Resamples in which a verdict was wrong, the true difference being exactly the margin: either is."""

    replaces: int
    worse: int
    """`does not replace`."""
    in_suite: int | None
    """`replaces` where the cases are drawn from a suite of the same size without putting any back, so that the true
    difference is the suite's; None: the suite has too few cases to be brought to the margin.
    """
    fixed: int
    """`replaces` by the fixed-n design, which looks once."""
    horizon: int
    """Cases after which we stopped looking."""
    later: float
    """Resamples in which `replaces` would still be said if we went on for ever, at most and on average: by Ville's
    inequality no wealth that is left reaches 1/alpha with a chance above wealth * alpha.
    """


class Stops(msgspec.Struct, frozen=True):
    """When the right verdict was there."""

    median: float
    eighth_decile: float
    """By then it has the power of the fixed-n design."""
    ninth_decile: float
    """Infinite: not within the horizon."""
    right: float
    """Share of the resamples in which it came within the horizon, and not the wrong one before it."""


class Result(msgspec.Struct, frozen=True):
    """All of it."""

    source: str
    incumbent: str
    candidate: str
    margin: float
    resamples: int
    off: float
    """By which the mean of the population at the margin is above minus the margin: rounding."""
    discordance: float
    """Share of cases that are no tie, where both models are equally good."""
    fixed: int
    """Cases of the fixed-n design: one-sided at 5 %, 80 % power where both are equally good."""
    fixed_right: float
    """Share of the resamples in which that design finds `replaces` where both are equally good."""
    errors: Errors
    equal: Stops
    """Until `replaces`, both being equally good."""
    harm: Stops
    """Until `does not replace`, the candidate being worse by twice the margin."""


def examine(pair: Pair, margin: float, resamples: int, most: int, generator: np.random.Generator) -> Result:
    """`most`: cases after which nobody looks any more."""
    equal = tilted(pair.population, 0.0)
    fixed = cases_needed(margin, equal.variance, alpha=ALPHA, power=POWER)
    boundary = tilted(pair.population, -margin)
    horizon = min(most, max(500, 4 * fixed))
    replaces, worse, later = _wrong(boundary, margin, resamples, horizon, generator)
    errors = Errors(
        replaces,
        worse,
        _wrong_in_suite(pair.differences, margin, resamples, most, generator),
        _fixed_finds(boundary, margin, fixed, resamples, generator),
        horizon,
        later,
    )
    long = min(2 * most, max(1000, 12 * fixed))
    return Result(
        source=pair.source,
        incumbent=pair.incumbent,
        candidate=pair.candidate,
        margin=margin,
        resamples=resamples,
        off=boundary.mean + margin,
        discordance=equal.discordance,
        fixed=fixed,
        fixed_right=_fixed_finds(equal, margin, fixed, resamples, generator) / resamples,
        errors=errors,
        equal=_stops(equal, margin, resamples, long, generator, upwards=True),
        harm=_stops(
            tilted(pair.population, -2.0 * margin), margin, resamples, long, generator, upwards=False
        ),
    )


def wrong_at_margin(
    pair: Pair, margin: float, horizon: int, resamples: int, generator: np.random.Generator
) -> tuple[int, int]:
    """How often `replaces` and `does not replace` were said within `horizon` cases, both being wrong."""
    return _wrong(tilted(pair.population, -margin), margin, resamples, horizon, generator)[:2]


def _wrong(
    population: Population, margin: float, resamples: int, horizon: int, generator: np.random.Generator
) -> tuple[int, int, float]:
    """Looks after every case. `replaces`, `does not replace`, and how many `replaces` may come after the horizon."""
    paths = Paths(resamples, margin=margin)
    reached = np.zeros((2, resamples), dtype=bool)
    for _ in range(0, horizon, _CHUNK):
        wealth = paths.advance(population.draw(generator, resamples, _CHUNK))
        for side in (0, 1):
            reached[side] |= (wealth[side] >= _ENOUGH).any(axis=1)
    left = np.exp(wealth[0][~reached[0], -1])
    return int(reached[0].sum()), int(reached[1].sum()), float(left.sum()) * ALPHA


def _wrong_in_suite(
    differences: Array, margin: float, resamples: int, most: int, generator: np.random.Generator
) -> int | None:
    """Cases are left out at random, wins or losses, until the candidate is worse by the margin in what is left, or by
    less than one case more.
    """
    suite = generator.permutation(differences)
    too_good = suite.mean() > -margin
    removable = np.flatnonzero(suite > 0.0) if too_good else np.flatnonzero(suite < 0.0)
    for count in range(len(removable) + 1):
        left = np.delete(suite, removable[:count])
        if (left.mean() <= -margin) if too_good else (left.mean() >= -margin):
            break
    else:
        return None
    if not too_good:  # one step back: the mean has to be at the margin or below it
        left = np.delete(suite, removable[: max(0, count - 1)])
    if len(left) < 200:
        return None
    wrong = 0
    for begin in range(0, resamples, _ROWS):
        rows = min(_ROWS, resamples - begin)
        orders = generator.permuted(np.tile(left, (rows, 1)), axis=1)[:, :most]
        up, _ = Paths(rows, margin=margin).advance(orders)
        wrong += int((up.max(axis=1) >= _ENOUGH).sum())
    return wrong


def _fixed_finds(
    population: Population, margin: float, cases: int, resamples: int, generator: np.random.Generator
) -> int:
    counts = generator.multinomial(cases, population.shares, size=resamples)
    means = counts @ population.values / cases
    variances = counts @ population.values**2 / cases - means**2
    return int((means + margin > CRITICAL * np.sqrt(variances / cases)).sum())


def _stops(
    population: Population,
    margin: float,
    resamples: int,
    horizon: int,
    generator: np.random.Generator,
    *,
    upwards: bool,
) -> Stops:
    paths = Paths(resamples, margin=margin)
    stops: list[Array] = []
    wrong = 0
    while paths.rows and paths.seen < horizon:
        before = paths.seen
        up, down = paths.advance(population.draw(generator, paths.rows, _CHUNK))
        right_at, wrong_at = map(_first, (up, down) if upwards else (down, up))
        right = right_at < wrong_at
        stops.append(before + 1 + right_at[right])
        wrong += int((wrong_at < right_at).sum())
        paths.take(np.flatnonzero(right_at == wrong_at))
    found = np.concatenate(stops)
    times = np.sort(np.concatenate([found, np.full(resamples - len(found), np.inf)]))
    half, eight, nine = (float(times[math.ceil(resamples * share) - 1]) for share in (0.5, 0.8, 0.9))
    return Stops(half, eight, nine, len(found) / resamples)


def _first(wealth: Array) -> Array:
    """The first step at which it is enough; beyond the last: at none."""
    enough = wealth >= _ENOUGH
    found: Array = np.where(enough.any(axis=1), enough.argmax(axis=1), wealth.shape[1]).astype(np.float64)
    return found
