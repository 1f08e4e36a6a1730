"""What steers calls: made where a route has a policy, had one not long ago, or is moved by a rollout."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from freehold.app.opening import comparisons_of, history_of
from freehold.app.parts import Parts
from freehold.core.clock import SystemClock, microseconds
from freehold.core.errors import FreeholdError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from freehold.app.policies import Surveyed
    from freehold.compare.database import Database
    from freehold.config.settings import Settings
    from freehold.engine.steered.makers import Shelf
    from freehold.engine.steered.route_steering import RouteSteering
    from freehold.ledger.reading import LedgerReader
    from freehold.routing.routes import Route

# ruff: noqa: PLC0415 - an endpoint without policies loads nothing of them

log = logging.getLogger("freehold")

FILE = "steering.db"
_SURVEY_SECONDS = 30.0
_DAY_SECONDS = 86_400.0
_DAY_US = 86_400_000_000
_LEAST_CALLS = 20
"""Of which a pace is known."""
_READ_SECONDS = 10.0
"""That a server may take over a question."""


def steering_for(parts: Parts, settings: Settings) -> RouteSteering | None:
    """What steers the calls of a runtime with these settings; None: nobody is needed."""
    if parts.steering is None and not settings.policies and not _was_used(settings.data / FILE):
        return None
    steering = steering_of(parts, settings)
    from freehold.app.policies import make_policies

    steering.set_policies(make_policies(settings, parts.surveys))
    return steering


def steering_of(parts: Parts, settings: Settings | None = None) -> RouteSteering:
    """What steers calls, made if there is nothing yet; calls that begin from now on are asked about."""
    if parts.steering is None:
        from freehold.engine.steered.memory import Memory
        from freehold.engine.steered.route_steering import RouteSteering

        memory = Memory(_shelf_of(parts, settings or parts.settings), SystemClock())
        parts.ends.push_async_callback(memory.close)
        secret = parts.keys.digest(b"conversations").hex()
        parts.steering = RouteSteering(memory, lambda: parts.engine.runtime, secret=secret)
        parts.steered.set()
    if settings is None and parts.engine.runtime.steering is None:
        parts.engine.runtime = msgspec.structs.replace(parts.engine.runtime, steering=parts.steering)
    return parts.steering


def _was_used(file: Path) -> bool:
    """Whether something was remembered there that is not forgotten yet."""
    try:
        return file.stat().st_mtime > SystemClock().now() - _DAY_SECONDS
    except OSError:
        return False


async def know_what_was(parts: Parts) -> None:
    """Read what earlier processes left, before the first call comes."""
    if parts.steering is None and parts.settings.shared_url is not None and await _left_marks(parts):
        steering_of(parts)
    if parts.steering is not None:
        await parts.steering.memory.first_marks(_READ_SECONDS)


async def _left_marks(parts: Parts) -> bool:
    """Whether replicas that share a server with this one had a policy on a route not long ago."""
    from freehold.engine.steered.makers import AwayError

    shelf = _shelf_of(parts, parts.settings)
    try:
        marks = await shelf.marks()
    except AwayError:
        return False
    finally:
        await shelf.close()
    now_us = microseconds(SystemClock().now())
    return any(mark.at_us > now_us - _DAY_US for mark in marks)


def _shelf_of(parts: Parts, settings: Settings) -> Shelf:
    if settings.shared_url is not None:
        from freehold.engine.steered.shared import SharedShelf

        return SharedShelf(settings.shared_url.reveal(), prefix=settings.shared.prefix)
    from freehold.engine.steered.filed import FiledShelf

    return FiledShelf(settings.data / FILE, shared=parts.place is not None)


def chores_of_steering(parts: Parts) -> dict[str, Callable[[], Awaitable[None]]]:
    """What has to be done beside the calls, from when there is somebody who steers."""

    async def write() -> None:
        await parts.steered.wait()
        if parts.steering is not None:
            await parts.steering.memory.run()

    async def follow() -> None:
        await parts.steered.wait()
        if parts.steering is not None:
            await parts.steering.memory.follow()

    async def keep_surveying() -> None:
        await parts.steered.wait()
        while True:
            parts.configured.clear()  # before the look: what is changed meanwhile is looked at next
            await survey_routes(parts)
            with suppress(TimeoutError):
                async with asyncio.timeout(_SURVEY_SECONDS):
                    await parts.configured.wait()

    return {
        "remembering who answered": write,
        "following the other processes' routes": follow,
        "looking at what models cost and how fast they are": keep_surveying,
    }


async def survey_routes(parts: Parts) -> None:
    """Look at verdicts and paces again, and let the policies go by what is found."""
    from freehold.app.policies import make_policies

    settings, steering = parts.settings, parts.steering
    if steering is None or not settings.policies:
        return
    surveys = await asyncio.to_thread(survey, settings)
    if settings is parts.settings:  # else the next look is at what is configured now
        parts.surveys = surveys
        steering.set_policies(make_policies(settings, surveys))


def survey(settings: Settings) -> dict[str, Surveyed]:
    """What is known of the routes whose policies go by it. Waits for the databases."""
    if any(policy.kind == "learned" for policy in settings.policies.values()):
        from freehold.app.learned import watch_routers

        watch_routers(settings)
    comparisons = comparisons_of(settings, patience=_READ_SECONDS)
    history = history_of(settings, patience=_READ_SECONDS)
    now_us = microseconds(SystemClock().now())
    try:
        return {
            name: _survey_of(settings.routes[name], comparisons, history, now_us)
            for name, policy in settings.policies.items()
            if policy.kind in ("cheapest", "fastest")
        }
    finally:
        comparisons.close()


def _survey_of(route: Route, comparisons: Database, history: LedgerReader, now_us: int) -> Surveyed:
    from freehold.app.policies import USUAL, Surveyed
    from freehold.compare.standing import replacements
    from freehold.core.usage import Usage
    from freehold.ledger.filters import Filter

    try:
        proven = replacements(comparisons, route.incumbent.name, route.name)
    except FreeholdError as error:
        log.warning("The verdicts for the route `%s` cannot be read: %s", route.name, error)
        proven = frozenset()
    paces: dict[str, float] = {}
    usage = USUAL
    try:
        if history.exists:
            of_all = Filter(operation="chat", since_us=now_us - _DAY_US)
            of_route = msgspec.structs.replace(of_all, route=route.name)
            for chosen in (of_all, of_route):  # those of the route itself say more
                for pace in history.paces(("model",), chosen):
                    if pace.calls >= _LEAST_CALLS and pace.names[0] is not None:
                        paces[pace.names[0]] = pace.duration_ms[50]
            for one in history.spend("route", of_route):
                counted = one.calls - one.uncounted
                if counted >= _LEAST_CALLS and one.input_tokens + one.output_tokens > 0:
                    read, wrote = one.input_tokens // counted, one.output_tokens // counted
                    usage = Usage(input_tokens=read, output_tokens=wrote, source="counted")
    except FreeholdError as error:
        log.warning("The paces of the route `%s` cannot be read: %s", route.name, error)
    return Surveyed(proven, paces, usage)
