"""The same figures for Prometheus: names with underscores, and `other` for what is too many to be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from freehold.telemetry.figures import Figures, Labels, Series
from freehold.telemetry.names import Metric as Named


def families(figures: Figures) -> Iterator[Metric]:
    """What has been counted, for the library to encode."""
    with figures.lock:
        counted = [(metric, _copied(series)) for metric, series in figures.read()]
    for metric, series in counted:
        names = list(dict.fromkeys(name for labels, *_ in series for name in labels))
        shown = [name.replace(".", "_") for name in names]
        kind = CounterMetricFamily if metric.kind == "counter" else HistogramMetricFamily
        family = kind(metric.prometheus, metric.meaning, labels=shown)
        for labels, total, buckets in series:
            values = [str(labels.get(name, "")) for name in names]
            if isinstance(family, CounterMetricFamily):
                family.add_metric(values, total)
            else:
                family.add_metric(values, _cumulative(metric, buckets), total)
        yield family


def _copied(series: list[tuple[Labels, Series]]) -> list[tuple[dict[str, str | int], float, list[int]]]:
    return [(dict(labels), one.total, list(one.buckets)) for labels, one in series]


def _cumulative(metric: Named, buckets: list[int]) -> list[tuple[str, float]]:
    bounds = [*(f"{bound:.12g}" for bound in metric.bounds), "+Inf"]
    return list(zip(bounds, map(float, accumulate(buckets)), strict=True))
