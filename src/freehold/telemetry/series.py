"""What is counted: a metric with its attributes, and those that a call or an attempt moves together."""

from __future__ import annotations

from bisect import bisect_left

from freehold.telemetry.names import Metric

Labels = tuple[tuple[str, str | int], ...]
"""Attributes by name."""


class Series:
    """One metric with one combination of attributes."""

    __slots__ = ("bounds", "buckets", "count", "total")

    def __init__(self, metric: Metric) -> None:
        self.bounds = metric.bounds
        self.count = 0
        self.total: float = 0
        """Of a counter its value, of a histogram the sum of what was observed."""
        self.buckets = [0] * (len(metric.bounds) + 1) if metric.bounds else []

    def observe(self, value: float) -> None:
        """One more value of a histogram."""
        self.count += 1
        self.total += value
        self.buckets[bisect_left(self.bounds, value)] += 1


class AttemptSeries:
    """The series that attempts of one kind move."""

    __slots__ = (
        "cache_read", "cache_write", "cost", "duration", "first", "input", "inputs", "old_duration", "old_first",
        "old_input", "old_output", "output", "outputs", "reasoning", "unpriced",
    )  # fmt: skip

    duration: Series | None
    first: Series | None
    input: Series | None
    output: Series | None
    inputs: dict[str, Series]
    """By modality."""
    outputs: dict[str, Series]
    cache_read: Series
    cache_write: Series
    reasoning: Series
    old_duration: Series | None
    old_first: Series
    old_input: Series
    old_output: Series
    cost: Series
    unpriced: Series


class CallSeries:
    """The series that calls of one kind move."""

    __slots__ = ("duration", "each", "first")

    def __init__(self, duration: Series, first: Series, each: Series) -> None:
        self.duration = duration
        self.first = first
        self.each = each
