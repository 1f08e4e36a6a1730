"""`freehold calls`: what happened."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, TypeVar

import msgspec
import typer

from freehold.cli import presentation
from freehold.cli.options import AsJson, Config, Utc
from freehold.cli.output import Column, Listing, say, write, write_json
from freehold.cli.selection import (
    MirrorsOf,
    OfArm,
    OfKey,
    OfModel,
    OfOperation,
    OfOutcome,
    OfPolicy,
    OfProvider,
    OfRollout,
    OfRoute,
    Selection,
    Since,
    Until,
    known_keys,
)
from freehold.cli.waiting import waiting
from freehold.core import figures
from freehold.core.errors import BadRequest, NotFound, StoreError
from freehold.core.figures import show_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from freehold.ledger.filters import Filter
    from freehold.ledger.reading import Entry, LedgerReader

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)

POLL_SECONDS = 0.5
"""Between two looks at the ledger while following it."""
MAKING_SECONDS = 5.0
"""Within which a ledger has its tables once its file is there."""
T = TypeVar("T")
_MIRRORS = 10
"""Copies that are named with a call."""
_NONE_YET = "No call is on record yet."


@app.callback()
def calls(
    context: typer.Context,
    *,
    route: OfRoute = None,
    model: OfModel = None,
    provider: OfProvider = None,
    key: OfKey = None,
    outcome: OfOutcome = None,
    operation: OfOperation = None,
    policy: OfPolicy = None,
    rollout: OfRollout = None,
    arm: OfArm = None,
    since: Since = None,
    until: Until = None,
    mirrors_of: MirrorsOf = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="At most so many.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on showing calls as they end, the newest below.")
    ] = False,
    losses: Annotated[
        bool, typer.Option("--losses", help="Count what translations lost instead of listing calls.")
    ] = False,
    config: Config = None,
    utc: Utc = False,
    as_json: AsJson = False,
) -> None:
    """List, follow, show and export the calls on record.

    Without a command behind it, the newest calls, newest first. A count of tokens with a plus is our own,
    of an answer that ended early; a dash is a count that nobody gave. Calls of that time that are known to be
    missing from the record are told of on standard error.
    """
    if context.invoked_subcommand is not None:
        given = [name for name, value in context.params.items() if value not in (None, False, 20)]
        if given:
            raise BadRequest(
                f"`--{given[0].replace('_', '-')}` before `{context.invoked_subcommand}` does nothing.",
                hint=f"Write it behind: `freehold calls {context.invoked_subcommand} …`.",
            )
        return
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs

    settings = freehold.settings_from(config)
    keys = known_keys(settings)
    selection = Selection(
        route=route,
        model=model,
        provider=provider,
        key=key,
        outcome=outcome,
        operation=operation,
        policy=policy,
        rollout=rollout,
        arm=arm,
        mirrors_of=mirrors_of,
        since=since,
        until=until,
        utc=utc,
    )
    chosen = selection.filter(keys)
    history = freehold.history_of(settings)
    if losses:
        _count_losses(history, chosen, as_json=as_json)
        return
    screen = _Screen({one.id: one.name for one in keys}, as_json=as_json, utc=utc, goes_on=follow)
    if follow:
        _follow(history, chosen, limit, screen)
    found = history.calls(chosen, limit=limit) if history.exists else []
    screen.show(found)
    if as_json:
        return
    if not found:
        say("No such call is on record." if history.exists else _NONE_YET)
    if history.exists:
        _say_what_is_missing(history, chosen, found if len(found) == limit else [], utc=utc)


def _say_what_is_missing(
    history: LedgerReader, chosen: Filter, cut_off: Sequence[Entry], *, utc: bool
) -> None:
    """A line for each gap in the time that is listed: from the oldest of the calls where the list was `cut_off`."""
    since_us = max(chosen.since_us or 0, cut_off[-1].call.started_us if cut_off else 0)
    for gap in history.gaps(since_us):
        if chosen.until_us is None or gap.from_us < chosen.until_us:
            missing = "a number unknown" if gap.calls is None else figures.counted(gap.calls, "call")
            detail = f": {gap.detail}" if gap.detail else ""
            say(f"Not on record: {missing} after {show_moment(gap.from_us, utc=utc)}, {gap.reason}{detail}.")


@app.command()
def show(
    which: Annotated[str, typer.Argument(help="Its id, or a beginning of it that no other call has.")],
    *,
    body: Annotated[
        Literal["request", "answer"] | None,
        typer.Option("--body", help="Write that body alone, byte for byte as it was sent."),
    ] = None,
    config: Config = None,
    utc: Utc = False,
    as_json: AsJson = False,
) -> None:
    """Show one call: its attempts, cost, request and answer."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.cli.portrait import portrait  # noqa: PLC0415
    from freehold.ledger.filters import Filter  # noqa: PLC0415

    settings = freehold.settings_from(config)
    history = freehold.history_of(settings)
    if not history.exists:
        raise NotFound(
            f"No call is on record yet in {settings.data}.",
            hint="Start the endpoint with `freehold up` and ask it something, or name its configuration with --config.",
        )
    entry = history.call(which)
    if body is not None:
        kept = entry.call.request_body if body == "request" else entry.call.answer_body
        if kept is None:
            raise NotFound(
                f"The {body} of `{entry.call.id}` is not kept.", hint=presentation.why_not_kept(entry, body)
            )
        sys.stdout.buffer.write(kept)
        return
    key_names = {one.id: one.name for one in known_keys(settings)}
    if as_json:
        write_json(presentation.as_json(entry, key_names, bodies=True))
    else:
        mirrors = history.calls(Filter(mirrors_of=entry.call.id), limit=_MIRRORS)
        write(portrait(entry, key_names, utc=utc, mirrors=mirrors))


