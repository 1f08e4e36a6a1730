"""`freehold limits`: what may be used, and how much of it is."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from freehold.cli.actor import actor
from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import Column, Listing, say, write_json
from freehold.cli.selection import known_keys
from freehold.core import figures
from freehold.core.clock import microseconds
from freehold.core.figures import count, show_moment

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.limits.batch import Standing
    from freehold.limits.overview import Row

Answer = TypeVar("Answer")

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)


@app.callback()
def limits(
    context: typer.Context,
    *,
    past: Annotated[bool, typer.Option("--past", help="Windows that are over, too.")] = False,
    config: Config = None,
    utc: Utc = False,
    as_json: AsJson = False,
) -> None:
    """Show the limits and how they stand.

    USED is what calls came to in the window, HELD what is set aside for calls in flight (and by each process for
    itself), EXPIRED what a process had set aside that ended without saying what became of it: that is charged, for it
    may have been used, until somebody who knows better releases it.
    """
    if context.invoked_subcommand is not None:
        return
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.limits.overview import overview  # noqa: PLC0415
    from freehold.limits.shown import show_limit  # noqa: PLC0415

    settings = freehold.settings_from(config)
    if not settings.limits:
        say("There are no limits. Add one: `[limits.NAME]`, see docs/limits.md.")
        return
    rows = overview(settings.limits.values(), standings_of(settings), microseconds(time.time()), past=past)
    names = {key.id: key.name for key in known_keys(settings)}
    if as_json:
        for row in rows:
            write_json(show_limit(row, names))
        return
    listing = Listing(
        [
            Column("LIMIT", width=24),
            Column("ON", rank=7),
            Column("WHO", width=32),
            Column("PER", rank=4),
            Column("MEASURE", rank=0),
            Column("USED", right=True),
            Column("HELD", right=True, rank=5),
            Column("EXPIRED", right=True, rank=6),
            Column("OF", right=True, rank=2),
            Column("LEFT", right=True),
            Column("RESETS", rank=3),
        ]
    )
    listing.write(_cells(row, names, utc=utc) for row in rows)
    if any(not row.balanced for row in rows):
        say("The sums of a counter do not agree; that is our mistake. `freehold limits --json` shows which.")


@app.command()
def release(
    limit: Annotated[str, typer.Argument(help="The limit.", metavar="LIMIT")],
    who: Annotated[
        str | None, typer.Option("--who", metavar="WHO", help="Only of this team, user, key, route …")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Release what expired: a process ended without saying what became of it, and you know that it was not used."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.limits.shown import show_released  # noqa: PLC0415
    from freehold.office.counters import release as free_expired  # noqa: PLC0415

    settings = freehold.settings_from(config)
    keys = {key.id: key.name for key in known_keys(settings)}
    with closing(freehold.audit_of(settings)) as audit:
        rows = free_expired(
            settings,
            freehold.books_of,
            audit,
            limit=limit,
            who=who,
            names=keys,
            now_us=microseconds(time.time()),
            by=actor(),
        )
    if as_json:
        for row in rows:
            write_json(show_released(row, keys))
        return
    if not rows:
        say("Nothing has expired there.")
        return
    for row in rows:
        say(f"Released {_amount(row, row.expired)} of `{limit}`{_of(row, keys)}.")


def standings_of(settings: Settings) -> list[Standing]:
    """How every counter stands. Raises StoreError."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.office import counters  # noqa: PLC0415

    return counters.standings_of(settings, freehold.books_of, microseconds(time.time()))


def _cells(row: Row, names: dict[str, str], *, utc: bool) -> tuple[str, ...]:
    window = row.limit.window
    per = (
        "-"
        if window is None or row.measure == "concurrency"
        else window.words.removeprefix("a ").removeprefix("an ")
    )
    return (
        row.limit.name,
        row.limit.on,
        _who(row, names),
        per,
        row.measure.replace("_", " "),
        _amount(row, row.used),
        _amount(row, row.held) if row.held else "",
        _amount(row, row.expired) if row.expired else "",
        "unlimited" if row.bound is None else _amount(row, row.bound),
        "-" if row.left is None else _amount(row, row.left),
        show_moment(row.resets_us, utc=utc) if row.resets_us is not None else "-",
    )


def _who(row: Row, names: dict[str, str]) -> str:
    from freehold.limits.overview import is_everybody  # noqa: PLC0415 - imported when the command runs

    if row.who is None:
        return "-"
    return "everybody" if is_everybody(row.who) else names.get(row.who, row.who)


def _of(row: Row, names: dict[str, str]) -> str:
    return f" for {_who(row, names)}"


def _amount(row: Row, amount: int) -> str:
    from freehold.limits.money import dollars_of  # noqa: PLC0415 - imported when the command runs

    return figures.money(dollars_of(amount).normalize()) if row.measure == "money" else count(amount)
