"""The databases: intact, of the right form, and how much of the record is missing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from freehold.access.inspection import inspect_keys
from freehold.access.pepper import Pepper, pepper_of, wrong_pepper
from freehold.core.clock import microseconds
from freehold.core.errors import StoreError
from freehold.core.figures import count, counted, show_moment, size
from freehold.examinations.finding import Finding, broken, good, notice
from freehold.examinations.server import examine_server
from freehold.ledger.reading import LedgerReader
from freehold.store.database import is_made, open_to_read, reading, store_errors
from freehold.store.migrate import History
from freehold.store.places import Place

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.ledger.runs import Gap

LOOK_BACK_US = 30 * 86400 * 1_000_000
"""Older gaps are no news."""
DRIFT_US = 60 * 1_000_000
"""By how much the newest call may lie in the future."""


def examine_databases(settings: Settings) -> Iterator[Finding]:
    """Keys, the ledger, batches. What is not there yet is made at the first start."""
    data, pepper = settings.data, settings.access.pepper
    source = data / "secret" if pepper is None else pepper_of(pepper.reveal())
    wide = not settings.server.loopback
    if settings.database is not None:
        yield from examine_server(settings.database, data / "spool")
    keys, ledger = settings.database or data / "access.db", settings.database or data / "ledger.db"
    if _is_there(keys, "access"):
        grouped: dict[str, str] = {
            limit.on: limit.name for limit in settings.limits.values() if limit.on in ("team", "user")
        }
        yield from _keys(keys, source, grouped, wide=wide)
    if _is_there(ledger, "ledger"):
        yield from _ledger(ledger)
    batches = settings.data / "batches.db"
    if batches.exists():
        yield _intact(batches, "batches") or good("batches", "intact")


def _is_there(place: Place, history: History) -> bool:
    try:
        return is_made(place, history)
    except StoreError:
        return False  # that the server cannot be asked has been said


def _intact(place: Place, history: History) -> Finding | None:
    """What is wrong with the file, or with the form of what is on a server; None when nothing is."""
    name = place.name if isinstance(place, Path) else history
    try:
        engine = open_to_read(place, history)
        with store_errors(place), reading(engine) as connection:
            told = _quick_check(connection) if isinstance(place, Path) else ["ok"]
    except StoreError as error:
        return broken(name, error.message, error.hint)
    if told != ["ok"]:
        step = f"Stop Freehold and move {name} aside; it begins a new one. `sqlite3` may recover the old one."
        return broken(name, f"damaged: {'; '.join(told)}", step)
    return None


def _quick_check(connection: Connection) -> list[str]:
    return [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check(3)")]


def _keys(
    place: Place, source: Path | Pepper, grouped: Mapping[str, str], *, wide: bool
) -> Iterator[Finding]:
    """`grouped`: a limit on teams and one on users, where there are such."""
    if (wrong := _intact(place, "access")) is not None:
        yield wrong
        return
    try:
        state = inspect_keys(place, source, microseconds(time.time()))
    except StoreError as error:
        yield broken("keys", error.message, error.hint)
        return
    if state.pepper != "agrees" and state.keys:
        wrong_one = wrong_pepper(source, place, state.keys, is_lost=state.pepper == "lost")
        yield broken("keys", wrong_one.message, wrong_one.hint)
    elif wide and not state.usable:
        yield broken(
            "keys",
            "nobody holds a good key, and others can reach the endpoint",
            "`freehold keys create NAME`",
        )
    else:
        yield good("keys", f"{state.good} good, {state.keys - state.good} revoked or expired")
    for group, limit in grouped.items():
        if without := state.without[group]:
            yield notice(
                "limits",
                f"{counted(without, 'key')} without a {group}: `{limit}` does not count what they use",
                f"Make them anew with `freehold keys create NAME --{group} …`, or limit each `key` as well.",
            )


def _ledger(place: Place) -> Iterator[Finding]:
    if (wrong := _intact(place, "ledger")) is not None:
        yield wrong
        return
    now_us = microseconds(time.time())
    reader = LedgerReader(place)
    extent = reader.extent()
    yield good(
        "ledger",
        f"{counted(extent.calls, 'call')}, {count(extent.bodies)} bodies; "
        f"{size(extent.file_bytes)} on {'disk, intact' if isinstance(place, Path) else 'the server'}",
    )
    if extent.newest_us is not None and extent.newest_us > now_us + DRIFT_US:
        when = show_moment(extent.newest_us, utc=False)
        yield notice(
            "clock", f"the newest call is of {when}, which is still to come", "Set the machine's clock."
        )
    gaps = reader.gaps(now_us - LOOK_BACK_US)
    if not gaps:
        yield good("record", "nothing is known to be missing from the last 30 days")
        return
    for reason in dict.fromkeys(gap.reason for gap in gaps):
        yield _missing(reason, [gap for gap in gaps if gap.reason == reason])


_STEPS = {
    "killed": "The process was ended without notice: look for the reason in the kernel's log and at memory limits.",
    "in flight": "The process was ended without notice while these calls ran; their clients saw the connection break.",
    "queue full": "The database could not be written for long: look at the disk, or raise `ledger.queue_bytes`.",
    "removed": "Leave ledger.db where it is while the endpoint runs.",
    "damaged": "The damaged file was moved aside; look at the disk it lies on.",
}


def _missing(reason: str, gaps: list[Gap]) -> Finding:
    known = sum(gap.calls or 0 for gap in gaps)
    unknown = sum(gap.calls is None for gap in gaps)
    missing = f"{counted(known, 'call')} {'is' if known == 1 else 'are'} missing"
    if unknown and not known:
        missing = "calls may be missing"
    uncertain = f", and a number unknown {counted(unknown, 'time')}" if unknown and known else ""
    last = show_moment(max(gap.from_us for gap in gaps), utc=False)
    detail = next((f" ({gap.detail})" for gap in reversed(gaps) if gap.detail), "")
    return notice(
        "record",
        f"{reason}, {counted(len(gaps), 'time')} in 30 days, last at {last}: {missing}{uncertain}{detail}",
        _STEPS.get(reason, "What the endpoint says on standard error has the reason."),
    )
