"""A rehearsal: calls are asked again, of a private engine whose lost providers are stand-ins that play a fault."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Container, Mapping, Sequence
from decimal import Decimal

import msgspec

from freehold.access.key import Key
from freehold.catalog.prices import Pricer
from freehold.core.clock import Clock
from freehold.core.usage import Usage, total
from freehold.engine.engine import Engine
from freehold.engine.runtime import Runtime
from freehold.engine.steering import Steering
from freehold.ledger.record import Call
from freehold.providers.client import ProviderClient
from freehold.providers.settings import ProviderSettings
from freehold.providers.simulated import SimulatedProvider
from freehold.rollout.drills.asking import Outcome, ask_again
from freehold.rollout.drills.faults import SEQUENCE, Fault
from freehold.rollout.drills.sample import Replayable
from freehold.rollout.drills.stand_ins import NO_SUCH_HOST, stand_in_for
from freehold.routing.plans import ProvidersHealth

Keep = Callable[[Call], None]
"""Hands a call to the ledger."""


class Spending:
    """What asking the survivors has cost so far, and how much it may."""

    def __init__(self, most: Decimal | None) -> None:
        """`most`: US dollars; None: no bound."""
        self.most = most
        self.spent = Decimal(0)
        self.unpriced = 0
        """Calls whose cost nobody knows."""

    @property
    def is_over(self) -> bool:
        """Whether nothing may be asked any more."""
        return self.most is not None and self.spent >= self.most

    def add(self, cost: Decimal | None) -> None:
        """One more call."""
        if cost is None:
            self.unpriced += 1
        else:
            self.spent += cost


class Rehearsal:
    """Asks calls under one fault after the other. No live call is touched: engine, health and clients are its own."""

    def __init__(
        self,
        base: Runtime,
        lost: Mapping[str, ProviderSettings],
        *,
        stand_in: SimulatedProvider,
        key: Key,
        clock: Clock,
        keep: Keep | None,
        prices: Pricer,
        spending: Spending,
        deadlines: Mapping[str, float],
        concurrency: int,
        steering: Callable[[], Steering | None] = lambda: None,
    ) -> None:
        """`base`: routes and survivors. `lost`: settings of the lost providers. `keep`: None where survivors are
        stand-ins too. `deadlines`: seconds by route. `steering` makes what applies the routes' policies, anew for each
        fault: what it remembers of conversations must neither reach live ones nor the next fault.
        """
        self._base = base
        self._lost = lost
        self._stand_in = stand_in
        self._key = key
        self._clock = clock
        self._keep = keep
        self._prices = prices
        self._spending = spending
        self._deadlines = deadlines
        self._places = asyncio.Semaphore(concurrency)
        self._steering = steering
        self.unasked = 0
        """Calls for which there was no money left."""

    async def under(
        self, fault: Fault, calls: Sequence[Replayable], told: Callable[[Outcome], None] = lambda one: None
    ) -> list[Outcome]:
        """What comes of the calls when the provider is lost in this way alone: nothing is known of it yet."""
        return await self._ask(self._engine(ProvidersHealth(random.random)), fault, fault.name, calls, told)

    async def in_sequence(
        self,
        faults: Sequence[Fault],
        calls: Sequence[Replayable],
        told: Callable[[Outcome], None] = lambda one: None,
    ) -> list[Outcome]:
        """The faults one after another, each with its share of the calls: what was learnt from one is kept."""
        engine = self._engine(ProvidersHealth(random.random))
        found: list[Outcome] = []
        for place, fault in enumerate(faults):
            found += await self._ask(engine, fault, SEQUENCE, calls[place :: len(faults)], told)
        return found

    async def _ask(
        self,
        engine: Engine,
        fault: Fault,
        name: str,
        calls: Sequence[Replayable],
        told: Callable[[Outcome], None],
    ) -> list[Outcome]:
        assert fault.script is not None
        self._stand_in.play(fault.script)
        root = NO_SUCH_HOST if fault.nameless else self._stand_in.root_url
        clients = {
            one: ProviderClient(stand_in_for(provider, root), tls=None)
            for one, provider in self._lost.items()
        }
        engine.runtime = msgspec.structs.replace(
            engine.runtime, providers={**self._base.providers, **clients}
        )
        try:
            found = await asyncio.gather(*(self._one(engine, name, call, told) for call in calls))
        finally:
            for client in clients.values():
                client.close()
        return [outcome for outcome in found if outcome is not None]

    async def _one(
        self, engine: Engine, fault: str, recorded: Replayable, told: Callable[[Outcome], None]
    ) -> Outcome | None:
        async with self._places:
            if self._spending.is_over:
                self.unasked += 1
                return None
            deadline = self._deadlines[recorded.route]
            outcome = await ask_again(engine, recorded, self._key, fault=fault, deadline=deadline)
        told(outcome)
        return outcome

    def _engine(self, health: ProvidersHealth) -> Engine:
        runtime = msgspec.structs.replace(
            self._base,
            health=health,
            keep_bodies=False,
            limits=None,  # as of all copies: the drill has a budget of its own
            steering=self._steering(),
        )
        return Engine(runtime, clock=self._clock, observers=(self._observe,))

    def _observe(self, call: Call) -> None:
        """What really was asked, and may be billed, goes on record; the stand-ins' part never does."""
        if self._keep is None:
            return
        real = real_part(call, self._lost)
        if real is None:
            return
        if any(one.usage.source != "unknown" or one.may_be_billed for one in real.attempts):
            price = self._prices.cost_of(real.provider or "", real.model or "", real.usage, real.started_us)
            self._spending.add(price.amount)
        self._keep(real)


def real_part(call: Call, lost: Container[str]) -> Call | None:
    """The call without its attempts at stand-ins; None where there were no others."""
    attempts = [one for one in call.attempts if one.provider not in lost]
    if not attempts:
        return None
    usage: Usage | None = None
    for one in attempts:
        if one.usage.source != "unknown":
            usage = one.usage if usage is None else total(usage, one.usage)
    last = attempts[-1]
    answered_by_stand_in = call.provider in lost
    return msgspec.structs.replace(
        call,
        operation="mirror",  # it is no traffic
        attempts=attempts,
        usage=usage or Usage(),
        provider=last.provider,
        model=last.model,
        reported_model=None if answered_by_stand_in else call.reported_model,
        raw_usage=None if answered_by_stand_in else call.raw_usage,
        request_body=None,
        answer_body=None,
    )
