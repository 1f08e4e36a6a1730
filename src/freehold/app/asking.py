"""An engine in a command's process: what asking models needs, and nothing of an endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from freehold.app.ledger import close_ledger
from freehold.app.limiting import make_limits
from freehold.app.opening import keys_of
from freehold.app.parts import Parts
from freehold.app.prices import Prices
from freehold.app.runtimes import build_runtime, close_providers
from freehold.core.clock import SystemClock
from freehold.engine.engine import Engine
from freehold.ledger.writer import Ledger
from freehold.routing.routes import RouteTable

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.routing.routes import Route


@asynccontextmanager
async def open_engine(settings: Settings, routes: Mapping[str, Route]) -> AsyncIterator[Parts]:
    """`engine` and what it needs, started; ended when it is left. Calls are in the ledger and under the owner's limits.

    `routes` come before those of the configuration. Local models are started when they are first asked. An endpoint may
    run beside it: the ledger and the limits are made for several processes. Raises StoreError, SettingsError.
    """
    parts, clock = Parts(settings, {}), SystemClock()
    async with parts.ends as ends:
        ends.callback(parts.audit.close)
        parts.keys = keys_of(settings, outlast=True)
        ends.callback(parts.keys.close)
        parts.prices = Prices(settings.price_list())
        parts.ledger = ledger = Ledger(
            settings.database or settings.data / "ledger.db",
            settings.ledger,
            parts.prices,
            clock,
            spool=settings.data / "spool",
            may_tidy=lambda: False,  # an endpoint does that
            shared=True,
        )
        ends.push_async_callback(_end_local_models, parts)
        ends.push_async_callback(close_ledger, ledger)
        parts.limits = make_limits(parts)
        ends.push_async_callback(parts.limits.close)
        runtime = build_runtime(parts, settings, {})
        table = RouteTable(
            {**runtime.routes.routes, **routes}, frozenset(runtime.providers) | frozenset(settings.pools)
        )
        parts.engine = Engine(
            msgspec.structs.replace(runtime, routes=table),
            clock=clock,
            observers=(ledger.record,),
            begun=ledger.begun,
        )
        ends.callback(close_providers, parts)
        ledger.start()
        await parts.limits.started()
        yield parts


async def _end_local_models(parts: Parts) -> None:
    if parts.local is not None:
        await parts.local.stop()
