"""Counts finished calls by the metrics of OpenTelemetry's GenAI conventions, and what they cost."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TypeVar

from freehold.core.usage import Usage
from freehold.ledger.record import Attempt, Call
from freehold.telemetry import names
from freehold.telemetry.facts import OTHER, ModelLabels, ProviderFacts
from freehold.telemetry.names import Metric
from freehold.telemetry.series import AttemptSeries, CallSeries, Labels, Series
from freehold.telemetry.settings import Names
from freehold.telemetry.spans import OPERATIONS, answering_attempt

MOST_SERIES = 5000
"""Combinations of attributes of one metric. Others beyond them are counted without the model's name."""

_NO_ROUTE = "-"
"""In place of a route: the model was called by its own name, or nothing has that name."""


class Figures:
    """All series. One thread counts; any may read."""

    def __init__(
        self, providers: Mapping[str, ProviderFacts], labels: ModelLabels, kinds: Names = "new"
    ) -> None:
        self.lock = threading.Lock()
        """Held while calls are counted."""
        self._providers = providers
        self._labels = labels
        self._new = kinds != "old"
        self._old = kinds != "new"
        self._series: dict[Metric, dict[Labels, Series]] = {}
        self._attempts: dict[tuple[object, ...], AttemptSeries] = {}
        self._calls: dict[tuple[object, ...], CallSeries] = {}

    def take_over(self, providers: Mapping[str, ProviderFacts]) -> None:
        """The providers have changed."""
        with self.lock:
            self._providers = providers
            self._attempts.clear()

    def read(self) -> Iterator[tuple[Metric, list[tuple[Labels, Series]]]]:
        """Every metric that has been counted, with its series. Hold the lock."""
        for metric, series in self._series.items():
            counted = [(labels, one) for labels, one in series.items() if one.count or not metric.bounds]
            if counted:
                yield metric, counted

    def count(self, calls: Iterable[tuple[Call, list[Decimal | None]]]) -> None:
        """Count finished calls, each with what its attempts cost."""
        with self.lock:
            for call, costs in calls:
                if call.operation == "count":
                    continue
                if call.operation == "mirror":
                    self._count_mirror(call, costs)
                    continue
                if self._new:
                    self._count_call(call)
                answering = answering_attempt(call)
                for index, attempt in enumerate(call.attempts):
                    self._count_attempt(call, attempt, costs[index], answers=index == answering)

    # One call

    def _count_mirror(self, call: Call, costs: list[Decimal | None]) -> None:
        """A copy of a call is no client's request, and how fast it is concerns nobody; but it costs money."""
        for attempt, cost in zip(call.attempts, costs, strict=True):
            labels = self._spent_by(call, attempt)
            if cost is None:
                self._find(names.UNPRICED, labels).total += 1
            else:
                self._find(names.COST, labels).total += float(cost)

    def _count_call(self, call: Call) -> None:
        key = (call.operation, call.route, call.provider, call.model, call.outcome, call.error)
        series = self._calls.get(key)
        if series is None:
            series = _kept(self._calls, key, self._of_calls(call))
        series.duration.observe(call.duration_ms / 1000)
        first = call.first_token_ms
        if first is None or not call.streamed or call.outcome != "answered":
            return
        series.first.observe(first / 1000)
        written = call.usage.output_tokens
        if written is not None and written > 1:
            series.each.observe((call.duration_ms - first) / 1000 / (written - 1))

    def _of_calls(self, call: Call) -> CallSeries:
        provider, model = call.provider or "", call.model or ""
        shown = self._labels.label(provider, model, answered=call.outcome == "answered") if model else ""
        labels: Labels = (
            ("gen_ai.operation.name", OPERATIONS[call.operation]),
            ("gen_ai.provider.name", "freehold"),
            ("gen_ai.request.model", _route_of(call)),
            ("gen_ai.response.model", f"{provider}/{shown}" if model else ""),
        )
        failed = call.error if call.outcome != "answered" else None
        return CallSeries(
            self._find(names.SERVER_DURATION, _with(labels, "error.type", failed)),
            self._find(names.SERVER_FIRST, labels),
            self._find(names.SERVER_EACH, labels),
        )

    # One attempt

    def _count_attempt(self, call: Call, attempt: Attempt, cost: Decimal | None, *, answers: bool) -> None:
        reported = call.reported_model if answers else None
        key = (
            call.operation, call.route, attempt.provider, attempt.model, attempt.outcome, attempt.error, reported
        )  # fmt: skip
        series = self._attempts.get(key)
        if series is None:
            series = _kept(self._attempts, key, self._of_attempts(call, attempt, reported))
        usage = attempt.usage
        seconds = max(0.0, attempt.end_ms - attempt.start_ms) / 1000
        first = attempt.first_ms if call.streamed else None
        waited = None if first is None else (first - attempt.start_ms) / 1000
        if cost is None:
            series.unpriced.total += 1
        else:
            series.cost.total += float(cost)
        if series.duration is not None:
            series.duration.observe(seconds)
            if series.input is not None:
                series.input.observe(usage.input_tokens or 0)
            if series.output is not None:
                series.output.observe(usage.output_tokens or 0)
            if series.first is not None:
                self._count_tokens(series, usage)
                if waited is not None:
                    series.first.observe(waited)
        if series.old_duration is not None:
            series.old_duration.observe(seconds)
            if waited is not None:
                series.old_first.observe(waited)
            if usage.input_tokens is not None:
                series.old_input.observe(usage.input_tokens)
            if usage.output_tokens is not None:
                series.old_output.observe(usage.output_tokens)

    def _count_tokens(self, series: AttemptSeries, usage: Usage) -> None:
        _add(series.inputs, usage.input_tokens, usage.input_audio_tokens, usage.input_image_tokens)
        _add(series.outputs, usage.output_tokens, usage.output_audio_tokens, usage.output_image_tokens)
        if usage.cache_read_tokens:
            series.cache_read.total += usage.cache_read_tokens
        if usage.cache_write_tokens:
            series.cache_write.total += usage.cache_write_tokens
        if usage.reasoning_tokens:
            series.reasoning.total += usage.reasoning_tokens

    def _of_attempts(self, call: Call, attempt: Attempt, reported: str | None) -> AttemptSeries:
        series = AttemptSeries()
        labels = self._labels_of(call, attempt, reported)
        facts = self._providers.get(attempt.provider)
        name = attempt.provider if facts is None else facts.name
        series.duration = series.first = series.input = series.output = series.old_duration = None
        if self._new:
            self._find_new(series, call, _with(labels, "gen_ai.provider.name", name), attempt.error)
        if self._old:
            self._find_old(series, _with(labels, "gen_ai.system", name), attempt.error)
        spent = self._spent_by(call, attempt)
        series.cost, series.unpriced = self._find(names.COST, spent), self._find(names.UNPRICED, spent)
        return series

    def _spent_by(self, call: Call, attempt: Attempt) -> Labels:
        answered = attempt.outcome == "answered"
        spent: Labels = (
            ("freehold.route", _route_of(call)),
            ("freehold.provider", attempt.provider),
            ("freehold.model", self._labels.label(attempt.provider, attempt.model, answered=answered)),
        )
        return (*spent, ("freehold.operation", "mirror")) if call.operation == "mirror" else spent

    def _find_new(self, series: AttemptSeries, call: Call, labels: Labels, error: str | None) -> None:
        erred = _with(labels, "error.type", error)
        if call.operation == "embeddings":
            series.duration = self._find(names.EMBEDDINGS, erred)
            series.input = self._find(names.EMBEDDINGS_INPUT, erred)
            return
        series.duration = self._find(names.DURATION, erred)
        series.first = self._find(names.FIRST_CHUNK, labels)
        series.input = self._find(names.INPUT_EACH, erred)
        series.output = self._find(names.OUTPUT_EACH, erred)
        series.inputs = _ByModality(self, names.INPUT, labels)
        series.outputs = _ByModality(self, names.OUTPUT, labels)
        unknown = _with(labels, "gen_ai.token.modality", "unknown")
        series.cache_read = self._find(names.CACHE_READ, unknown)
        series.cache_write = self._find(names.CACHE_WRITE, unknown)
        series.reasoning = self._find(names.REASONING, unknown)

    def _find_old(self, series: AttemptSeries, labels: Labels, error: str | None) -> None:
        series.old_duration = self._find(names.OPERATION, _with(labels, "error.type", error))
        series.old_first = self._find(names.OLD_FIRST_CHUNK, labels)
        series.old_input = self._find(names.OLD_TOKENS, _with(labels, "gen_ai.token.type", "input"))
        series.old_output = self._find(names.OLD_TOKENS, _with(labels, "gen_ai.token.type", "output"))

    def _labels_of(self, call: Call, attempt: Attempt, reported: str | None) -> Labels:
        provider, answered = attempt.provider, attempt.outcome == "answered"
        labels: Labels = (
            ("gen_ai.operation.name", OPERATIONS[call.operation]),
            ("gen_ai.request.model", self._labels.label(provider, attempt.model, answered=answered)),
            ("freehold.provider", provider),
        )
        if reported is not None:
            shown = self._labels.label(provider, reported, answered=True)
            labels = _with(labels, "gen_ai.response.model", shown)
        facts = self._providers.get(provider)
        if facts is not None and facts.address is not None:
            labels = (*labels, ("server.address", facts.address), ("server.port", facts.port or 0))
        return labels

    # One series

    def _find(self, metric: Metric, labels: Labels) -> Series:
        by_labels = self._series.setdefault(metric, {})
        found = by_labels.get(labels)
        if found is None:
            if len(by_labels) >= MOST_SERIES:
                labels = tuple((name, OTHER if name in _OPEN else value) for name, value in labels)
            found = by_labels.setdefault(labels, Series(metric))
        return found


