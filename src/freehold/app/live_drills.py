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

    following = _Following(parts, LiveFolder(parts.settings.data))
    try:
        while True:
            await following.look()
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await following.end()


class _Following:
    """What is injected now, if anything. However a look fails, `end` leaves nothing of it behind."""

    def __init__(self, parts: Parts, shared: LiveFolder) -> None:
        self._parts = parts
        self._shared = shared
        self._injection: Injection | None = None

    async def look(self) -> None:
        """Whether a drill is led, and which. Raises StoreError."""
        drill = await asyncio.to_thread(self._shared.read, microseconds(SystemClock().now()))
        former = self._injection
        if former is not None and (drill is None or drill.id != former.drill.id):
            former.rest()
            # Its last calls are still counted, for as long as its leader may look.
            await asyncio.to_thread(self._shared.count, former.tally)
            if former.tally.under_way and drill is None:
                return
            await self.end()
        if drill is None:
            return
        if self._injection is None:
            await self._begin(drill)
        if self._injection is not None:
            self._injection.follow(drill, self._parts.health_of_providers)
            await asyncio.to_thread(self._shared.count, self._injection.tally)

    async def _begin(self, drill: LiveDrill) -> None:
        from freehold.rollout.drills.injecting import Injection

        providers = self._parts.settings.providers
        if not all(name in providers for name in drill.lost):
            return
        self._injection = Injection(drill, {name: providers[name] for name in drill.lost}, SystemClock())
        await self._injection.start()
        self._parts.engine.rehearsing = self._injection
        log.warning(
            "a drill has begun: %g %% of `%s` find `%s` lost",
            100 * drill.share,
            drill.route,
            ", ".join(drill.lost),
        )

    async def end(self) -> None:
        """Let go of what is injected."""
        if self._injection is None:
            return
        injection, self._injection = self._injection, None
        if self._parts.engine.rehearsing is injection:
            self._parts.engine.rehearsing = None
        await injection.stop()
        log.warning("the drill of `%s` has ended", injection.drill.route)
