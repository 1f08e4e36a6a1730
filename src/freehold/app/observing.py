"""Those who see finished calls: metrics and telemetry."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from freehold.app.figures import read_figures
from freehold.app.parts import Parts
from freehold.core.clock import SystemClock
from freehold.engine.tracing import Tracing
from freehold.gateway.metrics import Metrics
from freehold.telemetry.exposition import breakers_of
from freehold.telemetry.facts import ModelLabels, all_facts
from freehold.telemetry.resource import resource_of
from freehold.telemetry.telemetry import Telemetry

if TYPE_CHECKING:
    from freehold.catalog.prices import Pricer
    from freehold.config.settings import Settings
    from freehold.core.families import Family
    from freehold.telemetry.facts import ProviderFacts


_CLOSE_SECONDS = 5.0


def make_metrics(parts: Parts) -> Metrics:
    """What counts finished calls. Makes `parts.telemetry`, which tells others of them, and `parts.labels`."""
    settings = parts.settings
    parts.labels = labels = ModelLabels(seen_by_telemetry(settings)[1])
    parts.telemetry = _telemetry_of(settings, labels, parts.prices, parts.tls)
    return Metrics(lambda: read_figures(parts), families=lambda: _read_families(parts), label=labels.label)


def _read_families(parts: Parts) -> list[Family]:
    """Figures with labels, that others keep."""

    open_spots = parts.health_of_providers.breakers.open_spots(SystemClock.tick())
    return [*parts.telemetry.families(), breakers_of(open_spots, parts.labels)]


def seen_by_telemetry(settings: Settings) -> tuple[dict[str, ProviderFacts], list[tuple[str, str]]]:
    """Providers, and the models that the configuration names."""

    return all_facts(settings.providers), [(one.provider, one.model) for one in settings.models()]


def _telemetry_of(settings: Settings, labels: ModelLabels, pricer: Pricer, tls: ssl.SSLContext) -> Telemetry:

    content = None
    if settings.telemetry.content:
        from freehold.telemetry.content import content_of  # noqa: PLC0415 - only when asked for

        content = content_of
    return Telemetry(
        settings.telemetry,
        seen_by_telemetry(settings)[0],
        labels,
        pricer,
        collector=settings.collector,
        resource=resource_of(settings.telemetry.service),
        tls=tls,
        content=content,
    )


def tracing_of(settings: Settings) -> Tracing | None:
    """What becomes of traces; None: nothing at all."""

    telemetry, records = settings.telemetry, settings.collector is not None
    if not records and not telemetry.propagate:
        return None
    return Tracing(records=records, share=telemetry.sample, tells=telemetry.propagate)


def close_telemetry(parts: Parts) -> None:
    """It has its last words while the others end."""
    last_words = asyncio.to_thread(parts.telemetry.close, _CLOSE_SECONDS)
    parts.ending.append(asyncio.create_task(last_words))
