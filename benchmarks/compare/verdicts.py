"""How often verdicts on real pairs of models are wrong, and how many cases they take."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import msgspec
import numpy as np

from benchmarks.compare.charts import draw
from benchmarks.compare.looking import look
from benchmarks.compare.measured import Again, Run, figures_of, refuted, share
from benchmarks.compare.part import Occasion, Part, Wanted
from benchmarks.compare.recorded import Pair, pairs_in
from benchmarks.compare.report import tables, write_page
from benchmarks.compare.resampling import Result, examine, wrong_at_margin
from benchmarks.compare.strategies import compare_strategies
from benchmarks.gateway.environments import say
from freehold.compare.stats.populations import tilted

MARGINS = (0.02, 0.05, 0.10)
_AGAIN, _AGAIN_TIMES = 10, 10
"""So many of the largest counts are counted anew, with so many times the resamples."""
_Asked = TypeVar("_Asked")
_Found = TypeVar("_Found")


class Plan(msgspec.Struct, frozen=True):
    """How much of it."""

    pairs: int
    """Of each source, at most."""
    resamples: int
    """Of each pair and margin."""
    most: int
    """Cases to look at."""


FULL, QUICK = Plan(8, 2000, 20_000), Plan(2, 300, 5000)


def measure_verdicts(wanted: Wanted) -> Run | None:
    """None: there are no recorded results."""
    plan, occasion = QUICK if wanted.quick else FULL, Occasion()
    pairs, absent = pairs_in(wanted.data, plan.pairs)
    for name in absent:
        say(f"No recorded results of {name} in the data folder: left out.")
    if not pairs:
        say("There are no recorded results to resample: name their folder with --data.")
        return None
    run = Run("", absent, _examined(pairs, plan, wanted.seed), [], [], None)
    if not wanted.quick:
        run.again = _counted_again(pairs, run.results, plan, wanted.seed)
        run.strategies = compare_strategies(pairs[::3], 0.05, min(500, plan.resamples), wanted.seed)
        looked_at = max(pairs, key=lambda pair: (len(pair.differences), pair.candidate))
        run.looked_at = f"{looked_at.candidate} for {looked_at.incumbent} ({looked_at.source}), margin 0.05"
        generator = np.random.default_rng([wanted.seed, 2])
        run.looks = look(tilted(looked_at.population, -0.05), 0.05, plan.resamples, 5000, generator)
    run.where = f"{occasion} Seed {wanted.seed}."
    return run


def _examined(pairs: list[Pair], plan: Plan, seed: int) -> list[Result]:
    jobs = [
        (pair, margin, [seed, number, place])
        for number, pair in enumerate(pairs)
        for place, margin in enumerate(MARGINS)
    ]
    results: list[Result] = []
    for one in _spread(functools.partial(_examine, plan), jobs):
        results.append(one)
        if len(results) % len(MARGINS) == 0:
            done = f"{len(results) // len(MARGINS)} of {len(pairs)}"
            say(f"{done}: {one.source}, {one.candidate} for {one.incumbent}")
    return results


def _examine(plan: Plan, job: tuple[Pair, float, list[int]]) -> Result:
    pair, margin, seed = job
    return examine(pair, margin, plan.resamples, plan.most, np.random.default_rng(seed))


def _counted_again(pairs: list[Pair], results: list[Result], plan: Plan, seed: int) -> list[Again]:
    by_name = {(pair.source, pair.incumbent, pair.candidate): pair for pair in pairs}
    largest = sorted(results, key=lambda one: -one.errors.replaces)[:_AGAIN]
    jobs = [
        (by_name[one.source, one.incumbent, one.candidate], one, [seed, 1, number, part])
        for number, one in enumerate(largest)
        for part in range(_AGAIN_TIMES)
    ]
    counts = np.array(list(_spread(functools.partial(_count, plan.resamples), jobs)))
    found: list[Again] = []
    for one, wrong in zip(largest, counts.reshape(len(largest), _AGAIN_TIMES, 2).sum(axis=1), strict=True):
        first, tries = share(one.errors.replaces, one), plan.resamples * _AGAIN_TIMES
        found.append(Again(one.candidate, one.margin, first, int(wrong[0]), int(wrong[1]), tries))
    say(f"the {len(largest)} largest counted anew")
    return found


def _count(resamples: int, job: tuple[Pair, Result, list[int]]) -> tuple[int, int]:
    pair, one, seed = job
    generator = np.random.default_rng(seed)
    return wrong_at_margin(pair, one.margin, one.errors.horizon, resamples, generator)


def _spread(work: Callable[[_Asked], _Found], jobs: Iterable[_Asked]) -> Iterator[_Found]:
    """The jobs in their order, on all cores. Each has a seed of its own, so that it does not matter which."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), context, os.nice, (5,)) as pool:
        yield from pool.map(work, jobs)


def _write(run: Run) -> None:
    write_page(run)
    draw(run)


VERDICTS = Part(
    "verdicts", Run, measure_verdicts, tables, _write, figures_of, refuted, lambda run: not run.absent
)
