"""What a drill is about: who is lost, on which routes, within what time. Nothing is asked or read yet."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from freehold.core.errors import BadRequest, NotFound, UnknownModel

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.rollout.drills.faults import Fault
    from freehold.rollout.drills.report import DeadlineIs
    from freehold.routing.routes import Route

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

ASSUMED_DEADLINE = 30.0
"""Seconds, for a route that has none."""
_DAY_US = 86_400_000_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks for."""

    lose: str
    """A provider or a pool."""
    on: tuple[str, ...] = ()
    """Routes; none: all that ask it."""
    faults: tuple[str, ...] = ()
    """By name; none: all."""
    days: int = 30
    calls: int = 20
    """Of each route, drawn at random."""
    seed: int = 0
    simulated: bool = False
    """Survivors are stand-ins, too: nothing is spent, and nothing is learnt of how good they are."""
    deadline: float | None = None
    """Seconds; None: the route's own."""
    require: float = 0.999
    least_calls: int = 10
    budget: Decimal | None = Decimal(1)
    """US dollars for asking survivors; None: no bound."""
    concurrency: int = 16


class Scope:
    """See the module."""

    def __init__(self, settings: Settings, wanted: Wanted) -> None:
        """Raises NotFound: there is no such provider or route; BadRequest: no such fault, the route does not ask the
        provider, or there is a budget and nobody knows what a survivor costs.
        """
        from freehold.core.clock import SystemClock, microseconds
        from freehold.core.ids import new_id
        from freehold.rollout.drills.faults import faults_called

        self.settings = settings
        self.wanted = wanted
        self.id = new_id("drill")
        self.clock = SystemClock()
        self.now_us = microseconds(self.clock.now())
        self.since_us = self.now_us - wanted.days * _DAY_US
        self.lost = lost_providers(settings, wanted.lose)
        self.faults: tuple[Fault, ...] = faults_called(wanted.faults)
        self.routes: list[Route] = self._routes()
        self._check_prices()

    def _check_prices(self) -> None:
        """A budget holds only where prices are known."""
        asks = any(fault.script is not None for fault in self.faults)
        if self.wanted.simulated or self.wanted.budget is None or not asks:
            return
        prices = self.settings.price_list()
        for route in self.routes:
            for target in route.plan:
                for provider in sorted(self._members(target.provider) - self.lost):
                    if prices.price_of(provider, target.model, self.now_us) is None:
                        raise BadRequest(
                            f"Nobody knows what `{provider}/{target.model}` costs, so that no budget holds.",
                            hint="Give it a price in freehold.toml, drill with `--budget none`, or with `--simulated`.",
                        )

    def is_lost(self, provider: str) -> bool:
        """Whether nothing is left of a provider or a pool."""
        return self._members(provider) <= self.lost

    def deadline_of(self, route: Route) -> tuple[float, DeadlineIs]:
        """Seconds within which an answer of this route is of use, and who says so."""
        if self.wanted.deadline is not None:
            return self.wanted.deadline, "asked for"
        if route.deadline is not None:
            return route.deadline, "the route's"
        return ASSUMED_DEADLINE, "assumed"

    def _routes(self) -> list[Route]:
        table = self.settings.route_table()
        if not self.wanted.on:
            return [one for one in self.settings.routes.values() if self._asks(one)]
        found = []
        for name in self.wanted.on:
            try:
                route = table.find(name)
            except UnknownModel as unknown:
                raise NotFound(unknown.message, hint=unknown.hint) from None
            if not self._asks(route):
                raise BadRequest(
                    f"`{name}` does not ask `{self.wanted.lose}`.",
                    hint=f"It asks {', '.join(f'`{one.name}`' for one in route.plan)}.",
                )
            found.append(route)
        return found

    def _asks(self, route: Route) -> bool:
        return any(self._members(target.provider) & self.lost for target in route.plan)

    def _members(self, provider: str) -> frozenset[str]:
        return frozenset(self.settings.pools.get(provider, (provider,)))


def lost_providers(settings: Settings, name: str) -> frozenset[str]:
    """The providers that are lost with `name`: itself, or all of a pool. Raises NotFound."""
    if name in settings.pools:
        return frozenset(settings.pools[name])
    if name in settings.providers:
        return frozenset((name,))
    from freehold.core.suggest import did_you_mean

    known = (*settings.providers, *settings.pools)
    listed = ", ".join(f"`{one}`" for one in known)
    hint = did_you_mean(name, known) or (f"There are {listed}." if known else "`freehold.toml` names none.")
    raise NotFound(f"No provider is called `{name[:200]}`.", hint=hint)
