"""What a run of the statistical part measured, and what it amounts to."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
import numpy as np

from benchmarks.compare.looking import Looks
from benchmarks.compare.part import Figures
from benchmarks.compare.resampling import ALPHA, Result
from benchmarks.compare.strategies import Speed


class Again(msgspec.Struct, frozen=True):
    """A pair and margin with one of the largest counts of wrong verdicts, counted anew with other resamples."""

    candidate: str
    margin: float
    first: float
    """The share of wrong `replaces` in the first count."""
    replaces: int
    worse: int
    resamples: int


class Run(msgspec.Struct):
    """All of it."""

    where: str
    absent: list[str]
    results: list[Result]
    again: list[Again]
    strategies: list[Speed]
    looks: Looks | None
    looked_at: str = ""
    """Whose."""


def figures_of(run: Run | None) -> Figures:
    """The figures that the project is held to; None: not measured."""
    if run is None:
        return {"false_replace_max": None, "median_n_over_fixed": None}
    results = run.results
    return {
        "false_replace_max": round(worst(run), 4),
        "false_replace_max_first_count": round(max(share(one.errors.replaces, one) for one in results), 4),
        "false_replace_mean": round(_mean(share(one.errors.replaces, one) for one in results), 4),
        "false_replace_later_max": round(max(share(one.errors.later, one) for one in results), 4),
        "false_worse_mean": round(_mean(share(one.errors.worse, one) for one in results), 4),
        "median_n_over_fixed": round(_median(one.equal.median / one.fixed for one in results), 3),
        "same_power_n_over_fixed": round(_median(one.equal.eighth_decile / one.fixed for one in results), 3),
    }


def worst(run: Run) -> float:
    """The largest share of wrong `replaces`: of those counted anew, as the largest of many is large by chance."""
    if run.again:
        return max(one.replaces / one.resamples for one in run.again)
    return max(share(one.errors.replaces, one) for one in run.results)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _median(values: Iterable[float]) -> float:
    return float(np.median(list(values)))


def share(count: float, result: Result) -> float:
    """Of the resamples."""
    return count / result.resamples


def refuted(run: Run) -> list[str]:
    """Where a rate of at most alpha would leave so many errors less than once in a hundred runs (exact binomial, shared
    among all counts).
    """
    counts = [
        (f"{one.candidate}, margin {one.margin}: {count} of {one.resamples}", count, one.resamples)
        for one in (
            *(_Counted.of(result) for result in run.results),
            *(_Counted.again(one) for one in run.again),
        )
        for count in one.counts
    ]
    return [text for text, count, tries in counts if chance_of(count, tries, ALPHA) < 0.01 / len(counts)]


class _Counted(msgspec.Struct):
    candidate: str
    margin: float
    resamples: int
    counts: list[int]

    @classmethod
    def of(cls, result: Result) -> _Counted:
        errors = result.errors
        counts = [errors.replaces, errors.worse, *([] if errors.in_suite is None else [errors.in_suite])]
        return cls(result.candidate, result.margin, result.resamples, counts)

    @classmethod
    def again(cls, one: Again) -> _Counted:
        return cls(one.candidate, one.margin, one.resamples, [one.replaces, one.worse])


def chance_of(count: int, tries: int, rate: float) -> float:
    """P(Bin(tries, rate) >= count)."""
    numbers = np.arange(count, tries + 1)
    choose = np.array([math.lgamma(number + 1) + math.lgamma(tries - number + 1) for number in numbers])
    logs = math.lgamma(tries + 1) - choose + numbers * math.log(rate) + (tries - numbers) * math.log1p(-rate)
    return float(np.exp(logs).sum())
