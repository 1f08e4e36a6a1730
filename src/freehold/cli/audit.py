"""`freehold audit`: who did what."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.failure import OURS
from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import Column, Listing, say, write_json
from freehold.core.figures import counted, show_moment

if TYPE_CHECKING:
    from freehold.access.audit import AuditLog

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def audit() -> None:
    """List, verify and export the log of administrative acts."""


@app.command(name="list")
def list_(
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="At most so many.")] = 20,
    config: Config = None,
    utc: Utc = False,
    as_json: AsJson = False,
) -> None:
    """List the newest acts, newest first."""
    from freehold.access.shown import show_entry  # noqa: PLC0415 - imported when the command runs

    with closing(_log(config)) as log:
        found = log.newest(limit)
    if as_json:
        for entry in found:
            write_json(show_entry(entry))
        return
    if not found:
        say("No act is on record yet.")
        return
    columns = [
        Column("NUMBER", right=True, rank=5),
        Column("WHEN"),
        Column("WHO", width=32),
        Column("ACT"),
        Column("WHAT", width=40, rank=3),
        Column("DETAIL", width=60, rank=9),
    ]
    Listing(columns).write(
        (
            str(one.number),
            show_moment(one.at_us, utc=utc),
            one.actor,
            one.act,
            one.subject or "-",
            "" if one.detail == "{}" else one.detail,
        )
        for one in found
    )


@app.command()
def verify(
    *,
    head: Annotated[
        str | None,
        typer.Option(
            "--head", metavar="HASH", help="The head that was printed before: finds what was removed since."
        ),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check that the log is as it was written, and print its head.

    Each entry holds the hash of the one before it, so a change anywhere is found. Entries removed at the end are found
    with the head that was printed before: keep it where whoever can write the database cannot. Exit status 2 when the
    log was changed.
    """
    from freehold.access.shown import show_verdict  # noqa: PLC0415 - imported when the command runs

    with closing(_log(config)) as log:
        verdict = log.verify(head)
    if as_json:
        write_json(show_verdict(verdict))
    elif verdict.problem is None:
        typer.echo(verdict.head)
        say(f"{counted(verdict.entries, 'act')}, all as written. This is the head; keep it elsewhere.")
    else:
        say(f"{verdict.problem} The first {verdict.entries} are as written.")
    if not verdict.good:
        raise typer.Exit(OURS)


@app.command()
def export(config: Config = None) -> None:
    """Write every entry to standard output, oldest first, one JSON object a line."""
    from freehold.access.shown import show_entry  # noqa: PLC0415 - imported when the command runs

    count = 0
    with closing(_log(config)) as log:
        for entry in log.all():
            write_json(show_entry(entry))
            count += 1
    say(f"{counted(count, 'act')} exported.")


def _log(config: Config) -> AuditLog:
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs

    return freehold.audit_of(freehold.settings_from(config))
