"""`freehold up`: the endpoint, in the foreground."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.actor import actor
from freehold.cli.endpoint import Endpoint
from freehold.cli.greeting import Greeting
from freehold.cli.options import AsJson, Config
from freehold.cli.output import say, write, write_json
from freehold.cli.times import iso
from freehold.cli.waiting import waiting
from freehold.config.address import local_url
from freehold.core.clock import microseconds

if TYPE_CHECKING:
    from freehold.access.key import Key
    from freehold.config.settings import Settings
    from freehold.routing.routes import Target

app = typer.Typer(rich_markup_mode=None, add_completion=False)

KEY_NAME = "up"
"""What keys are called that `up` makes."""
KEY_SECONDS = 30 * 86400


@app.command()
def up(
    *,
    config: Config = None,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 takes a free one.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder of the ledger and the keys.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=256, metavar="N", help="Processes that answer, one for each core they may use."
        ),
    ] = None,
    no_local: Annotated[bool, typer.Option("--no-local", help="Without the embedded models.")] = False,
    new_key: Annotated[
        bool,
        typer.Option(
            "--new-key", help="Make and show a fresh key, good for 30 days, even when there are others."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start the endpoint and keep it running until Ctrl-C.

    When it takes calls, it says so on standard output with its address, a key where none existed before,
    and three lines to paste. What happens later is said on standard error.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs

    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("alembic", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    overrides = {
        "server.host": host,
        "server.port": port,
        "server.workers": workers,
        "data": str(data.absolute()) if data else None,
        "local.enabled": False if no_local else None,
    }
    given = {name: value for name, value in overrides.items() if value is not None}
    settings = freehold.settings_from(config, given)
    for warning in settings.warnings:
        say(f"warning: {warning.where}: {warning.message} {warning.hint or ''}".rstrip())
    fresh = _fresh_key(settings, asked_for=new_key)

    with ExitStack() as starting:
        starting.enter_context(waiting("Starting"))

        shown = False

        def announce(started: freehold.Started) -> None:
            nonlocal shown
            shown = True
            starting.close()
            greeting = Greeting(
                url=local_url(settings.server.host, Endpoint(started.url).port),
                token=fresh[1] if fresh else None,
                model=_model_to_ask(settings),
                command=_own_name(),
                elsewhere=any(value is not None for value in (config, host, port, data)),
            )
            with suppress(BrokenPipeError):  # nobody reads it; the endpoint is there all the same
                if as_json:
                    shown_key = fresh[0] if fresh else None
                    write_json({**_as_json(greeting, settings, shown_key), "admin": started.admin_url})
                    sys.stdout.flush()
                else:
                    write(greeting.text())
                    if started.admin_url is not None:
                        say(f"The admin API answers at {started.admin_url}/admin/v1.")

        try:
            freehold.serve(settings, overrides=given, announce=announce)
        except BaseException:
            if fresh is not None and not shown:
                _take_back(settings, fresh[0])
            raise
    say("Stopped.")


def _fresh_key(settings: Settings, *, asked_for: bool) -> tuple[Key, str] | None:
    """A key, when one was asked for, or when there is none and only this machine can reach the endpoint."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs

    with closing(freehold.keys_of(settings, outlast=not asked_for)) as keys:
        if keys.problem is not None:
            return None  # those known from before have to do, until their server is back
        keys.purge_expired(KEY_NAME, by=actor())
        if not asked_for and (keys.usable or not settings.server.loopback):
            return None
        expires_us = microseconds(time.time() + KEY_SECONDS)
        return keys.create(KEY_NAME, expires_us=expires_us, numbered=True, by=actor())


def _take_back(settings: Settings, key: Key) -> None:
    """The endpoint did not start, so nobody was shown the key."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs

    with closing(freehold.keys_of(settings)) as keys:
        keys.revoke(key.id, by=actor())


def _model_to_ask(settings: Settings) -> str | None:
    """A route, else a model, that writes text; `default` before others. None when there is none."""
    catalog = settings.catalog()

    def writes(target: Target) -> bool:
        does = catalog.find(target.provider, target.model).profile.operations
        return does is None or "chat" in does

    routes = sorted(settings.routes.values(), key=lambda route: route.name != "default")
    names = [route.name for route in routes if writes(route.incumbent)]
    names += [target.name for target in settings.models() if writes(target)]
    return next(iter(names), None)


def _own_name() -> str:
    """How to start this command line again, as short as it can be said here."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return f"{sys.executable} -m freehold"
    found = shutil.which(program.name)
    if found is not None and Path(found).resolve() == program.resolve():
        return program.name
    here = Path.cwd()
    return str(program.relative_to(here)) if program.is_relative_to(here) else str(program)


def _as_json(greeting: Greeting, settings: Settings, key: Key | None) -> dict[str, object]:
    return {
        "url": greeting.url,
        "base_url": greeting.base_url,
        "key": greeting.token,
        "key_expires": iso(key.expires_us) if key else None,
        "data": str(settings.data),
        "config": str(settings.path) if settings.path else None,
        "routes": list(settings.routes),
        "process": os.getpid(),
        "paste": greeting.lines(),
    }
