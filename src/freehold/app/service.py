"""The running endpoint: everything is started in its order, and ended in the reverse one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from freehold.app.chores import all_chores, end_all, keep_doing
from freehold.app.configuration import note
from freehold.app.endpoint import make_endpoint
from freehold.app.filing import go_on
from freehold.app.ledger import close_ledger, make_ledger
from freehold.app.limiting import make_limits
from freehold.app.local_models import begin_or_end_local_models
from freehold.app.observing import close_telemetry, make_metrics, tracing_of
from freehold.app.opening import keys_of
from freehold.app.parts import Parts
from freehold.app.readiness import favour_answers, load_dialects
from freehold.app.replicas import sharing_of
from freehold.app.rollouts import Rollouts, chores_of_rollouts, make_rollouts
from freehold.app.runtimes import build_runtime, close_providers
from freehold.app.started import Started
from freehold.app.steering import know_what_was
from freehold.core.clock import Clock, SystemClock
from freehold.core.errors import SettingsError
from freehold.engine.engine import Engine
from freehold.gateway.door import Door
from freehold.gateway.gate import Gate
from freehold.gateway.server import RunningServer, listen, raise_file_limit
from freehold.ledger.reported import Change, ReportedModels

if TYPE_CHECKING:
    from freehold.app.place import Place
    from freehold.config.settings import Settings

log = logging.getLogger("freehold")


async def run_endpoint(
    settings: Settings,
    overrides: Mapping[str, object],
    announce: Callable[[Started], None],
    place: Place | None = None,
) -> None:
    """Start everything, serve, and end what was started, whatever fails; `place`: among several workers.

    Raises SettingsError and StoreError.
    """
    parts = Parts(settings, overrides, place)
    raise_file_limit()
    async with parts.ends as ends:
        ends.callback(parts.upkeep.release)
        ends.callback(parts.presence.release, remove=True)
        ends.callback(parts.audit.close)
        parts.keys = keys_of(settings, outlast=True)
        ends.callback(parts.keys.close)
        if not settings.server.loopback and not parts.keys.usable:
            raise SettingsError(
                f"An endpoint on `{settings.server.host}` can be reached by others, and no key exists.",
                hint="Make one with `freehold keys create NAME`.",
            )
        listener = listen(settings.server) if place is None else place.listeners[place.order.number - 1]
        ends.callback(listener.close)
        clock = SystemClock()
        ends.push_async_callback(_take_leave, parts)
        parts.ledger = make_ledger(parts, clock)
        ends.push_async_callback(close_ledger, parts.ledger)
        parts.reported = ReportedModels(_tell_change)
        parts.metrics = make_metrics(parts)
        parts.limits = make_limits(parts)
        ends.push_async_callback(parts.limits.close)
        parts.engine = _make_engine(parts, clock)
        ends.callback(close_providers, parts)
        ends.callback(close_telemetry, parts)
        if place is not None:
            from freehold.app.membership import join  # noqa: PLC0415 - nobody needs it who is alone

            parts.member = join(parts, place, clock)
        rollouts = make_rollouts(parts, clock)
        endpoint = make_endpoint(parts, Gate(Door(parts.keys, clock.tick), parts.metrics), clock)
        parts.server = RunningServer(endpoint, settings.server, listener)
        if parts.member is not None and place is not None:
            parts.member.obey(parts.server, place.listeners)
        parts.ledger.start()
        parts.telemetry.start()
        await parts.limits.started()
        favour_answers()
        await _serve(parts, rollouts, announce)


def _make_engine(parts: Parts, clock: Clock) -> Engine:
    ledger, telemetry = parts.ledger, parts.telemetry
    return Engine(
        build_runtime(parts, parts.settings, {}),
        clock=clock,
        observers=(ledger.record, parts.metrics.observe, parts.reported.observe, *telemetry.observers),
        begun=ledger.begun,
        tracing=tracing_of(parts.settings),
    )


async def _serve(parts: Parts, rollouts: Rollouts, announce: Callable[[Started], None]) -> None:
    parts.served = True
    parts.ends.push_async_callback(parts.scribe.finish)
    parts.sharing = sharing_of(parts)
    if parts.sharing is not None:
        parts.ends.push_async_callback(parts.sharing.close)
    async with asyncio.TaskGroup() as tasks:
        chores = {**all_chores(parts, asyncio.get_running_loop()), **chores_of_rollouts(rollouts)}
        background = [tasks.create_task(keep_doing(name, chore)) for name, chore in chores.items()]
        begin_or_end_local_models(parts)
        background.append(tasks.create_task(asyncio.to_thread(load_dialects)))
        await know_what_was(parts)
        await go_on(parts.desk)
        await rollouts.begin()
        note(parts, "endpoint.start", parts.settings)
        admin = parts.admin
        if admin is not None:
            tasks.create_task(admin.run())
        started = Started(parts.server.url, parts.settings, None if admin is None else admin.url)
        try:
            await parts.server.run(started=lambda: announce(started))
        finally:
            if admin is not None:
                admin.stop()
            await end_all(background)


async def _take_leave(parts: Parts) -> None:
    """Wait for what is on its way out."""
    if parts.local is not None:
        parts.ending.append(asyncio.create_task(parts.local.stop()))
    if parts.member is not None and parts.served:
        await parts.member.take_leave()
    await asyncio.gather(*parts.ending)


def _tell_change(change: Change) -> None:
    log.warning("`%s` now calls itself `%s`, before `%s`", change.asked, change.now, change.before)
