"""Requests of OTLP, as a collector takes them: spans and metrics with what they are of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from freehold import __version__
from freehold.telemetry.attributes import Value, attribute, attributes
from freehold.telemetry.names import OLD_SCHEMA, SCHEMA, Metric
from freehold.telemetry.protobuf import (
    NotAMessageError,
    block,
    double,
    fields_of,
    fixed64,
    number,
    packed_doubles,
    packed_fixed64,
    text,
)
from freehold.telemetry.series import Labels, Series
from freehold.telemetry.settings import Names

_CUMULATIVE = 2
_SCOPE = block(1, text(1, "freehold") + text(2, __version__))


class Envelope:
    """What is around spans and metrics."""

    def __init__(self, resource: Mapping[str, Value], names: Names) -> None:
        """`resource`: attributes of the process that all this is of."""
        self._resource = block(1, attributes(1, resource.items()))
        self._schema = text(3, OLD_SCHEMA if names == "old" else SCHEMA)

    def traces(self, spans: bytes) -> bytes:
        """An ExportTraceServiceRequest. `spans` are fields of ScopeSpans, one behind the other."""
        return self._around(spans)

    def metrics(
        self, read: Iterable[tuple[Metric, list[tuple[Labels, Series]]]], start_ns: int, now_ns: int
    ) -> bytes:
        """An ExportMetricsServiceRequest of all that was counted since `start_ns`."""
        times = fixed64(2, start_ns) + fixed64(3, now_ns)
        return self._around(b"".join(block(2, _metric(metric, series, times)) for metric, series in read))

    def _around(self, scoped: bytes) -> bytes:
        return block(1, self._resource + block(2, _SCOPE + scoped + self._schema))


def _metric(metric: Metric, series: list[tuple[Labels, Series]], times: bytes) -> bytes:
    head = text(1, metric.name) + text(2, metric.meaning) + text(3, metric.unit)
    if metric.kind == "counter":
        points = b"".join(block(1, _counted(metric, labels, one, times)) for labels, one in series)
        return head + block(7, points + number(2, _CUMULATIVE) + number(3, 1))
    points = b"".join(block(1, _observed(metric, labels, one, times)) for labels, one in series)
    return head + block(9, points + number(2, _CUMULATIVE))


def _counted(metric: Metric, labels: Labels, series: Series, times: bytes) -> bytes:
    value = fixed64(6, int(series.total)) if metric.whole else double(4, series.total)
    return b"".join((times, value, *(attribute(7, name, one) for name, one in labels)))


def _observed(metric: Metric, labels: Labels, series: Series, times: bytes) -> bytes:
    return b"".join(
        (
            times,
            fixed64(4, series.count),
            double(5, series.total),
            packed_fixed64(6, series.buckets),
            packed_doubles(7, metric.bounds),
            *(attribute(9, name, one) for name, one in labels),
        )
    )


def refused_in(answer: bytes) -> int:
    """How many spans or points of a request the collector did not take, although it said that all is well."""
    try:
        partial = fields_of(answer).get(1, b"")
        refused = fields_of(partial).get(1, 0) if isinstance(partial, bytes) else 0
    except NotAMessageError:
        return 0  # some answer with JSON, or with nothing
    return refused if isinstance(refused, int) else 0
