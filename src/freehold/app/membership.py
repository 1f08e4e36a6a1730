"""One of several workers: what its supervisor may ask of it, and what it tells."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from freehold.app.configuration import apply
from freehold.app.health import health_of
from freehold.app.memory import FLUSH_SECONDS
from freehold.app.parts import Parts
from freehold.app.place import Place
from freehold.core.errors import FreeholdError
from freehold.workers.findings import Findings
from freehold.workers.member import Member
from freehold.workers.supervision import changed_settings

if TYPE_CHECKING:
    from freehold.core.clock import Clock
    from freehold.workers.messages import Configuration


def join(parts: Parts, place: Place, clock: Clock) -> Member:
    """What its supervisor may ask of it is set up before it may."""
    crew, ledger = place.crew, parts.ledger

    async def flush() -> None:
        await asyncio.to_thread(ledger.flush, FLUSH_SECONDS)

    def hear_of_refusal(problem: str) -> None:
        parts.problem = problem

    parts.problem = place.order.problem
    crew.duties.configure = lambda wanted: _take_over(parts, wanted)
    crew.duties.refused = hear_of_refusal
    crew.duties.flush = flush
    crew.duties.figures = parts.metrics.take
    findings = Findings(parts.health_of_providers.breakers, clock.tick, crew.tell_breakers)
    return Member(
        crew,
        findings,
        calls=lambda: parts.engine.active,
        health=lambda: health_of(parts),
        routed=lambda: {target.name for route in parts.settings.routes.values() for target in route.plan},
    )


def _take_over(parts: Parts, wanted: Configuration) -> str | None:
    """Another configuration, as the supervisor has found it; why it cannot be taken, else None."""

    assert parts.place is not None
    try:
        apply(parts, changed_settings(parts.settings, wanted, parts.place.order, os.environ))
    except FreeholdError as error:
        parts.problem = error.message
        return error.message
    return None