class _ByModality(dict[str, Series]):
    """The series of tokens of one kind, each made when there are tokens of its modality."""

    def __init__(self, figures: Figures, metric: Metric, labels: Labels) -> None:
        super().__init__()
        self._figures = figures
        self._metric = metric
        self._labels = labels

    def __missing__(self, modality: str) -> Series:
        labels = _with(self._labels, "gen_ai.token.modality", modality)
        series = self[modality] = self._figures._find(self._metric, labels)
        return series


_MOST_KEPT = 4096

_Kept = TypeVar("_Kept")


def _kept(known: dict[tuple[object, ...], _Kept], key: tuple[object, ...], series: _Kept) -> _Kept:
    if len(known) >= _MOST_KEPT:
        known.clear()  # names of models come from clients: they must not fill the memory
    known[key] = series
    return series


_OPEN = frozenset(
    {"gen_ai.request.model", "gen_ai.response.model", "freehold.model", "freehold.route", "error.type"}
)


def _with(labels: Labels, name: str, value: str | None) -> Labels:
    return labels if value is None else (*labels, (name, value))


def _route_of(call: Call) -> str:
    """The route, where it is one of the configuration's: models that are called directly have names with a slash."""
    route = call.route
    return _NO_ROUTE if route is None or "/" in route else route


def _add(series: dict[str, Series], tokens: int | None, audio: int | None, image: int | None) -> None:
    """Count tokens by what they are of. `unknown` where the provider does not tell them apart."""
    if tokens is None or (audio is None and image is None):
        series["unknown"].total += tokens or 0
        return
    series["text"].total += max(0, tokens - (audio or 0) - (image or 0))
    for kind, part in (("audio", audio), ("image", image)):
        if part:
            series[kind].total += part
