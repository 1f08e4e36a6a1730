"""One of several workers: how it answers for all of them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from freehold.core.errors import FreeholdError
from freehold.gateway.metrics import encode_sum
from freehold.gateway.pages import Health
from freehold.workers.crew import BEAT_SECONDS, Crew
from freehold.workers.findings import LOOK_SECONDS, Findings
from freehold.workers.line import LineError
from freehold.workers.messages import Beat, Overview

log = logging.getLogger("freehold.workers")

_FLUSH_SECONDS = 4.0
WELL = ("ok", "ready", "idle", "absent", "starting", "loading")
"""Beginnings of what parts say that are well, or soon will be."""


class Server(Protocol):
    """What takes the calls in."""

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""

    def stop(self) -> None:
        """Take no new ones. Told again, it hurries."""

    def adopt(self, number: int, listener: socket.socket) -> None:
        """Take connections from another place's socket, too."""

    def give_up(self, number: int) -> None:
        """Take them no more."""

    def hurry(self) -> None:
        """End those that run, too."""

    def retire(self) -> None:
        """Take no new ones, and let those that run take their time."""


class Member:
    """What a worker does because it is not alone."""

    def __init__(
        self,
        crew: Crew,
        findings: Findings,
        *,
        calls: Callable[[], int],
        health: Callable[[], Health],
        routed: Callable[[], set[str]],
    ) -> None:
        """`calls` says how many are in flight here, `health` how this worker is by itself, `routed` which models the
        routes name.
        """
        self._routed = routed
        self.crew = crew
        self._findings = findings
        self._calls = calls
        self._own_health = health
        crew.duties.heed = findings.heed

    def obey(self, server: Server, listeners: Sequence[socket.socket]) -> None:
        """Leave when told to, and how; and take connections for places that have nobody."""
        self.crew.duties.adopt = lambda number: server.adopt(number, listeners[number - 1])
        self.crew.duties.give_up = server.give_up

        def stop() -> None:
            if not server.stopping:  # several may say so, and mean the same
                server.stop()

        ways = {"stop": stop, "hurry": server.hurry, "retire": server.retire}
        self.crew.duties.leave = lambda how: ways[how]()

    def flush_others(self) -> Callable[[], None]:
        """For a thread: bring on record what other workers have answered so far."""
        loop = asyncio.get_running_loop()

        def flush() -> None:
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self.crew.flush_others(), loop).result(_FLUSH_SECONDS)

        return flush

    # Chores

    async def keep_beating(self) -> None:
        """Every second a sign of life, with what is to be known of this worker should it die."""
        while True:
            self._beat()
            await asyncio.sleep(BEAT_SECONDS)

    def _beat(self) -> None:
        parts = self._own_health().parts
        troubles = {name: said for name, said in parts.items() if not said.startswith(WELL)}
        self.crew.beat(Beat(self._calls(), self.crew.duties.figures(), troubles))

    async def take_leave(self) -> None:
        """The last word: what was counted here goes on being counted."""
        self._beat()
        await self.crew.drain()

    async def keep_telling(self) -> None:
        """What is found out about providers."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._findings.look()

    # Pages

    async def health(self) -> Health:
        """How all are, as `/health/ready` says it."""
        health = self._own_health()
        overview = await self.crew.overview()
        if overview is None:
            health.parts["workers"] = "the supervisor does not answer"
            return health
        health.configuration, health.workers = overview.configuration, list(overview.workers)
        health.parts["workers"] = _in_words(overview)
        for name, said in overview.troubles.items():
            known = health.parts.get(name)
            well = known is None or known.startswith(WELL)
            health.parts[name] = said if well else f"{known}; {said}"
        if overview.problem is not None:
            health.parts["configuration"] = f"an edit was not taken: {overview.problem}"
        routed = self._routed()
        for name, state in overview.local.items():
            health.parts[name] = state
            health.ready = health.ready and (state != "starting" or name not in routed)
        return health

    async def figures(self) -> bytes:
        """What `/metrics` says."""
        try:
            several = await self.crew.gather_figures()
        except (LineError, TimeoutError) as error:
            raise FreeholdError(f"The figures of the other workers cannot be had: {error}") from None
        overview = await self.crew.overview()
        is_good = overview is not None and overview.problem is None
        return encode_sum(several, _families(overview), configuration_ok=is_good)


def _in_words(overview: Overview) -> str:
    ready = sum(worker.state == "ready" for worker in overview.workers)
    said = ["ok" if ready >= overview.wanted else "not all are there", f"{ready} of {overview.wanted} ready"]
    leaving = sum(worker.state == "leaving" for worker in overview.workers)
    if leaving:
        said.append(f"{leaving} leaving")
    behind = [one for one in overview.workers if one.configuration != overview.configuration]
    said += [f"worker {one.worker} has configuration {one.configuration}" for one in behind]
    return "; ".join(said)


def _families(overview: Overview | None) -> list[Metric]:
    if overview is None:
        return []
    calls = GaugeMetricFamily(
        "freehold_worker_calls_active", "Calls in flight, by worker, a second ago at most.", labels=["worker"]
    )
    for worker in overview.workers:
        if worker.state == "ready":
            calls.add_metric([str(worker.worker)], worker.calls)
    ready = sum(worker.state == "ready" for worker in overview.workers)
    return [
        calls,
        GaugeMetricFamily(
            "freehold_workers_configured_otherwise",
            "Workers that do not have the newest configuration yet.",
            value=sum(one.configuration != overview.configuration for one in overview.workers),
        ),
        GaugeMetricFamily("freehold_workers_ready", "Workers that take calls.", value=ready),
        CounterMetricFamily(
            "freehold_worker_restarts", "Workers started in place of one that died.", value=overview.restarts
        ),
    ]
