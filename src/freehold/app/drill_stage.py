"""Where a drill is played: an engine of its own, in front of stand-ins for whoever is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freehold.app.drill_scope import Scope
    from freehold.app.policies import Surveyed
    from freehold.engine.runtime import Runtime
    from freehold.engine.steering import Steering
    from freehold.ledger.record import Call
    from freehold.rollout.drills.rehearsal import Rehearsal, Spending

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs


@asynccontextmanager
async def open_stage(scope: Scope, spending: Spending) -> AsyncIterator[Rehearsal]:
    """What asks the calls; everything is ended when it is left. Raises StoreError, SettingsError."""
    from freehold.access.key import Key
    from freehold.providers.simulated import SimulatedProvider
    from freehold.rollout.drills.faults import HEALTHY
    from freehold.rollout.drills.rehearsal import Rehearsal

    settings = scope.settings

    @cache
    def surveyed() -> dict[str, Surveyed]:
        from freehold.app.steering import survey

        return survey(settings)

    async with AsyncExitStack() as held:
        stand_in = await held.enter_async_context(SimulatedProvider(HEALTHY, keep=1000))
        base, keep = await _survivors(scope, held)
        yield Rehearsal(
            base,
            {name: settings.providers[name] for name in scope.lost},
            stand_in=stand_in,
            key=Key(id=scope.id, name=scope.id, prefix="", created_us=scope.now_us),
            clock=scope.clock,
            keep=keep,
            prices=settings.price_list(),
            spending=spending,
            deadlines={route.name: scope.deadline_of(route)[0] for route in scope.routes},
            concurrency=scope.wanted.concurrency,
            steering=lambda: _steering(scope, base, surveyed),
        )


def _steering(scope: Scope, base: Runtime, surveyed: Callable[[], dict[str, Surveyed]]) -> Steering | None:
    """The routes' policies, with a memory of their own that ends with the fault; None: no route has any."""
    if not scope.settings.policies:
        return None
    from freehold.app.policies import make_policies
    from freehold.engine.steered.memory import Memory
    from freehold.engine.steered.route_steering import RouteSteering

    steering = RouteSteering(Memory(None, scope.clock), lambda: base)
    steering.set_policies(make_policies(scope.settings, surveyed()))
    return steering


async def _survivors(scope: Scope, held: AsyncExitStack) -> tuple[Runtime, Callable[[Call], None] | None]:
    """Routes and clients, and what keeps the calls; None where nobody real is asked."""
    settings = scope.settings
    if not scope.wanted.simulated:
        from freehold.app.asking import open_engine

        parts = await held.enter_async_context(open_engine(settings, {}))
        return parts.engine.runtime, parts.ledger.record
    from freehold.engine.runtime import Runtime
    from freehold.providers.client import ProviderClient
    from freehold.providers.simulated import SimulatedProvider
    from freehold.rollout.drills.faults import HEALTHY
    from freehold.rollout.drills.stand_ins import stand_in_for

    others = await held.enter_async_context(SimulatedProvider(HEALTHY, keep=1000))
    clients = {
        name: ProviderClient(stand_in_for(provider, others.root_url), tls=None)
        for name, provider in settings.providers.items()
    }
    for client in clients.values():
        held.callback(client.close)
    runtime = Runtime(settings.route_table(), clients, keep_bodies=False, accounts=settings.accounts())
    return runtime, None
