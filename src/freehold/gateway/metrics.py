"""Figures for Prometheus, under `/metrics`.

Calls are counted in plain numbers and turned into Prometheus' families when somebody scrapes: the
library's own counters take a lock for each of the five figures that a call moves.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from freehold import __version__
from freehold.core.families import Family, Line
from freehold.gateway.sums import Count, Figures, Labels, Reading, packed, sum_of
from freehold.ledger.record import Call

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds of the histograms, in seconds."""

MOST_COMBINATIONS = 2000
"""Combinations of labels that are told apart; models beyond them are counted together as `other`."""


class LabelOf(Protocol):
    """What a model is called in figures."""

    def __call__(self, provider: str, model: str, /, *, answered: bool) -> str:
        """Its own name, or one that it shares with others."""


def _own_name(_provider: str, model: str, *, answered: bool) -> str:
    return model


class Tally:
    """The figures of one combination of labels. Seconds are kept as milliseconds until the scrape."""

    __slots__ = ("calls", "duration_ms", "durations", "first_ms", "firsts", "input_tokens", "output_tokens")

    def __init__(self) -> None:
        self.calls = 0
        self.duration_ms = 0.0
        self.durations = [0] * (len(BUCKETS) + 1)
        self.first_ms = 0.0
        self.firsts = [0] * (len(BUCKETS) + 1)
        self.input_tokens = 0
        self.output_tokens = 0


class Metrics(Collector):
    """Counts finished calls. Not for several threads: it lives in the event loop's."""

    def __init__(
        self,
        read: Callable[[], Reading],
        *,
        families: Callable[[], list[Family]] = list,
        label: LabelOf = _own_name,
    ) -> None:
        """`read` gives the figures that others keep: calls in flight, the ledger's state; `families` gives those that
        have labels. `label` says what a model is called in figures: clients may ask for any name.
        """
        self._read = read
        self._families = families
        self._label = label
        self.strangers = 0
        """Requests whose key was not a good one."""
        self._tallies: dict[Labels, Tally] = {}
        self._errors: dict[tuple[str, str, str], int] = {}
        """Calls that ended in an error, by operation, outcome and code."""
        self._mirrors: dict[tuple[str, str, str], int] = {}
        """Copies of calls, which are in no other figure, by provider, model and outcome."""
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def observe(self, call: Call) -> None:
        """Count one finished call."""
        provider, model, outcome = call.provider or "", call.model or "", call.outcome
        if model:
            model = self._label(provider, model, answered=outcome == "answered")
        if call.operation == "mirror":
            copy = (provider, model, outcome)
            self._mirrors[copy] = self._mirrors.get(copy, 0) + 1
            return
        labels = (call.operation, provider, model, outcome)
        tally = self._tallies.get(labels)
        if tally is None:
            tally = self._new_tally(labels)
        tally.calls += 1
        tally.duration_ms += call.duration_ms
        tally.durations[bisect_left(BUCKETS, call.duration_ms * 0.001)] += 1
        first_ms = call.first_token_ms
        if first_ms is not None:
            tally.first_ms += first_ms
            tally.firsts[bisect_left(BUCKETS, first_ms * 0.001)] += 1
        if call.error is not None:
            error = (call.operation, outcome, call.error)
            self._errors[error] = self._errors.get(error, 0) + 1
        usage = call.usage
        tally.input_tokens += usage.input_tokens or 0
        tally.output_tokens += usage.output_tokens or 0

    def _new_tally(self, labels: Labels) -> Tally:
        if len(self._tallies) >= MOST_COMBINATIONS:
            labels = (labels[0], labels[1], "other", labels[3])
        return self._tallies.setdefault(labels, Tally())

    def encode(self) -> bytes:
        """All figures in Prometheus' text form."""
        return generate_latest(self._registry)

    def take(self) -> bytes:
        """All figures, for another process to sum up."""
        return packed(self._figures())

    def _figures(self) -> Figures:
        counts = [
            (
                labels,
                Count(
                    tally.calls,
                    tally.duration_ms,
                    tally.durations,
                    tally.first_ms,
                    tally.firsts,
                    tally.input_tokens,
                    tally.output_tokens,
                ),
            )
            for labels, tally in self._tallies.items()
        ]
        return Figures(counts, self.strangers, self._read(), self._own_families())

    def collect(self) -> Iterator[Metric]:
        """The families, for the library to encode."""
        return families(self._figures())

    def _own_families(self) -> list[Family]:
        mirrors = [self._of_mirrors()] if self._mirrors else []
        return [self._of_errors(), *mirrors, *self._families()]

    def _of_mirrors(self) -> Family:
        lines = [
            Line((("provider", provider), ("model", model), ("outcome", outcome)), count)
            for (provider, model, outcome), count in self._mirrors.items()
        ]
        meaning = "Copies of calls that were sent to models on trial. They are in no other figure of calls."
        return Family("freehold_mirrors", "counter", meaning, lines)

    def _of_errors(self) -> Family:
        lines = [
            Line((("operation", operation), ("outcome", outcome), ("error", error)), count)
            for (operation, outcome, error), count in self._errors.items()
        ]
        return Family("freehold_errors", "counter", "Finished calls that ended in an error.", lines)


