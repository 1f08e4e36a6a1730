"""Copies calls of routes in shadow: made where a rollout comes to such a stage, and of no weight before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from freehold.core.errors import StoreError

if TYPE_CHECKING:
    from freehold.app.parts import Parts
    from freehold.compare.budget import Tariffs
    from freehold.compare.judges.asking import Ask
    from freehold.config.settings import Settings
    from freehold.core.clock import Clock
    from freehold.core.decision import Decision
    from freehold.ledger.record import Call
    from freehold.rollout.database import Database
    from freehold.rollout.shadow.order import ShadowOrder
    from freehold.rollout.shadow.shadow import Shadow
    from freehold.routing.routes import Target
    from freehold.wire.request import Request

# ruff: noqa: PLC0415 - an endpoint without rollouts imports none of it

log = logging.getLogger("freehold.rollout")

_BETWEEN_S = 5.0
_PICO_OF_NANO = 1000


class Shadowing:
    """What is copied in this process. Other processes copy too: the database says who copies what."""

    def __init__(self, parts: Parts, database: Database, clock: Clock) -> None:
        self._parts = parts
        self._database = database
        self._clock = clock
        self._shadow: Shadow | None = None
        self._tariffs: tuple[Settings, Tariffs] | None = None
        """Of the settings in force."""

    def follow(self, orders: Mapping[str, ShadowOrder]) -> None:
        """These are the rollouts in shadow from now on, by their ids."""
        if orders and self._shadow is None:
            self._shadow = self._make()
        if self._shadow is not None:
            self._shadow.follow(orders)

    def observe(self, call: Call, request: Request, decision: Decision) -> None:
        """A call that was steered is over. Neither blocks nor raises."""
        if self._shadow is not None:
            self._shadow.observe(call, request, decision)

    async def run(self) -> None:
        """Put on record, now and then, which copies are on their way, and how many calls were not copied."""
        while True:
            await asyncio.sleep(_BETWEEN_S)
            if self._shadow is not None:
                await self._shadow.keep_alive()
            await self._tell()

    async def close(self) -> None:
        """Copy nothing more."""
        if self._shadow is not None:
            await self._shadow.stop()
            try:
                await self._tell()
            except StoreError as error:
                log.warning("how many calls were not copied could not be recorded: %s", error)

    async def _tell(self) -> None:
        counted = {} if self._shadow is None else self._shadow.take_counts()
        if counted:
            from freehold.rollout.shadow.archive import PairArchive

            await asyncio.to_thread(PairArchive(self._database).pass_over, counted)

    def _make(self) -> Shadow:
        from freehold.rollout.shadow.archive import PairArchive
        from freehold.rollout.shadow.copying import Copier
        from freehold.rollout.shadow.scoring import Scoring
        from freehold.rollout.shadow.shadow import Shadow

        parts = self._parts
        copier = Copier(
            parts.engine,
            PairArchive(self._database),
            Scoring(self._ask_for),
            prices=parts.prices,
            worst=self._worst,
            clock=self._clock,
        )
        return Shadow(copier, self._clock)

    def _ask_for(self, order: ShadowOrder) -> Ask:
        from freehold.compare.asking import Asker, Patience

        patience = Patience(tries=3, longest=30.0)
        parts = self._parts
        return Asker(parts.engine, parts.prices, self._clock, order.rollout, patience=patience).ask

    def _worst(self, target: Target, request: Request) -> int | None:
        """In 1e-12 US dollars; by the prices in force."""
        from freehold.compare.budget import Tariffs
        from freehold.limits.worst import worst_of

        settings = self._parts.settings
        if self._tariffs is None or self._tariffs[0] is not settings:
            self._tariffs = settings, Tariffs(settings.price_list(), settings.catalog(), self._clock)
        worst = self._tariffs[1].worst(target, worst_of(request, writes=True))
        return None if worst is None else worst * _PICO_OF_NANO
