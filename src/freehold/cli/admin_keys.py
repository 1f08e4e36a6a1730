"""`freehold admin-keys`: who may administer the endpoint over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from freehold.cli.actor import actor
from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import Column, Listing, say, write_json
from freehold.cli.times import moment_after
from freehold.core.clock import microseconds
from freehold.core.figures import show_moment

if TYPE_CHECKING:
    from freehold.access.admin_keys import AdminKeys

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def admin_keys() -> None:
    """Create, list and revoke keys of administrators.

    They are good for the admin API, and for no call. A viewer sees figures and settings, an operator sees what was said
    and runs the endpoint, an owner decides about administrators' keys too.
    """


@app.command()
def create(
    *,
    name: Annotated[str, typer.Argument(help="What to call it: who or what will hold it.")],
    role: Annotated[
        Literal["viewer", "operator", "owner"], typer.Option("--role", help="What it is good for.")
    ] = "viewer",
    expires: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="How long it is good: `12h`, `30d`, `1y`. Without: for ever."),
    ] = None,
    config: Config = None,
    utc: Utc = False,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once.

    The key is the only thing on standard output.
    """
    from freehold.access.shown import show_new_admin_key  # noqa: PLC0415 - imported when the command runs

    now_us = microseconds(time.time())
    end_us = moment_after(expires, now_us) if expires else None
    with _opened(config) as keys:
        key, token = keys.create(name, role, expires_us=end_us, by=actor())
    if as_json:
        write_json(show_new_admin_key(key, token, now_us))
        return
    typer.echo(token)
    until = f"until {show_moment(key.expires_us, utc=utc)}" if key.expires_us else "until revoked"
    say(f"This is `{key.name}` ({key.id}), {key.role}, good {until}. It cannot be shown again.")


@app.command(name="list")
def list_(
    everything: Annotated[bool, typer.Option("--all", "-a", help="Revoked and expired ones too.")] = False,
    config: Config = None,
    utc: Utc = False,
    as_json: AsJson = False,
) -> None:
    """List the keys of administrators; a key itself is never shown again."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.access.choice import state_of  # noqa: PLC0415
    from freehold.access.shown import show_admin_key  # noqa: PLC0415

    if not freehold.has_keys(freehold.settings_from(config)):
        found = []  # looking makes no files
    else:
        with _opened(config) as keys:
            found = keys.list()
    now_us = microseconds(time.time())
    shown = [key for key in found if everything or state_of(key, now_us) == "good"]
    if as_json:
        for key in shown:
            write_json(show_admin_key(key, now_us))
        return
    if not shown:
        say(
            "There are no administrators' keys. Make one with `freehold admin-keys create NAME --role owner`."
        )
        return
    columns = [
        Column("NAME", width=32),
        Column("ROLE"),
        Column("KEY"),
        Column("STATE"),
        Column("CREATED", rank=8),
        Column("EXPIRES", rank=3),
        Column("ID", rank=9),
    ]
    Listing(columns).write(
        (
            key.name,
            key.role,
            f"{key.prefix}…",
            state_of(key, now_us),
            show_moment(key.created_us, utc=utc),
            show_moment(key.expires_us, utc=utc) if key.expires_us else "never",
            key.id,
        )
        for key in shown
    )


@app.command()
def revoke(
    which: Annotated[str, typer.Argument(help="Its name, its id, or the beginning that the list shows.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take a key back. A running endpoint refuses it within a second."""
    from freehold.access.shown import show_admin_key  # noqa: PLC0415 - imported when the command runs

    with _opened(config) as keys:
        key = keys.revoke(which, by=actor())
    if as_json:
        write_json(show_admin_key(key, microseconds(time.time())))
        return
    say(f"Revoked `{key.name}` ({key.prefix}…, {key.id}). A running endpoint refuses it within a second.")


@contextmanager
def _opened(config: Config) -> Iterator[AdminKeys]:
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs

    settings = freehold.settings_from(config)
    with (
        closing(freehold.keys_of(settings)) as keys,
        closing(freehold.admin_keys_of(settings, keys)) as admin,
    ):
        yield admin
