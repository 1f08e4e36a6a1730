"""Stations on a Ray cluster: each is an actor with an engine of its own, on any of its machines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.app.ray_cluster import connect, the_ray
from freehold.core.errors import BadRequest

if TYPE_CHECKING:
    from freehold.compare.spreading.driver import Remote
    from freehold.compare.spreading.station import Station
    from freehold.config.settings import Settings
    from freehold.routing.routes import Route

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
_AT_ONCE = 1000


class StationActor:
    """What Ray runs. Its machine has the same Freehold, configuration file and secrets as the driver's."""

    def __init__(  # noqa: PLR0917 - Ray hands them over in their order
        self,
        file: str,
        folder: str,
        comparison: str,
        routes: Mapping[str, Route],
        limited: bool,
        unpriced: bool,
    ) -> None:
        self._file = Path(file)
        self._folder = folder
        self._comparison = comparison
        self._routes = routes
        self._limited = limited
        self._unpriced = unpriced
        self._held = AsyncExitStack()
        self._station: Station | None = None

    async def start(self) -> None:
        """Open an engine."""
        from freehold.app.asking import open_engine
        from freehold.app.opening import settings_from
        from freehold.compare.budget import Tariffs
        from freehold.compare.spreading.shares import ShareLimits
        from freehold.compare.spreading.station import Station
        from freehold.core.clock import SystemClock

        os.chdir(self._folder)
        settings, clock = settings_from(self._file), SystemClock()
        parts = await self._held.enter_async_context(open_engine(settings, self._routes))
        shares = None
        if self._limited:
            runtime = parts.engine.runtime
            tariffs = Tariffs(settings.price_list(), settings.catalog(), clock)
            shares = ShareLimits(runtime.limits, tariffs, unpriced=self._unpriced)
            parts.engine.runtime = msgspec.structs.replace(runtime, limits=shares)
        self._station = Station(parts.engine, settings.price_list(), clock, self._comparison, shares)

    async def ask(self, model: str, request: bytes, share: int) -> bytes:
        """See `Station.ask`; the reply as JSON."""
        assert self._station is not None
        return msgspec.json.encode(await self._station.ask(model, msgspec.Raw(request), share))

    async def stop(self) -> None:
        """Bring the rest into the ledger."""
        await self._held.aclose()


@asynccontextmanager
async def open_stations(
    settings: Settings,
    comparison: str,
    routes: Mapping[str, Route],
    *,
    address: str | None,
    most: int,
    limited: bool,
    unpriced: bool,
) -> AsyncIterator[Sequence[Remote]]:
    """As many stations as the cluster has processors, but no more than `most`, until it is left.

    `address`: of the cluster; None: what `RAY_ADDRESS` says, else a cluster of this machine alone. Raises BadRequest.
    """
    ray = the_ray()
    if settings.path is None:
        raise BadRequest("Stations need a configuration file.", hint="Write a `freehold.toml`.")
    file = settings.path.resolve()
    begun = await asyncio.to_thread(connect, ray, address)
    actors: list[Any] = []
    try:
        _check_ledger(ray, settings)
        processors = int(ray.cluster_resources().get("CPU", 1))
        kind = ray.remote(num_cpus=1, max_concurrency=_AT_ONCE)(StationActor)
        words = (str(file), str(Path.cwd()), comparison, dict(routes), limited, unpriced)
        started = {
            (actor := kind.remote(*words)).start.remote(): actor for _ in range(max(1, min(processors, most)))
        }
        actors = await _those_that_started(ray, started)
        yield [_remote(ray, actor) for actor in actors]
    finally:
        if actors:
            await asyncio.wait(
                [asyncio.wrap_future(one.stop.remote().future()) for one in actors], timeout=_STOP_SECONDS
            )
        if begun:
            await asyncio.to_thread(ray.shutdown)


def _check_ledger(ray: Any, settings: Settings) -> None:
    machines = {node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    if len(machines) > 1 and settings.database is None:
        raise BadRequest(
            f"The cluster has {len(machines)} machines, and a ledger in a file belongs to one.",
            hint="Keep it on a PostgreSQL server: `[database]`; and limits on a Valkey server: `[shared]`.",
        )


async def _those_that_started(ray: Any, started: dict[Any, Any]) -> list[Any]:
    def wait() -> list[Any]:
        ready: list[Any]
        ready, _ = ray.wait(list(started), num_returns=len(started), timeout=_START_SECONDS)
        for one in ready:
            ray.get(one)
        return ready

    try:
        ready = await asyncio.to_thread(wait)
    except ray.exceptions.RayError as error:
        told = str(error).strip().splitlines()[-1]
        raise BadRequest(
            f"A station cannot start: {told}",
            hint="Each machine needs this Freehold, `freehold.toml` at the same path, and the secrets it names.",
        ) from error
    if not ready:
        raise BadRequest(
            f"No station started within {_START_SECONDS:.0f} seconds.",
            hint="Look whether the cluster has room.",
        )
    return [started[one] for one in ready]


def _remote(ray: Any, actor: Any) -> Remote:
    from freehold.compare.spreading.driver import StationLost

    async def ask(model: str, request: bytes, share: int) -> bytes:
        try:
            said: bytes = await asyncio.wrap_future(actor.ask.remote(model, request, share).future())
        except ray.exceptions.RayActorError as error:
            raise StationLost from error
        return said

    return ask
