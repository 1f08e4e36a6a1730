"""An engine with a route in shadow: an incumbent, a candidate, and what copies calls from one to the other."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from byte_server import ByteServer
from engines import Result, Stage, stage_of

from freehold.access.key import Key
from freehold.catalog.prices import ModelPrice, PriceList
from freehold.catalog.rates import Rates
from freehold.compare.asking import Asker, Patience
from freehold.compare.judges.asking import Ask
from freehold.core.clock import SystemClock
from freehold.core.decision import Decision
from freehold.engine.steering import Steered
from freehold.ledger.record import Call
from freehold.providers.simulated.provider import SimulatedProvider
from freehold.providers.simulated.script import Script
from freehold.rollout.database import Database
from freehold.rollout.shadow.archive import PairArchive
from freehold.rollout.shadow.copying import Copier
from freehold.rollout.shadow.order import ShadowOrder
from freehold.rollout.shadow.pairs import Pair
from freehold.rollout.shadow.scoring import Scoring
from freehold.rollout.shadow.shadow import Shadow
from freehold.routing.routes import Route, Target
from freehold.store.places import Place
from freehold.wire.request import Request

ROLLOUT = "rollout_1"
OLD, NEW = Target("old", "old-model"), Target("new", "new-model")
PRICES = PriceList(
    own={
        one.name: (ModelPrice(Rates(input=Decimal(1), output=Decimal(10))),)
        for one in (OLD, NEW, Target("judge", "judge-model"))
    },
    lists={},
)
WORST_PICO = 20_000_000


def order_of(**changes: Any) -> ShadowOrder:
    """Copy a hundred calls."""
    order = ShadowOrder(rollout=ROLLOUT, route="r", stage=0, candidate=NEW, calls=100)
    return msgspec.structs.replace(order, **changes)


def question(text: str = "hi", **fields: Any) -> bytes:
    """The body of a call."""
    return msgspec.json.encode({"model": "r", "messages": [{"role": "user", "content": text}], **fields})


class InShadow:
    """A policy for every call: the incumbent answers, and the call is part of the rollout."""

    def __init__(self) -> None:
        self.listeners: list[Any] = []

    async def steer(
        self, route: Route, request: Request, call: Call, key: Key | None, heading: str | None
    ) -> Steered | None:
        decision = Decision("rollout", route.incumbent.name, "shadow", rollout=ROLLOUT, arm="incumbent")
        return Steered(route, decision) if route.name == "r" else None

    def heard(self, call: Call, request: Request, decision: Decision, answer: bytes | None) -> None:
        """It remembers nothing."""

    def ended(self, call: Call, request: Request, decision: Decision) -> None:
        for listen in self.listeners:
            listen(call, request, decision)


@dataclass
class Shadowed:
    """The engine, and what came of the copies."""

    stage: Stage
    shadow: Shadow
    archive: PairArchive

    async def play(self, *bodies: bytes, **more: Any) -> list[Result]:
        """Calls, one after the other; then every copy is waited for."""
        results = [await self.stage.play(body, **more) for body in bodies]
        await self.shadow.settle()
        return results

    def pairs(self) -> list[Pair]:
        return self.archive.after(ROLLOUT, 0)

    @property
    def pair(self) -> Pair:
        """The only one."""
        (pair,) = self.pairs()
        return pair

    @property
    def mirrors(self) -> list[Call]:
        return [one for one in self.stage.records if one.operation == "mirror"]

    @property
    def passed_over(self) -> dict[str, int]:
        return {why: many for (_, why), many in self.shadow.passed_over.items()}


@asynccontextmanager
async def shadowed(
    scripts: Mapping[str, Script | ByteServer | str],
    *,
    order: ShadowOrder | None = None,
    place: Place | None = None,
    route: Route | None = None,
    worst: int | None = WORST_PICO,
    at_once: int = 8,
    **changes: Any,
) -> AsyncIterator[Shadowed]:
    """`scripts`: what `old`, `new` and further providers do. Fallbacks are only those that `route` names."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        servers: dict[str, ByteServer | str] = {}
        for name, script in scripts.items():
            if isinstance(script, Script):
                servers[name] = (await stack.enter_async_context(SimulatedProvider(script))).base_url
            else:
                servers[name] = script
        if place is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "rollout.db"
        database = stack.enter_context(closing(Database(place)))
        stage = await stack.enter_async_context(stage_of(servers, route=route or Route("r", OLD), **changes))
        policy = InShadow()
        stage.engine.runtime = msgspec.structs.replace(stage.engine.runtime, steering=policy)
        archive = PairArchive(database)

        def ask_for(order: ShadowOrder) -> Ask:
            return Asker(stage.engine, PRICES, clock, order.rollout, patience=Patience(tries=1)).ask

        copier = Copier(
            stage.engine,
            archive,
            Scoring(ask_for),
            prices=PRICES,
            worst=lambda target, request: worst,
            clock=clock,
        )
        shadow = Shadow(copier, clock, at_once=at_once)
        policy.listeners.append(shadow.observe)
        shadow.follow({ROLLOUT: order or order_of()})
        try:
            yield Shadowed(stage, shadow, archive)
        finally:
            await shadow.stop()
