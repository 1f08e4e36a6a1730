"""What was measured of judges."""

from __future__ import annotations

import msgspec


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One judge. Errors are mean distances to what people say; coverages are shares of intervals at 95 %."""

    source: str
    judge: str
    candidate: str
    pairs: int
    truth: float
    judge_says: float
    consistency: float | None
    raw_error: float
    labels_error: float
    """Of the labels alone, without the judge."""
    powered_error: float
    powered_coverage: float
    powered_width: float
    weight: float
    rates_error: float | None
    rates_coverage: float | None
    rates_refused: float
    """Share of resamples in which error rates were refused."""


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """Error rates from labels of another kind of pairs."""

    judge: str
    truth: float
    raw_error: float
    rates_error: float | None
    rates_coverage: float | None
    rates_refused: float


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """A judge that was asked the same three times; variances of shares of its scale."""

    answers: int
    all_the_same: float
    within: float
    between: float


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, and where."""

    where: str
    absent: list[str]
    resamples: int
    pairs: int
    labels: int
    results: list[Result]
    elsewhere: list[Elsewhere]
    repeats: Repeats | None
