"""Routes and clients of providers, as one configuration wants them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from freehold.app.local_models import local_models_of
from freehold.app.parts import Parts
from freehold.app.steering import steering_for
from freehold.engine.runtime import Runtime
from freehold.providers.accounts import account_of
from freehold.providers.client import ProviderClient
from freehold.providers.credentials import sign_for
from freehold.providers.fetch.fetcher import Fetcher

if TYPE_CHECKING:
    from freehold.config.settings import Settings


def build_runtime(parts: Parts, settings: Settings, known: dict[str, ProviderClient]) -> Runtime:
    """Routes and clients for `settings`; a client whose provider did not change comes from `known`."""

    providers: dict[str, ProviderClient] = {}
    for name, provider in settings.providers.items():
        account = account_of(provider, parts.keys.digest)
        provider = msgspec.structs.replace(provider, account=account)  # noqa: PLW2901 - and no other from here on
        client = known.get(name)
        if client is None or client.settings != provider:
            find_address = _address_finder(parts, name) if provider.kind == "local" else None
            sign = sign_for(provider, parts.tls)
            client = ProviderClient(provider, tls=parts.tls, find_address=find_address, sign=sign)
        providers[name] = client
    # Opening the books may fail; then nothing of the process has been changed yet.
    keeper = parts.limits.keeper(tuple(settings.limits.values()), settings.price_list(), settings.catalog())
    parts.health_of_providers.enabled = settings.health.enabled
    return Runtime(
        settings.route_table(),
        providers,
        settings.ledger.bodies,
        _fetcher(parts, settings),
        settings.accounts(),
        parts.health_of_providers,
        keeper,
        steering_for(parts, settings),
    )


def _fetcher(parts: Parts, settings: Settings) -> Fetcher:
    if parts.files is None or parts.files.settings != settings.fetch:
        parts.files = Fetcher(settings.fetch, tls=parts.tls)
    return parts.files


def _address_finder(parts: Parts, provider: str) -> Callable[[str], Awaitable[tuple[str, str]]]:
    def find_here(name: str) -> Awaitable[tuple[str, str]]:
        return local_models_of(parts).address_of(f"{provider}/{name}")

    if parts.place is None:
        return find_here
    from freehold.workers.remote_models import RemoteModels  # noqa: PLC0415 - nobody needs it who is alone

    remote = RemoteModels(parts.place.crew)
    return lambda name: remote.address_of(f"{provider}/{name}")


def close_providers(parts: Parts) -> None:
    """Let go of the clients that are in use."""
    for provider in parts.engine.runtime.providers.values():
        provider.close()
