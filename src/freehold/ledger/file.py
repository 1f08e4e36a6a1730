"""The ledger's file as the writer holds it: opened, written to in batches, begun anew when it is lost."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, ProgrammingError, SQLAlchemyError

from freehold.core.clock import Clock, microseconds
from freehold.ledger import backfill, runs, tables, tally
from freehold.ledger.batch import Batch
from freehold.ledger.bodies import FreshBody, Place
from freehold.ledger.holding import BodiesGone
from freehold.ledger.inbox import Drops
from freehold.ledger.names import Names
from freehold.ledger.record import Call
from freehold.ledger.rollups import Rollups
from freehold.ledger.rows import CALL_COLUMNS, Places, Price, plain, row_of
from freehold.store.bulk import Insert
from freehold.store.database import open_database
from freehold.store.faults import Fault
from freehold.store.lock import Turns

log = logging.getLogger("freehold.ledger")

T = TypeVar("T")

_insert_calls = Insert(tables.calls, CALL_COLUMNS, "ON CONFLICT (id) DO NOTHING")
_insert_bodies = Insert(tables.bodies, ("id", "digest", "day", "stored_bytes", "stored"))
_ASIDE_SECONDS = 60.0
_CHECKED = 500
"""Bodies looked for in one statement."""
_REMEMBERED = 2000
"""Bodies stored last that are read when the file is opened: they are not stored again."""
# What one row can be refused for, as opposed to what befalls the whole file.
_ROW_ERRORS = (
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    IntegrityError,
    DataError,
    InterfaceError,
    ProgrammingError,
)


class LedgerFile:
    """One thread's hold on `ledger.db`. Where it fails, StoreError, SQLAlchemyError or OSError is raised."""

    def __init__(
        self, path: Path, process: runs.Process, clock: Clock, *, busy: float, shared: bool = False
    ) -> None:
        """`shared`: other processes write it too, and one of them deletes what is old."""
        self._turns = Turns(path.with_name(f"{path.name}-turn")) if shared else None
        self.path = path
        """Where the file is."""
        self.incident: str | None = None
        """The last thing that befell the file as a whole."""
        self._process = process
        self._clock = clock
        self._busy_ms = int(busy * 1000)
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._names = Names()
        self._rollups = Rollups()
        self._run: int | None = None
        self._inode = (0, 0)
        self._unreported: list[tuple[str, str]] = []
        self._next_aside = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the file was opened and not given up since."""
        return self._connection is not None

    @property
    def has_run(self) -> bool:
        """Whether this process is written down as one that writes the ledger."""
        return self._run is not None

    def open(self, counts: runs.Counts) -> bool:
        """Open the file, making it when missing. True: it is another one than before, or the first."""
        # Every table and index grows at its end, so there is little to keep in the cache.
        self._engine = open_database(self.path, "ledger", busy_ms=self._busy_ms, cache_kb=2000)
        try:
            self._connection = self._engine.connect()
            self._inode = self._find_inode()
            return self._begin(counts)
        except BaseException:
            self.release()
            raise

    def recent_bodies(self) -> list[Place]:
        """The bodies stored last, the oldest of them first."""
        assert self._connection is not None
        bodies = tables.bodies.c
        last = select(bodies.digest, bodies.day, bodies.id).order_by(bodies.id.desc()).limit(_REMEMBERED)
        with self._connection.begin():
            rows = self._connection.execute(last).all()
        return [Place(bytes(digest), day, number) for digest, day, number in reversed(rows)]

    def look(self) -> None:
        """Let go of the file when it is no longer the one that its path names."""
        try:
            is_in_place = self._find_inode() == self._inode
        except (FileNotFoundError, NotADirectoryError):
            is_in_place = False
        if not is_in_place:
            self.release()
            self._report("removed", "the ledger was removed while in use; a new one was begun")

    def mend(self, fault: Fault) -> bool:
        """Move a damaged file aside. Whether that was done, and another one can be begun at once."""
        if fault is not Fault.DAMAGED or time.monotonic() < self._next_aside:
            return False
        # Not more often: a disk that damages whatever is written to it would be filled with remains.
        self._next_aside = time.monotonic() + _ASIDE_SECONDS
        try:
            self._move_aside()
        except OSError as problem:
            log.warning("The damaged ledger cannot be moved aside: %s", problem)
            return False
        return True

    def beat(self, counts: runs.Counts) -> None:
        """Who shares a file is on the same machine, and can see for himself."""

    def write(
        self,
        batch: Batch,
        drops: dict[str, Drops],
        detail: str | None,
        counts: runs.Counts,
        *,
        alone: bool = False,
        again: bool = False,
    ) -> int:
        """Commit the batch and the report of drops, all or nothing. Returns how many calls no row holds.

        `alone`: row by row, giving up each that fails, for whatever reason that is not the file's. `again` changes
        nothing here: a call that is there already is always left alone.
        """
        now_us, run = microseconds(self._clock.now()), self._run
        assert run is not None

        def work(connection: Connection) -> int:
            if self._turns is not None:
                _check_bodies(connection, batch)
            _write_bodies(connection, batch.fresh, batch.renewed, alone=alone)
            refused = self._write_calls(connection, batch, alone=alone)
            runs.report_drops(connection, run, drops, detail)
            written = counts.written + len(batch.calls) - refused
            runs.update_run(connection, run, now_us, runs.Counts(counts.recorded, written, counts.dropped))
            return refused

        return self.transact(work)

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one write transaction."""
        assert self._connection is not None
        mine = nullcontext() if self._turns is None else self._turns.turn(self._busy_ms / 1000)
        try:
            with mine, self._connection.begin():
                self._names.begin(self._connection)
                done = work(self._connection)
        except BaseException:
            self._names.roll_back()
            self._rollups.kinds.roll_back()
            raise
        self._rollups.kinds.keep()
        return done

    def sum_former(self) -> bool:
        """Add a few calls to the roll-ups that were there before them. Whether there are more."""

        def work(connection: Connection) -> bool:
            found = backfill.next_slice(connection)
            if found is None:
                return False
            rows, summed, then = found
            if rows:
                self._rollups.write(connection, self._rollups.prepare(connection, rows, self._names))
            return backfill.go_on(connection, summed, then)

        return self.transact(work)

    def close(self, drops: dict[str, Drops], counts: runs.Counts) -> None:
        """Write the last drops and the end of the run down, and let go of the file."""
        now_us, run = microseconds(self._clock.now()), self._run
        assert run is not None

        def work(connection: Connection) -> None:
            runs.report_drops(connection, run, drops, None)
            runs.update_run(connection, run, now_us, counts, ended=True)

        self.transact(work)
        self.release()

    def release(self) -> None:
        """Let go of the file, whatever state it is in."""
        connection, self._connection = self._connection, None
        engine, self._engine = self._engine, None
        self._names.forget_all()
        if self._turns is not None:
            self._turns.close()
        self._rollups.kinds.forget_all()
        with contextlib.suppress(SQLAlchemyError, OSError):
            if connection is not None:
                connection.close()
        if engine is not None:
            engine.dispose()

    def _move_aside(self) -> None:
        # Somebody may want to look at it.
        self.release()
        stamp = datetime.fromtimestamp(self._clock.now(), tz=UTC).strftime("%Y%m%dT%H%M%S")
        aside = self.path.with_name(f"{self.path.stem}.damaged-{stamp}{self.path.suffix}")
        number = 1
        while aside.exists():
            number += 1
            aside = aside.with_name(f"{self.path.stem}.damaged-{stamp}-{number}{self.path.suffix}")
        for companion in ("-journal", ""):
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + companion).rename(
                    aside.with_name(aside.name + companion)
                )
        self._report("damaged", f"the ledger was damaged; it was moved to `{aside.name}` and a new one begun")

    def _report(self, reason: str, detail: str) -> None:
        self.incident = detail
        self._unreported.append((reason, detail))

    def _find_inode(self) -> tuple[int, int]:
        status = self.path.stat()
        return status.st_dev, status.st_ino

    def _begin(self, counts: runs.Counts) -> bool:
        now_us = microseconds(self._clock.now())

        def work(connection: Connection) -> tuple[int, bool, list[str]]:
            run, is_new = self._run, False
            if run is None or not runs.is_there(connection, run, self._process.started_us):
                run, is_new = runs.begin_run(connection, self._process, counts), True
            done = runs.settle_former_runs(connection, now_us, but=run)
            for reason, detail in self._unreported:
                runs.note_gap(connection, runs.Gap(run, reason, detail, now_us, now_us, None))
            return run, is_new, done

        self._run, is_new, done = self.transact(work)
        self._unreported.clear()
        for name in done:
            tally.remove(name)
        return is_new

    def _write_calls(self, connection: Connection, batch: Batch, *, alone: bool) -> int:
        names = self._names
        ready = list(zip(batch.calls, batch.ready, strict=True))
        if not alone:
            with contextlib.suppress(*_ROW_ERRORS, _TwiceError):
                self._write_rows(connection, [row_of(call, names, *rest) for call, rest in ready])
                return 0
        return sum(not self._write_alone(connection, call, rest) for call, rest in ready)

    def _write_rows(self, connection: Connection, rows: Sequence[Sequence[object]]) -> None:
        """Calls and their sums, all or none. Raises _TwiceError: some of the calls are there already."""
        added = self._rollups.prepare(connection, rows, self._names)
        driver: Any = connection.connection.driver_connection
        before = driver.total_changes
        with connection.begin_nested():
            _insert_calls.run(connection, rows)
            if driver.total_changes - before < len(rows):
                raise _TwiceError
            self._rollups.write(connection, added)

    def _write_alone(self, connection: Connection, call: Call, rest: tuple[Price, Places]) -> bool:
        try:
            self._write_rows(connection, [row_of(plain(call), self._names, *rest)])
        except _TwiceError:
            return True
        except _ROW_ERRORS:
            return False
        except (SQLAlchemyError, OSError):
            raise
        except Exception:
            # One call must not keep all that come after it from being written.
            log.exception("A call cannot be written")
            return False
        return True


