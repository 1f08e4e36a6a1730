"""What is done again and again for as long as the endpoint runs."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING

from freehold.app.configuration import new_watch
from freehold.app.ledger import tell_of_drops
from freehold.app.live_drills import follow_live_drills
from freehold.app.parts import Parts
from freehold.app.steering import chores_of_steering
from freehold.core.clock import SystemClock

if TYPE_CHECKING:
    from freehold.access.keys import Keys


log = logging.getLogger("freehold")

Chore = Callable[[], Awaitable[None]]

_REST_SECONDS = 1.0


def all_chores(parts: Parts, loop: asyncio.AbstractEventLoop) -> dict[str, Chore]:
    """By what they are: all that this endpoint does beside answering."""
    chores: dict[str, Chore] = {
        **_chores_of_its_place(parts, loop),
        "reading the keys anew": lambda: _refresh(parts.keys),
        "telling of dropped calls": lambda: tell_of_drops(parts.ledger),
        "tidying files and batches": parts.desk.tidy,
        "asking providers how they are": lambda: _check_up(parts),
        "writing the audit log": parts.scribe.run,
        "following live drills": lambda: follow_live_drills(parts),
        **chores_of_steering(parts),
    }
    if parts.sharing is not None:
        chores["sharing what is known of providers"] = parts.sharing.run
    return chores


async def keep_doing(name: str, chore: Chore) -> None:
    """Do a chore for as long as the endpoint runs. No chore that fails may end the endpoint."""
    while True:
        try:
            await chore()
        except Exception:
            log.exception("%s failed; it is tried again", name)
        await asyncio.sleep(_REST_SECONDS)


async def end_all(chores: Collection[asyncio.Task[None]]) -> None:
    """Cancel them until they are over: what one waits in may take the cancellation for a time limit of its own."""
    while under_way := [one for one in chores if not one.done()]:
        for one in under_way:
            one.cancel()
        await asyncio.wait(under_way, timeout=_REST_SECONDS)


async def _refresh(keys: Keys) -> None:
    """Take over, every second, what other processes did to the keys."""
    while True:
        await asyncio.sleep(_REST_SECONDS)
        await asyncio.to_thread(keys.keep_up)


async def _check_up(parts: Parts) -> None:
    """Look at the providers for as long as the configuration says how often."""
    from freehold.engine.checkups import Checkups  # noqa: PLC0415 - only where they are asked

    every = parts.settings.health.probe
    if every is None or not parts.settings.health.enabled:
        return
    checkups = Checkups(parts.health_of_providers, SystemClock())
    while parts.settings.health.probe == every:
        # Of several workers one asks, and tells the others.
        if parts.place is None or parts.upkeep.take():
            await checkups.look_at_all(parts.engine.runtime.providers, parts.engine.runtime.accounts)
        await asyncio.sleep(checkups.spread(every))


def _chores_of_its_place(parts: Parts, loop: asyncio.AbstractEventLoop) -> dict[str, Chore]:
    """Who says what is to be done: signals and the file or, to one of several workers, the supervisor."""
    if parts.member is None:
        parts.watch = watch = new_watch(parts)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, parts.server.stop)
        loop.add_signal_handler(signal.SIGHUP, watch.poke)
        loop.add_signal_handler(signal.SIGUSR2, _tell_of_roll)
        return {"watching the configuration": watch.run}
    crew = parts.member.crew
    # A service manager may send it to every process, and the supervisor says so too: that is no hurry.
    loop.add_signal_handler(signal.SIGTERM, lambda: crew.leave("stop"))
    return {
        "giving signs of life": parts.member.keep_beating,
        "telling of providers": parts.member.keep_telling,
        "working batches off": parts.desk.take_turns,
    }


def _tell_of_roll() -> None:
    log.warning("nothing is replaced: one process answers by itself; `freehold up --workers N` has several")
