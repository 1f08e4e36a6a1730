"""Figures for Prometheus, under `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from freehold import __version__
from freehold.ledger.record import Call

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

Reading = dict[str, tuple[str, str, float]]
"""Name -> kind (`gauge` or `counter`), help, value: read at the time of a scrape."""


class _Children:
    """The metrics of one combination of labels, looked up once."""

    __slots__ = ("calls", "duration", "first_token", "input_tokens", "output_tokens")

    def __init__(self, metrics: Metrics, labels: tuple[str, str, str, str]) -> None:
        operation, provider, model, _ = labels
        self.calls = metrics.calls.labels(*labels)
        self.duration = metrics.duration.labels(operation, provider, model)
        self.first_token = metrics.first_token.labels(operation, provider, model)
        self.input_tokens = metrics.tokens.labels(provider, model, "input")
        self.output_tokens = metrics.tokens.labels(provider, model, "output")


class Metrics:
    """Counts finished calls. Labels are names of the configuration, so their number is bounded."""

    def __init__(self, read: Callable[[], Reading]) -> None:
        """`read` gives the figures that others keep: calls in flight, the ledger's state."""
        self.registry = CollectorRegistry()
        self.calls = Counter(
            "freehold_calls", "Finished calls.", ["operation", "provider", "model", "outcome"], registry=self.registry
        )
        self.tokens = Counter(
            "freehold_tokens", "Tokens of finished calls, where known.", ["provider", "model", "kind"],
            registry=self.registry,
        )
        self.duration = Histogram(
            "freehold_call_duration_seconds", "From the request to the end of the answer.",
            ["operation", "provider", "model"], buckets=_SECONDS, registry=self.registry,
        )
        self.first_token = Histogram(
            "freehold_first_token_seconds", "From the request to the first token, or to a whole answer.",
            ["operation", "provider", "model"], buckets=_SECONDS, registry=self.registry,
        )
        self._children: dict[tuple[str, str, str, str], _Children] = {}
        self.registry.register(_Readings(read))

    def observe(self, call: Call) -> None:
        """Count one finished call."""
        labels = (call.operation, call.provider or "", call.model or "", call.outcome)
        children = self._children.get(labels)
        if children is None:
            if len(self._children) >= _MOST_COMBINATIONS:
                labels = (call.operation, call.provider or "", "other", call.outcome)
            children = self._children.setdefault(labels, _Children(self, labels))
        children.calls.inc()
        children.duration.observe(call.duration_ms / 1000.0)
        if call.first_token_ms is not None:
            children.first_token.observe(call.first_token_ms / 1000.0)
        usage = call.usage
        if usage.input_tokens:
            children.input_tokens.inc(usage.input_tokens)
        if usage.output_tokens:
            children.output_tokens.inc(usage.output_tokens)

    def encode(self) -> bytes:
        """All figures in Prometheus' text form."""
        return generate_latest(self.registry)


_MOST_COMBINATIONS = 2000


class _Readings(Collector):
    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        yield GaugeMetricFamily("freehold_info", f"Freehold {__version__} is up.", value=1.0)
        for name, (kind, text, value) in self._read().items():
            family = GaugeMetricFamily if kind == "gauge" else CounterMetricFamily
            yield family(name, text, value=value)