@app.command()
def export(
    *,
    form: Annotated[
        Literal["jsonl", "csv", "parquet"],
        typer.Option(
            "--format", help="One JSON object a line, a table, or a Parquet file for each day (UTC)."
        ),
    ] = "jsonl",
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="PLACE", help="With parquet: a folder, or `s3://bucket/prefix`."),
    ] = None,
    s3_endpoint: Annotated[
        str | None,
        typer.Option("--s3-endpoint", metavar="URL", help="A server that speaks as S3 does, such as MinIO."),
    ] = None,
    bodies: Annotated[bool, typer.Option("--bodies", help="Requests and answers too.")] = False,
    route: OfRoute = None,
    model: OfModel = None,
    provider: OfProvider = None,
    key: OfKey = None,
    outcome: OfOutcome = None,
    operation: OfOperation = None,
    policy: OfPolicy = None,
    rollout: OfRollout = None,
    arm: OfArm = None,
    since: Since = None,
    until: Until = None,
    config: Config = None,
    utc: Utc = False,
) -> None:
    """Write calls to standard output, oldest first, however many there are; or, as Parquet, to files.

    With parquet, every day (UTC) that has such calls becomes PLACE/day=2026-11-22/calls.parquet. Days that are there
    already, whole and unchanged, are left alone: say it again, and only what is new is written. Credentials for S3
    are those of the environment (AWS_ACCESS_KEY_ID and so on), its region too.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.cli.exports import export_days, writer_for  # noqa: PLC0415

    if (form == "parquet") != (to is not None):
        raise BadRequest(
            "`--format parquet` and `--to` belong together.", hint="`freehold calls export --help`."
        )
    settings = freehold.settings_from(config)
    keys = known_keys(settings)
    selection = Selection(
        route=route,
        model=model,
        provider=provider,
        key=key,
        outcome=outcome,
        operation=operation,
        policy=policy,
        rollout=rollout,
        arm=arm,
        since=since,
        until=until,
        utc=utc,
    )
    history = freehold.history_of(settings)
    if not history.exists:
        say(_NONE_YET)
        return
    if form == "parquet":
        assert to is not None
        export_days(
            freehold.parquet_of(history, to, selection.filter(keys), endpoint=s3_endpoint, bodies=bodies)
        )
        return
    writer = writer_for(form, sys.stdout, {one.id: one.name for one in keys}, bodies=bodies)
    chosen = selection.filter(keys)
    everything = msgspec.structs.replace(chosen, mirrors=True)
    total = sum(one.calls for one in history.spend("route", everything))
    count = 0
    with waiting("Exporting", total) as advance:
        for entry in history.export(chosen, with_bodies=bodies):
            writer(entry)
            advance(1)
            count += 1
    say(f"{figures.counted(count, 'call')} exported.")


def _count_losses(history: LedgerReader, chosen: Filter, *, as_json: bool) -> None:
    from freehold.core.losses import meaning_of  # noqa: PLC0415 - imported when the command runs

    found = history.losses(chosen) if history.exists else []
    if as_json:
        for one in found:
            write_json({"loss": one.loss, "calls": one.calls, "routes": one.routes})
        return
    if not found:
        say("No call on record lost anything in translation.")
        return
    columns = [
        Column("LOSS"),
        Column("CALLS", right=True),
        Column("ROUTES", width=40),
        Column("WHAT WAS LOST"),
    ]
    Listing(columns).write(
        (one.loss, str(one.calls), ", ".join(one.routes), meaning_of(one.loss)) for one in found
    )


class _Screen:
    """Where calls are listed."""

    def __init__(self, key_names: Mapping[str, str], *, as_json: bool, utc: bool, goes_on: bool) -> None:
        self._key_names = key_names
        self._as_json = as_json
        self._utc = utc
        self._listing = Listing(presentation.COLUMNS, goes_on=goes_on)

    def show(self, entries: Iterable[Entry]) -> None:
        if self._as_json:
            for entry in entries:
                write_json(presentation.as_json(entry, self._key_names))
            sys.stdout.flush()
        else:
            self._listing.write(
                presentation.row_of(entry, self._key_names, utc=self._utc) for entry in entries
            )


def _follow(history: LedgerReader, chosen: Filter, limit: int, screen: _Screen) -> NoReturn:
    """Show the last calls, the newest below, and then each call as it is recorded."""
    while not history.exists:
        time.sleep(POLL_SECONDS)
    seq = _once_made(history.last_seq)
    screen.show(reversed(history.calls(chosen, limit=limit)))
    while True:
        time.sleep(POLL_SECONDS)
        if not history.exists:
            continue
        last = _once_made(history.last_seq)
        if last < seq:
            seq = 0  # the ledger was begun anew
        # All calls are looked at, so that those left out by the filter are not looked at again.
        while seq < last:
            found = _once_made(partial(history.recorded_after, seq, chosen, limit=500))
            if found:
                screen.show(found)
            seq = found[-1].seq if len(found) == 500 else max(last, found[-1].seq if found else 0)


def _once_made(ask: Callable[[], T]) -> T:
    """What a ledger says whose tables may only just be on their way, now or when it is begun anew."""
    give_up_at = time.monotonic() + MAKING_SECONDS
    while True:
        try:
            return ask()
        except StoreError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
