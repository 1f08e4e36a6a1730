"""The local models that run beside this process."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freehold.app.parts import Parts
    from freehold.providers.client import ProviderClient
    from freehold.providers.local.processes import LocalModels

_BUSY_SECONDS = 0.1


def local_models_of(parts: Parts) -> LocalModels:
    """Those of this process, which are made when they are first wanted."""
    if parts.local is None:
        from freehold.providers.local.processes import LocalModels  # noqa: PLC0415 - what is off is not imported

        settings, local = parts.settings, parts.settings.local
        parts.local = LocalModels(
            settings.data, models=settings.served_here(), memory=local.memory, idle=local.idle
        )
    return parts.local


def begin_or_end_local_models(parts: Parts, former: Collection[ProviderClient] = ()) -> None:
    """Local models run when a provider of the configuration serves them, or a `former` one still does."""
    if parts.place is not None:
        return  # they are the supervisor's
    settings = parts.settings
    if any(provider.kind == "local" for provider in settings.providers.values()):
        models = local_models_of(parts)
        models.take_over(settings.served_here(), memory=settings.local.memory, idle=settings.local.idle)
        models.start_all()
    elif parts.local is not None:
        clients = [client for client in former if client.settings.kind == "local"]
        parts.ending.append(asyncio.create_task(_end(parts.local, clients)))
        parts.local = None


async def _end(local: LocalModels, clients: list[ProviderClient]) -> None:
    """End the models as soon as nobody waits for an answer of theirs any more."""
    while any(client.busy for client in clients):  # noqa: ASYNC110 - a tenth of a second matters to nobody here
        await asyncio.sleep(_BUSY_SECONDS)
    await local.stop()
