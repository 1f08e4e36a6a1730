"""The lives of the processes that wrote the ledger, and what is known to be missing from it.

A process that is killed cannot say what it lost. Its tally can: calls recorded, less calls written, less
calls dropped; and calls begun, less calls recorded, which were in flight. The next process to open the ledger
writes that down as gaps. Where the tally is gone too (the machine was restarted), the gap says that the number
is unknown; it is then at most what arrived in the last `flush_ms` and the time of one commit, and what was in
flight.

On a server several machines write the same ledger. Each judges its own processes; of another machine's process it
only sees that it has not written anything for long, although each does so every minute.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Collection
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from freehold import __version__
from freehold.ledger import tally
from freehold.ledger.inbox import Drops
from freehold.ledger.tables import gaps, runs
from freehold.store.server import is_server

MERGE_US = 60_000_000
"""Drops for the same reason that follow within this time are one gap."""
SILENT_US = 900_000_000
"""A process of another machine that has not been heard of for so long is taken for dead."""


class Run(msgspec.Struct, frozen=True):
    """One life of a process that writes the ledger."""

    id: int
    started_us: int
    process: int
    version: str
    updated_us: int
    """The last commit."""
    recorded: int
    """Calls handed in, as of the last commit; of a killed run, in all, where that is known."""
    written: int
    dropped: int
    ending: Literal["clean", "killed"] | None
    """None: it runs."""
    ended_us: int | None
    host: str | None = None
    """The machine, where several may write; None: this one."""


class Process(msgspec.Struct, frozen=True):
    """Which process it is that writes the ledger."""

    started_us: int
    process: int
    version: str
    tally: str | None
    """Under which name its counts are found should it be killed."""
    host: str | None = None

    @classmethod
    def here(cls, started_us: int, tally_name: str | None, host: str | None = None) -> Process:
        """This process."""
        return cls(started_us, os.getpid(), __version__, tally_name, host)


class Gap(msgspec.Struct, frozen=True):
    """Calls that are known to be missing from the ledger."""

    run: int
    reason: str
    """`killed`, `in flight`, `queue full`, `unrecordable`, `closed`, `dropped`, `removed` or `damaged`."""
    detail: str | None
    from_us: int
    until_us: int | None
    """None: until the end of the run."""
    calls: int | None
    """None: how many is unknown."""


class Counts(msgspec.Struct, frozen=True):
    """What the running process has counted so far."""

    recorded: int
    written: int
    dropped: int


def begin_run(connection: Connection, who: Process, counts: Counts) -> int:
    """A row for a process; its number."""
    row = insert(runs).values(
        **msgspec.structs.asdict(who),
        updated_us=who.started_us,
        recorded=counts.recorded,
        written=counts.written,
        dropped=counts.dropped,
    )
    key = connection.execute(row).inserted_primary_key
    assert key is not None
    return int(key[0])


def find_run(connection: Connection, who: Process) -> int | None:
    """The number of the row of a process, if it has one."""
    its = select(runs.c.id).where(
        runs.c.started_us == who.started_us, runs.c.process == who.process, runs.c.host == who.host
    )
    found = connection.execute(its).scalar()
    return None if found is None else int(found)


def update_run(connection: Connection, run: int, now_us: int, counts: Counts, *, ended: bool = False) -> None:
    """Write the counts down; with `ended`, the end of the run as well."""
    values: dict[str, object] = {
        "updated_us": now_us,
        "recorded": counts.recorded,
        "written": counts.written,
        "dropped": counts.dropped,
        # Whoever took this process for dead was wrong.
        "ending": "clean" if ended else None,
        "ended_us": now_us if ended else None,
    }
    connection.execute(update(runs).where(runs.c.id == run).values(values))


def end_run(connection: Connection, run: int, ended_us: int, counts: Counts) -> None:
    """Write down that a process ended in good order, all of whose calls were written since."""
    values = {"recorded": counts.recorded, "dropped": counts.dropped, "ending": "clean", "ended_us": ended_us}
    connection.execute(update(runs).where(runs.c.id == run).values(values))


def is_there(connection: Connection, run: int, started_us: int) -> bool:
    """Whether this is still the database in which the run of this process is written down."""
    mine = select(runs.c.id).where(
        runs.c.id == run, runs.c.started_us == started_us, runs.c.process == os.getpid()
    )
    return connection.execute(mine).first() is not None


def add_written(connection: Connection, run: int, calls: int) -> None:
    """So many calls of a process that has ended were written after all."""
    connection.execute(update(runs).where(runs.c.id == run).values(written=runs.c.written + calls))


def take_back_death(connection: Connection, run: int) -> None:
    """Another machine took this process for dead, which had only not been heard of."""
    connection.execute(
        delete(gaps).where(gaps.c.run == run, gaps.c.reason == "killed", gaps.c.calls.is_(None))
    )


def settle_former_runs(
    connection: Connection,
    now_us: int,
    *,
    but: int,
    host: str | None = None,
    unsettled: Collection[int] = (),
) -> list[str]:
    """Write down the end of every run whose process is gone, and the gap it left; `but` is the caller's own.

    `host` is the caller's machine, where there may be others; `unsettled` are start times of processes of which
    calls still wait to be written. Returns the names of their tallies, to be removed once this is committed.
    """
    done = []
    for row in connection.execute(select(runs).where(runs.c.ending.is_(None), runs.c.id != but)).all():
        count = tally.read(row.tally) if row.host == host else None
        if row.started_us in unsettled or is_alive(row, count, host, now_us):
            continue
        recorded, dropped = (row.recorded, row.dropped) if count is None else (count.recorded, count.dropped)
        connection.execute(
            update(runs)
            .where(runs.c.id == row.id)
            .values(ending="killed", ended_us=now_us, recorded=recorded, dropped=dropped)
        )
        for gap in gaps_of_killed(row, count, host, _damaged(connection, row.id)):
            note_gap(connection, gap)
        if row.tally is not None and row.host == host:
            done.append(row.tally)
    return done


def gaps_of_killed(row: Row[Any], count: tally.Count | None, host: str | None, damaged: int = 0) -> list[Gap]:
    """What is missing after the process of run `row` was killed, as far as is known on `host`; `damaged`: besides
    what is already on record of it as that.
    """
    if row.host != host:
        detail = (
            f"nothing was heard of `{row.host}` for a quarter of an hour; its calls since then may be missing"
        )
        return [Gap(row.id, "killed", detail, row.updated_us, None, None)]
    if count is None:
        detail = (
            "killed, and its count is gone: calls of the moment before and those in flight may be missing"
        )
        return [Gap(row.id, "killed", detail, row.updated_us, None, None)]
    found = []
    missing = count.recorded - row.written - count.dropped - damaged
    if missing > 0:
        found.append(Gap(row.id, "killed", "accepted but not yet committed", row.updated_us, None, missing))
    in_flight = count.begun - count.recorded
    if in_flight > 0:
        detail = "begun and not ended when the process was killed"
        found.append(Gap(row.id, "in flight", detail, row.updated_us, None, in_flight))
    if count.dropped > row.dropped:
        unreported = count.dropped - row.dropped
        found.append(
            Gap(row.id, "dropped", "given up before the process ended", row.updated_us, None, unreported)
        )
    return found


def _damaged(connection: Connection, run: int) -> int:
    """Calls of a run that were found to be missing when its spool was taken over."""
    its = select(func.sum(gaps.c.calls)).where(gaps.c.run == run, gaps.c.reason == "damaged")
    its = its.where(
        gaps.c.until_us.is_(None)
    )  # what a process found of its own it has counted among its drops
    return int(connection.execute(its).scalar() or 0)


def is_alive(row: Row[Any], count: tally.Count | None, host: str | None, now_us: int) -> bool:
    """Whether the process of a run that has not ended is still there, as far as can be seen from `host`."""
    if row.host != host:
        return bool(row.updated_us > now_us - SILENT_US)
    if count is not None:
        return count.alive
    if row.tally is not None:
        return False  # the page lives as long as its process, unless the machine was restarted
    try:
        os.kill(row.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return bool(row.process != os.getpid())


def report_drops(connection: Connection, run: int, drops: dict[str, Drops], detail: str | None) -> None:
    """Write down calls that were given up: as a gap, or as part of the one that is still going on."""
    for reason, one in drops.items():
        last = connection.execute(
            select(gaps.c.id, gaps.c.calls)
            .where(gaps.c.run == run, gaps.c.reason == reason, gaps.c.until_us >= one.from_us - MERGE_US)
            .order_by(gaps.c.id.desc())
            .limit(1)
        ).first()
        if last is None:
            note_gap(connection, Gap(run, reason, detail, one.from_us, one.until_us, one.calls))
        else:
            change = update(gaps).where(gaps.c.id == last.id)
            connection.execute(change.values(until_us=one.until_us, calls=last.calls + one.calls))


def note_gap(connection: Connection, gap: Gap) -> None:
    """Write a gap down."""
    connection.execute(insert(gaps).values(msgspec.structs.asdict(gap)))


def read_runs(connection: Connection, limit: int) -> list[tuple[Run, list[Gap]]]:
    """The runs, newest first, each with the gaps that it left and nobody has written down yet."""
    found = []
    host = host_of(connection)
    for row in connection.execute(select(runs).order_by(runs.c.id.desc()).limit(limit)):
        values: dict[str, Any] = {name: row._mapping[name] for name in Run.__struct_fields__}
        unwritten: list[Gap] = []
        if row.ending is None:
            count = tally.read(row.tally) if row.host == host else None
            if not is_alive(row, count, host, time.time_ns() // 1000):
                unwritten = gaps_of_killed(row, count, host, _damaged(connection, row.id))
                values["ending"] = "killed"
                if count is not None:
                    values.update(recorded=count.recorded, dropped=count.dropped)
        found.append((Run(**values), unwritten))
    return found


def read_gaps(connection: Connection, since_us: int) -> list[Gap]:
    """The gaps that reach into the time since `since_us`, oldest first."""
    reaching = or_(gaps.c.from_us >= since_us, gaps.c.until_us >= since_us)
    found = [
        Gap(**{name: row._mapping[name] for name in Gap.__struct_fields__})
        for row in connection.execute(select(gaps).where(reaching).order_by(gaps.c.id))
    ]
    for _, unwritten in read_runs(connection, _UNSETTLED):
        found += [gap for gap in unwritten if gap.from_us >= since_us]
    return found


def host_of(connection: Connection) -> str | None:
    """The name by which this machine is known in a ledger that others may write too; None where nobody else may."""
    return socket.gethostname() if is_server(connection) else None


_UNSETTLED = 20
"""Runs looked at for gaps that are not written down yet; the next start writes all of them down."""