def _check_bodies(connection: Connection, batch: Batch) -> None:
    """Raises BodiesGone unless every body that was stored before is still there."""
    fresh = {id(place) for place, _ in batch.fresh}
    stored = {
        place.id: place.digest
        for _, places in batch.ready
        for place in places
        if place is not None and place.id is not None and id(place) not in fresh
    }
    numbers, bodies = list(stored), tables.bodies.c
    for at in range(0, len(numbers), _CHECKED):
        some = numbers[at : at + _CHECKED]
        found = connection.execute(select(bodies.id, bodies.digest).where(bodies.id.in_(some))).all()
        if len(found) < len(some) or any(bytes(row.digest) != stored[row.id] for row in found):
            raise BodiesGone


class _TwiceError(Exception):
    pass


def _write_bodies(
    connection: Connection, fresh: Sequence[FreshBody], renewed: Sequence[Place], *, alone: bool
) -> None:
    """Store `fresh`, giving each its number: also when this is another try, for then the last came to nothing."""
    bodies = tables.bodies.c
    if fresh:
        # Asked each time, as another process may write the same ledger.
        last = connection.execute(select(func.coalesce(func.max(bodies.id), 0))).scalar_one()
        for number, (place, _) in enumerate(fresh, last + 1):
            place.id = number
        rows = [(place.id, place.digest, place.day, len(stored), stored) for place, stored in fresh]
        _each(_insert_bodies, connection, rows, alone=alone)
    for place in renewed:
        newer = update(tables.bodies).where(bodies.id == place.id, bodies.digest == place.digest)
        connection.execute(newer.where(bodies.day < place.day).values(day=place.day))


def _each(insert: Insert, connection: Connection, rows: Sequence[Sequence[object]], *, alone: bool) -> None:
    if not alone:
        with contextlib.suppress(*_ROW_ERRORS):
            insert.run(connection, rows)
            return
    for row in rows:
        with contextlib.suppress(*_ROW_ERRORS):
            insert.run(connection, [row])
