"""`freehold keys`: who may call what."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.actor import actor
from freehold.cli.completion import key_names, route_names
from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import Column, Listing, say, write_json
from freehold.cli.times import moment_after
from freehold.core.clock import microseconds
from freehold.core.figures import show_moment

if TYPE_CHECKING:
    from freehold.access.key import Key
    from freehold.access.keys import Keys

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def keys() -> None:
    """Create, list and revoke keys."""


@app.command()
def create(
    *,
    name: Annotated[str, typer.Argument(help="What to call it: who or what will hold it.")],
    expires: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="How long it is good: `12h`, `30d`, `1y`. Without: for ever."),
    ] = None,
    route: Annotated[
        list[str] | None,
        typer.Option(
            "--route",
            metavar="ROUTE",
            help="A route or `provider/model` it may call; may be given again. Without: every one.",
            autocompletion=route_names,
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="An error, before anything is spent, where a translation would lose something."
        ),
    ] = False,
    team: Annotated[
        str | None, typer.Option("--team", metavar="TEAM", help="The team whose limits it shares.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="USER", help="The user it counts for, beside their other keys."),
    ] = None,
    config: Config = None,
    utc: Utc = False,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once.

    The key is the only thing on standard output: `export FREEHOLD_KEY=$(freehold keys create laptop)`.
    """
    from freehold.access.shown import show_new_key  # noqa: PLC0415 - imported when the command runs

    now_us = microseconds(time.time())
    end_us = moment_after(expires, now_us) if expires else None
    with _opened(config) as keys:
        key, token = keys.create(
            name,
            expires_us=end_us,
            routes=frozenset(route) if route else None,
            strict=strict,
            team=team,
            user=user,
            by=actor(),
        )
    if as_json:
        write_json(show_new_key(key, token, now_us))
        return
    typer.echo(token)
    until = f" until {show_moment(key.expires_us, utc=utc)}" if key.expires_us else ""
    reach = f" for {', '.join(sorted(key.routes))}" if key.routes else ""
    say(f"This is `{key.name}` ({key.id}), good{reach}{until or ' until revoked'}. It cannot be shown again.")


@app.command(name="list")
def list_(
    everything: Annotated[bool, typer.Option("--all", "-a", help="Revoked and expired ones too.")] = False,
    config: Config = None,
    utc: Utc = False,
    as_json: AsJson = False,
) -> None:
    """List the keys by name; a key itself is never shown again."""
    from freehold.access.choice import state_of  # noqa: PLC0415 - imported when the command runs
    from freehold.access.shown import show_key  # noqa: PLC0415

    found = _all_keys(config)
    now_us = microseconds(time.time())
    shown = [key for key in found if everything or state_of(key, now_us) == "good"]
    if as_json:
        for key in shown:
            write_json(show_key(key, now_us))
        return
    if not shown:
        hidden = f" {len(found)} revoked or expired: `--all` lists them." if found else ""
        say(f"There are no keys.{hidden} Make one with `freehold keys create NAME`.")
        return
    listing = Listing(
        [
            Column("NAME", width=32),
            Column("KEY"),
            Column("STATE"),
            Column("ROUTES", width=40, rank=2),
            Column("TEAM", width=24, rank=5),
            Column("USER", width=24, rank=6),
            Column("CREATED", rank=8),
            Column("EXPIRES", rank=3),
            Column("ID", rank=9),
        ]
    )
    listing.write(
        (
            key.name,
            f"{key.prefix}…",
            state_of(key, now_us),
            "all" if key.routes is None else ", ".join(sorted(key.routes)),
            key.team or "-",
            key.user or "-",
            show_moment(key.created_us, utc=utc),
            show_moment(key.expires_us, utc=utc) if key.expires_us else "never",
            key.id,
        )
        for key in shown
    )


@app.command()
def revoke(
    which: Annotated[
        str,
        typer.Argument(
            help="Its name, its id, or the beginning that the list shows.", autocompletion=key_names
        ),
    ],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take a key back. A running endpoint refuses it within a second."""
    from freehold.access.shown import show_key  # noqa: PLC0415 - imported when the command runs

    with _opened(config) as keys:
        key = keys.revoke(which, by=actor())
    if as_json:
        write_json(show_key(key, microseconds(time.time())))
        return
    say(f"Revoked `{key.name}` ({key.prefix}…, {key.id}). A running endpoint refuses it within a second.")


def _all_keys(config: Config) -> list[Key]:
    """Every key there is. Looking makes no files."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs

    if not freehold.has_keys(freehold.settings_from(config)):
        return []
    with _opened(config) as keys:
        return keys.list()


@contextmanager
def _opened(config: Config) -> Iterator[Keys]:
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs

    with closing(freehold.keys_of(freehold.settings_from(config))) as keys:
        yield keys
