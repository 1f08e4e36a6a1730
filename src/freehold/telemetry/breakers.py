"""Which breakers are open, for Prometheus: the circuit breakers of providers, models and quotas."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily

from freehold.routing.breakers import Spot
from freehold.telemetry.facts import ModelLabels


def breakers_of(open_spots: Iterable[Spot], labels: ModelLabels) -> GaugeMetricFamily:
    """One line for each that is open, so that calls go elsewhere; none while all is well.

    Clients may ask for any name, and each that fails has a breaker: those that nobody knows are one line.
    """
    shown = {
        (spot[0], f"{spot[1]}/{labels.label(spot[1], spot[2], answered=False)}" if len(spot) > 2 else spot[1])
        for spot in open_spots
    }
    family = GaugeMetricFamily(
        "freehold_breaker_open", "Circuit breakers that are open.", labels=["kind", "name"]
    )
    for kind, name in sorted(shown):
        family.add_metric([kind, name], 1.0)
    return family
