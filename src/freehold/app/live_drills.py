"""A running endpoint follows live drills: it looks whether one is led, and lets it have its share of the calls."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from freehold.app.parts import Parts
from freehold.core.clock import SystemClock, microseconds

if TYPE_CHECKING:
    from freehold.rollout.drills.injecting import Injection
    from freehold.rollout.drills.live import LiveDrill, LiveFolder

# ruff: noqa: PLC0415 - an endpoint in whose folder no drill was ever led loads nothing of them

log = logging.getLogger("freehold")

_LOOK_SECONDS = 0.5


async def follow_live_drills(parts: Parts) -> None:
    """For as long as the endpoint runs."""
    folder = parts.settings.data / "drills"
    while not folder.exists():  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(_LOOK_SECONDS)
    from freehold.rollout.drills.live import LiveFolder

    shared, injection = LiveFolder(parts.settings.data), None
    try:
        while True:
            injection = await _look(parts, shared, injection)
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        if injection is not None:
            await _end(parts, injection)


async def _look(parts: Parts, shared: LiveFolder, injection: Injection | None) -> Injection | None:
    drill = await asyncio.to_thread(shared.read, microseconds(SystemClock().now()))
    if injection is not None and (drill is None or drill.id != injection.drill.id):
        injection.rest()
        # Its last calls are still counted, for as long as its leader may look.
        await asyncio.to_thread(shared.count, injection.tally)
        if injection.tally.under_way and drill is None:
            return injection
        await _end(parts, injection)
        injection = None
    if drill is None:
        return injection
    if injection is None:
        injection = await _begin(parts, drill)
    if injection is not None:
        injection.follow(drill, parts.health_of_providers)
        await asyncio.to_thread(shared.count, injection.tally)
    return injection


async def _begin(parts: Parts, drill: LiveDrill) -> Injection | None:
    from freehold.rollout.drills.injecting import Injection

    providers = parts.settings.providers
    if not all(name in providers for name in drill.lost):
        return None
    injection = Injection(drill, {name: providers[name] for name in drill.lost}, SystemClock())
    await injection.start()
    parts.engine.rehearsing = injection
    log.warning(
        "a drill has begun: %g %% of `%s` find `%s` lost",
        100 * drill.share,
        drill.route,
        ", ".join(drill.lost),
    )
    return injection


async def _end(parts: Parts, injection: Injection) -> None:
    if parts.engine.rehearsing is injection:
        parts.engine.rehearsing = None
    await injection.stop()
    log.warning("the drill of `%s` has ended", injection.drill.route)