class _Gathered(Collector):
    def __init__(self, figures: Figures, more: list[Metric]) -> None:
        self._figures = figures
        self._more = more

    def collect(self) -> Iterator[Metric]:
        yield from families(self._figures)
        yield from self._more


def encode_sum(several: list[bytes], more: list[Metric], *, configuration_ok: bool) -> bytes:
    """The figures of several processes as one, and `more`, in Prometheus' text form.

    `configuration_ok`: what the one thinks that looks at the file for them.
    """
    registry = CollectorRegistry(auto_describe=False)
    total = sum_of(several)
    name = "freehold_configuration_ok"
    if name in total.reading and not configuration_ok:
        total.reading[name] = (*total.reading[name][:2], 0.0)
    registry.register(_Gathered(total, more))
    return generate_latest(registry)


def families(figures: Figures) -> Iterator[Metric]:
    """The families of these figures."""
    names = ["operation", "provider", "model", "outcome"]
    calls = CounterMetricFamily("freehold_calls", "Finished calls.", labels=names)
    tokens = CounterMetricFamily(
        "freehold_tokens", "Tokens of finished calls, where known.", labels=[*names, "kind"]
    )
    duration = HistogramMetricFamily(
        "freehold_call_duration_seconds", "From the request to the end of the answer.", labels=names
    )
    first = HistogramMetricFamily(
        "freehold_first_token_seconds",
        "From the request to the first token, or to a whole answer.",
        labels=names,
    )
    for labels, tally in figures.counts:
        calls.add_metric(labels, tally.calls)
        tokens.add_metric([*labels, "input"], tally.input_tokens)
        tokens.add_metric([*labels, "output"], tally.output_tokens)
        duration.add_metric(labels, _cumulative(tally.durations), tally.duration_ms / 1000)
        if any(tally.firsts):
            first.add_metric(labels, _cumulative(tally.firsts), tally.first_ms / 1000)
    yield from (calls, tokens, duration, first)
    yield CounterMetricFamily(
        "freehold_unauthorized", "Requests that showed no good key.", value=figures.strangers
    )
    yield GaugeMetricFamily("freehold_info", f"Freehold {__version__} is up.", value=1.0)
    for with_labels in figures.families:
        yield shown(with_labels)
    for name, (kind, text, value) in figures.reading.items():
        family = GaugeMetricFamily if kind == "gauge" else CounterMetricFamily
        yield family(name, text, value=value)


def shown(family: Family) -> Metric:
    """As Prometheus' library has it. A label that a line does not have is empty there."""
    names = list(dict.fromkeys(name for line in family.lines for name, _ in line.labels))
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.meaning, labels=names)
        bounds = [*(f"{bound:.12g}" for bound in family.bounds), "+Inf"]
        for line in family.lines:
            buckets = list(zip(bounds, map(float, accumulate(line.buckets)), strict=True))
            histogram.add_metric(_values(names, line), buckets, line.value)
        return histogram
    kind = GaugeMetricFamily if family.kind == "gauge" else CounterMetricFamily
    simple = kind(family.name, family.meaning, labels=names)
    for line in family.lines:
        simple.add_metric(_values(names, line), line.value)
    return simple


def _values(names: list[str], line: Line) -> list[str]:
    labels = dict(line.labels)
    return [labels.get(name, "") for name in names]


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    """Prometheus' buckets: bound -> how many were at or below it."""
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip([*(str(bound) for bound in BUCKETS), "+Inf"], counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
