"""What calls are answered with: routes and provider clients, swapped as one when the configuration changes."""

from __future__ import annotations

import random

import msgspec

from freehold.access.key import Key
from freehold.core.errors import Forbidden
from freehold.engine.inlining import FileFetcher
from freehold.engine.limiting import Limits
from freehold.engine.steering import Steering
from freehold.providers.client import ProviderClient
from freehold.routing.plans import Accounts, ProvidersHealth
from freehold.routing.routes import Route, RouteTable, Target


class Runtime(msgspec.Struct, frozen=True):
    """One validated configuration at work. A call keeps the runtime it began with."""

    routes: RouteTable
    providers: dict[str, ProviderClient]
    keep_bodies: bool = True
    fetcher: FileFetcher | None = None
    """Gets the files that a request names by URL, for providers that do not."""
    accounts: Accounts = Accounts()
    """How the providers belong together."""
    health: ProvidersHealth = msgspec.field(default_factory=lambda: ProvidersHealth(random.random))
    """What is known of the providers' state. It outlives the configuration."""
    limits: Limits | None = None
    """None: there are none."""
    steering: Steering | None = None
    """Who chooses among a route's models; None: the incumbent is always asked first."""

    def has(self, target: Target) -> bool:
        """Whether calls can be sent to it: its provider is there, or it is of a pool."""
        return target.provider in self.providers or target.provider in self.accounts.pools

    def route_for(self, name: str, key: Key | None) -> Route:
        """The route called `name`, if `key` may call it. Raises UnknownModel or Forbidden.

        A key limited to routes is told the same of a name it may not call as of one that does not exist
        in its list, so that it cannot find out what else there is.
        """
        if key is not None and not key.may_call(name):
            raise Forbidden(f"This key may not call `{name[:200]}`.", param="model")
        return self.routes.find(name)
