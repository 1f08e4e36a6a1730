"""The figures for Prometheus: the same names with underscores."""

from __future__ import annotations

from collections.abc import Iterable

from freehold.core.families import Family, Line
from freehold.routing.breakers import Spot
from freehold.telemetry.facts import ModelLabels
from freehold.telemetry.figures import Figures


def families_of(figures: Figures) -> list[Family]:
    """What has been counted."""
    with figures.lock:
        return [
            Family(
                metric.prometheus,
                metric.kind,
                metric.meaning,
                [
                    Line(
                        tuple((name.replace(".", "_"), str(value)) for name, value in labels),
                        one.total,
                        list(one.buckets),
                    )
                    for labels, one in series
                ],
                metric.bounds,
            )
            for metric, series in figures.read()
        ]


def breakers_of(open_spots: Iterable[Spot], labels: ModelLabels) -> Family:
    """One line for each circuit breaker that is open, so that calls go elsewhere; none while all is well.

    Clients may ask for any name, and each that fails has a breaker: those that nobody knows are one line.
    """
    shown = {
        (spot[0], f"{spot[1]}/{labels.label(spot[1], spot[2], answered=False)}" if len(spot) > 2 else spot[1])
        for spot in open_spots
    }
    lines = [Line((("kind", kind), ("name", name)), 1.0) for kind, name in sorted(shown)]
    return Family("freehold_breaker_open", "gauge", "Circuit breakers that are open.", lines)
