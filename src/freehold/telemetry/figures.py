"""Counts finished calls by the metrics of OpenTelemetry's GenAI conventions, and what they cost."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from freehold.core.usage import Usage
from freehold.ledger.record import Attempt, Call
from freehold.telemetry import names
from freehold.telemetry.facts import OTHER, ModelLabels, ProviderFacts
from freehold.telemetry.names import Metric
from freehold.telemetry.settings import Names
from freehold.telemetry.spans import OPERATIONS, answering_attempt

Labels = tuple[tuple[str, str | int], ...]
"""Attributes by name."""

MOST_SERIES = 5000
"""Combinations of attributes of one metric. Others beyond them are counted without the model's name."""

_NO_ROUTE = "-"
"""In place of a route: the model was called by its own name, or nothing has that name."""


class Series:
    """One metric with one combination of attributes."""

    __slots__ = ("buckets", "count", "total")

    def __init__(self, metric: Metric) -> None:
        self.count = 0
        self.total: float = 0
        """Of a counter its value, of a histogram the sum of what was observed."""
        self.buckets = [0] * (len(metric.bounds) + 1) if metric.bounds else []


class Figures:
    """All series. One thread counts; any may read."""

    def __init__(
        self, providers: Mapping[str, ProviderFacts], labels: ModelLabels, kinds: Names = "new"
    ) -> None:
        self.providers = providers
        self.lock = threading.Lock()
        """Held while calls are counted."""
        self._labels = labels
        self._new = kinds != "old"
        self._old = kinds != "new"
        self._series: dict[Metric, dict[Labels, Series]] = {}

    def read(self) -> Iterator[tuple[Metric, list[tuple[Labels, Series]]]]:
        """Every metric that has been counted, with its series. Hold the lock."""
        for metric, series in self._series.items():
            yield metric, list(series.items())

    def count(self, calls: Iterable[tuple[Call, list[Decimal | None]]]) -> None:
        """Count finished calls, each with what its attempts cost."""
        with self.lock:
            for call, costs in calls:
                self._count_call(call)
                answering = answering_attempt(call)
                for index, attempt in enumerate(call.attempts):
                    self._count_attempt(call, attempt, answers=index == answering)
                    self._count_cost(call, attempt, costs[index])

    # One call

    def _count_call(self, call: Call) -> None:
        if call.operation == "count" or not self._new:
            return
        provider, model = call.provider or "", call.model or ""
        shown = self._labels.label(provider, model, answered=call.outcome == "answered") if model else ""
        labels: Labels = (
            ("gen_ai.operation.name", OPERATIONS[call.operation]),
            ("gen_ai.provider.name", "freehold"),
            ("gen_ai.request.model", _route_of(call)),
            ("gen_ai.response.model", f"{provider}/{shown}" if model else ""),
        )
        failed = call.error if call.outcome != "answered" else None
        self._observe(names.SERVER_DURATION, _with(labels, "error.type", failed), call.duration_ms / 1000)
        first = call.first_token_ms
        if first is None or not call.streamed or call.outcome != "answered":
            return
        self._observe(names.SERVER_FIRST, labels, first / 1000)
        written = call.usage.output_tokens
        if written is not None and written > 1:
            self._observe(names.SERVER_EACH, labels, (call.duration_ms - first) / 1000 / (written - 1))

    def _count_attempt(self, call: Call, attempt: Attempt, *, answers: bool) -> None:
        if call.operation == "count":
            return
        labels = self._labels_of(call, attempt, call.reported_model if answers else None)
        erred = _with(labels, "error.type", attempt.error)
        seconds = max(0.0, attempt.end_ms - attempt.start_ms) / 1000
        first = attempt.first_ms if call.streamed else None
        if self._new:
            new = _with(labels, "gen_ai.provider.name", self._name_of(attempt))
            new_erred = _with(erred, "gen_ai.provider.name", self._name_of(attempt))
            if call.operation == "embeddings":
                self._observe(names.EMBEDDINGS, new_erred, seconds)
                self._observe(names.EMBEDDINGS_INPUT, new_erred, attempt.usage.input_tokens or 0)
            else:
                self._observe(names.DURATION, new_erred, seconds)
                if first is not None:
                    self._observe(names.FIRST_CHUNK, new, (first - attempt.start_ms) / 1000)
                self._observe(names.INPUT_EACH, new_erred, attempt.usage.input_tokens or 0)
                self._observe(names.OUTPUT_EACH, new_erred, attempt.usage.output_tokens or 0)
                self._count_tokens(new, attempt.usage)
        if self._old:
            old = _with(labels, "gen_ai.system", self._name_of(attempt))
            self._observe(names.OPERATION, _with(old, "error.type", attempt.error), seconds)
            if first is not None:
                self._observe(names.OLD_FIRST_CHUNK, old, (first - attempt.start_ms) / 1000)
            for kind, tokens in (
                ("input", attempt.usage.input_tokens),
                ("output", attempt.usage.output_tokens),
            ):
                if tokens is not None:
                    self._observe(names.OLD_TOKENS, _with(old, "gen_ai.token.type", kind), tokens)

    def _name_of(self, attempt: Attempt) -> str:
        facts = self.providers.get(attempt.provider)
        return attempt.provider if facts is None else facts.name

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
        facts = self.providers.get(provider)
        if facts is not None and facts.address is not None:
            labels = (*labels, ("server.address", facts.address), ("server.port", facts.port or 0))
        return labels

    def _count_tokens(self, labels: Labels, usage: Usage) -> None:
        for metric, tokens, shares in (
            (names.INPUT, usage.input_tokens, (usage.input_audio_tokens, usage.input_image_tokens)),
            (names.OUTPUT, usage.output_tokens, (usage.output_audio_tokens, usage.output_image_tokens)),
        ):
            for modality, part in _by_modality(tokens, *shares):
                self._add(metric, _with(labels, "gen_ai.token.modality", modality), part)
        for metric, tokens in (
            (names.CACHE_READ, usage.cache_read_tokens),
            (names.CACHE_WRITE, usage.cache_write_tokens),
            (names.REASONING, usage.reasoning_tokens),
        ):
            self._add(metric, _with(labels, "gen_ai.token.modality", "unknown"), tokens or 0)

    def _count_cost(self, call: Call, attempt: Attempt, cost: Decimal | None) -> None:
        answered = attempt.outcome == "answered"
        labels: Labels = (
            ("freehold.route", _route_of(call)),
            ("freehold.provider", attempt.provider),
            ("freehold.model", self._labels.label(attempt.provider, attempt.model, answered=answered)),
        )
        if cost is None:
            self._add(names.UNPRICED, labels, 1)
        else:
            self._add(names.COST, labels, float(cost))

    # One series

    def _find(self, metric: Metric, labels: Labels) -> Series:
        by_labels = self._series.setdefault(metric, {})
        found = by_labels.get(labels)
        if found is None:
            if len(by_labels) >= MOST_SERIES:
                labels = tuple((name, OTHER if name in _OPEN else value) for name, value in labels)
            found = by_labels.setdefault(labels, Series(metric))
        return found

    def _observe(self, metric: Metric, labels: Labels, value: float) -> None:
        series = self._find(metric, labels)
        series.count += 1
        series.total += value
        series.buckets[bisect_left(metric.bounds, value)] += 1

    def _add(self, metric: Metric, labels: Labels, value: float) -> None:
        self._find(metric, labels).total += value


_OPEN = frozenset(
    {"gen_ai.request.model", "gen_ai.response.model", "freehold.model", "freehold.route", "error.type"}
)


def _with(labels: Labels, name: str, value: str | None) -> Labels:
    return labels if value is None else (*labels, (name, value))


def _route_of(call: Call) -> str:
    """The route, where it is one of the configuration's: models that are called directly have names with a slash."""
    route = call.route
    return _NO_ROUTE if route is None or "/" in route else route


def _by_modality(tokens: int | None, audio: int | None, image: int | None) -> list[tuple[str, int]]:
    """Tokens by what they are of. `unknown` where the provider does not tell them apart."""
    if tokens is None:
        return [("unknown", 0)]
    if audio is None and image is None:
        return [("unknown", tokens)]
    parts = [("text", max(0, tokens - (audio or 0) - (image or 0)))]
    parts += [(kind, part) for kind, part in (("audio", audio), ("image", image)) if part]
    return parts
