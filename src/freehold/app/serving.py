"""Serving, from settings to the end of the process: alone, over several workers, or as one of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from freehold.app.place import Place
from freehold.app.started import Started
from freehold.core.errors import SettingsError

if TYPE_CHECKING:
    from freehold.config.settings import Settings

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs


def serve(
    settings: Settings,
    *,
    overrides: Mapping[str, object] | None = None,
    announce: Callable[[Started], None],
) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called once requests are taken.

    `overrides` are applied again whenever the edited configuration is read. Raises SettingsError (the address
    is taken, or an endpoint wider than loopback has no key) and StoreError.
    """
    import uvloop

    from freehold.telemetry.logs import write_lines_as

    write_lines_as(settings.server.logs, settings.server.log_level)
    if settings.server.workers > 1:
        from freehold.workers.supervision import Supervision

        supervision = Supervision(settings, overrides or {}, os.environ)
        uvloop.run(supervision.run(lambda *known: announce(Started(*known))))
        return
    from freehold.app.service import run_endpoint

    uvloop.run(run_endpoint(settings, overrides or {}, announce))


def serve_as_worker(listeners: list[socket.socket], end: socket.socket) -> int:
    """Serve on one of the `listeners`, as the supervisor at the other `end` says; the exit status."""
    import uvloop

    return uvloop.run(_work(listeners, end))


async def _work(listeners: list[socket.socket], end: socket.socket) -> int:
    from freehold.core.errors import FreeholdError, StoreError
    from freehold.telemetry.logs import write_lines_as
    from freehold.workers.crew import Crew
    from freehold.workers.messages import Failure
    from freehold.workers.supervision import settings_for

    crew = Crew(end)
    failure: Failure | None = None
    try:
        order = await crew.order()
        settings = settings_for(order, os.environ)
        write_lines_as(settings.server.logs, settings.server.log_level)
        from freehold.app.service import run_endpoint

        place = Place(crew, order, listeners)
        await run_endpoint(settings, order.overrides, lambda _: crew.ready(), place)
    except* FreeholdError as errors:
        error = errors.exceptions[0]
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        kinds: dict[type[Exception], Literal["settings", "store"]] = {
            SettingsError: "settings",
            StoreError: "store",
        }
        failure = Failure(kinds.get(type(error), "other"), error.message, error.hint)
    if failure is not None:
        await crew.fail(failure)
    return 0 if failure is None else 1
