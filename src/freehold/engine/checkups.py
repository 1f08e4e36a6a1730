"""Asking providers how they are when no call does: for their lists of models, which cost nothing.

A provider that cannot be reached, or does not let the account in, is so found before a call needs it; and found well
again without a call that has to try. Whether a model itself answers is left to calls: asking it would cost money, and
a breaker lets one of them try in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from freehold.core.clock import Clock
from freehold.core.errors import ProviderError, ProviderRefused, ProviderTimeout, ProviderUnreachable
from freehold.providers.settings import ProviderSettings
from freehold.routing.breakers import Ending, spots_of
from freehold.routing.plans import Accounts, ProvidersHealth
from freehold.wire.model_lists import first_page

_NO_MODEL = ""
_SPREAD = 0.2
"""By how much of the interval looks are spread, so that replicas do not all come at once."""


class Listed(Protocol):
    """A provider that can be asked for its models."""

    @property
    def settings(self) -> ProviderSettings:
        """What it is."""

    async def list_models(self, query: Mapping[str, str] = ...) -> bytes:
        """Its list. Raises ProviderError."""


class Checkups:
    """Of all providers of the configuration that is in force."""

    def __init__(self, health: ProvidersHealth, clock: Clock) -> None:
        self._health = health
        self._clock = clock

    async def look(self, provider: Listed, quota: str) -> Ending:
        """Ask one provider, and heed what it says."""
        breakers = self._health.breakers
        try:
            await provider.list_models(first_page(provider.settings.dialects[0]) or {})
        except ProviderError as error:
            ending = _ending_of(error)
        else:
            ending = "answered"
        spots = spots_of(provider.settings.name, _NO_MODEL, quota)
        now = self._clock.tick()
        if ending == "answered":
            for spot in (spots[0], spots[2]):
                breakers.try_now(spot, now)  # and this was the try
        breakers.end(breakers.begin(spots, now), ending, now)
        return ending

    async def look_at_all(self, providers: Mapping[str, Listed], accounts: Accounts) -> None:
        """Ask every provider but the embedded models, at once."""
        asked = [(name, one) for name, one in providers.items() if one.settings.kind != "local"]
        await asyncio.gather(*(self.look(one, accounts.quota_of(name)) for name, one in asked))

    def spread(self, every: float) -> float:
        """Seconds until the next time, about `every`."""
        return every * (1 - _SPREAD / 2 + _SPREAD * self._health.chance())


def _ending_of(error: ProviderError) -> Ending:
    """What it says of the provider. That it has no list says nothing."""
    if isinstance(error, ProviderRefused) and error.provider_status in (401, 402, 403):
        return "locked-out"
    no_connection = isinstance(error, ProviderTimeout) and error.phase == "connect"
    return "unreachable" if no_connection or isinstance(error, ProviderUnreachable) else "neither"
