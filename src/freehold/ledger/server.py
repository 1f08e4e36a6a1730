"""The ledger on a PostgreSQL server as the writer holds it: connected to, written to in batches.

Several processes may write at the same moment. Rows go in with COPY, all of a batch or none. The numbers of calls
(`seq`) are given out under a lock that is held until the commit, so that whoever follows the ledger by them misses
none.
"""

from __future__ import annotations

import contextlib
import logging
import struct
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError

from freehold.core.clock import Clock, microseconds
from freehold.ledger import backfill, runs, tables, tally
from freehold.ledger.adding import losses_of
from freehold.ledger.batch import Batch
from freehold.ledger.bodies import FreshBody
from freehold.ledger.bodies import Place as BodyPlace
from freehold.ledger.folder import Damage, Owner
from freehold.ledger.holding import BodiesGone
from freehold.ledger.inbox import Drops
from freehold.ledger.names import LearnedNames
from freehold.ledger.partitions import make_ahead
from freehold.ledger.record import Call
from freehold.ledger.rollups import Rollups
from freehold.ledger.rows import CALL_COLUMNS, Places, plain, row_of
from freehold.store.bulk import Copy
from freehold.store.database import open_database
from freehold.store.faults import Fault
from freehold.store.places import Server
from freehold.store.server import take_lock

log = logging.getLogger("freehold.ledger")

T = TypeVar("T")
Row = tuple[object, ...]
After = Callable[[Connection, int, int], None]
"""What else is written in the transaction: told how many calls were refused, and how many were there before."""

_copy_calls = Copy(tables.calls, CALL_COLUMNS)
_copy_bodies = Copy(tables.bodies, ("id", "digest", "day", "stored_bytes", "stored"))
_REMEMBERED = 2000
"""Bodies stored last that are read when the ledger is opened: they are not stored again."""
_NEXT_BODIES = "SELECT nextval(pg_get_serial_sequence('bodies', 'id')) FROM generate_series(1, %s)"
_RENEW = """
    UPDATE bodies SET day = greatest(bodies.day, new.day)
    FROM unnest(%s::bigint[], %s::bytea[], %s::int[]) new (id, digest, day)
    WHERE bodies.id = new.id AND bodies.digest = new.digest"""
_OF_A_ROW = (TypeError, ValueError, AttributeError, OverflowError, struct.error, DataError, IntegrityError)
"""What one row can be refused for, as opposed to what befalls the whole server."""


class LedgerServer:
    """One thread's hold on the ledger. Where it fails, StoreError, SQLAlchemyError or OSError is raised."""

    incident: str | None = None
    """Nothing befalls a server's ledger that would begin another one."""

    def __init__(
        self,
        server: Server,
        process: runs.Process,
        clock: Clock,
        *,
        patience: float,
        unsettled: Callable[[], Collection[int]] = tuple,
    ) -> None:
        """`patience`: seconds that a statement may take. `unsettled`: when those processes began that have ended,
        and calls of which are still to be written.
        """
        self.place = server
        """Where it is."""
        self._process = process
        self._clock = clock
        self._patience = patience
        self._unsettled = unsettled
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._names = LearnedNames()
        self._rollups = Rollups()
        self._run: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was opened and not given up since."""
        return self._connection is not None

    @property
    def has_run(self) -> bool:
        """Whether this process is written down as one that writes the ledger."""
        return self._run is not None

    def look(self) -> None:
        """A server's ledger cannot be exchanged unseen."""

    def mend(self, fault: Fault) -> bool:
        """Nothing can be done about a fault of the server from here."""
        return False

    def open(self, counts: runs.Counts) -> bool:
        """Connect, and bring the tables up to date. True: it is another ledger than before, or the first."""
        self._engine = open_database(self.place, "ledger", patience=self._patience)
        try:
            self._connection = self._engine.connect()
            return self.transact(lambda connection: self._begin(connection, counts))
        except BaseException:
            self.release()
            raise

    def recent_bodies(self) -> list[BodyPlace]:
        """The bodies stored last, the oldest of them first."""
        bodies = tables.bodies.c
        last = select(bodies.digest, bodies.day, bodies.id).order_by(bodies.id.desc()).limit(_REMEMBERED)
        rows = self.transact(lambda connection: connection.execute(last).all())
        return [BodyPlace(bytes(digest), day, number) for digest, day, number in reversed(rows)]

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
        """Commit the batch and the report of drops, all or nothing. Returns how many calls no row can hold.

        `alone`: give up each row that fails, for whatever reason that is not the server's. `again`: it may be
        that some of the calls are there already, when it was not to be seen whether a commit came through.
        """
        now_us, run = microseconds(self._clock.now()), self._run
        assert run is not None

        def after(connection: Connection, refused: int, _there: int) -> None:
            runs.report_drops(connection, run, drops, detail)
            written = counts.written + len(batch.calls) - refused
            runs.update_run(connection, run, now_us, runs.Counts(counts.recorded, written, counts.dropped))

        return self._write(batch, after, alone=alone, again=again)

    def beat(self, counts: runs.Counts) -> None:
        """Let other machines see that this process lives, and write down the end of those that do not."""
        now_us, run, host = microseconds(self._clock.now()), self._run, self._process.host
        unsettled = self._unsettled()
        assert run is not None

        def work(connection: Connection) -> list[str]:
            runs.update_run(connection, run, now_us, counts)
            runs.take_back_death(connection, run)
            return runs.settle_former_runs(connection, now_us, but=run, host=host, unsettled=unsettled)

        for name in self.transact(work):
            tally.remove(name)

    def add_left(self, batch: Batch, owner: Owner, *, alone: bool = False) -> int:
        """Commit calls that a process which has ended left behind; those that are there already are left alone.

        Returns how many calls no row can hold.
        """

        def after(connection: Connection, refused: int, there: int) -> None:
            who = owner.process
            run = runs.find_run(connection, who)
            if run is None:
                run = runs.begin_run(connection, who, runs.Counts(0, 0, 0))
            runs.add_written(connection, run, len(batch.calls) - refused - there)

        return self._write(batch, after, alone=alone, again=True)

    def settle(self, owner: Owner, damages: Sequence[Damage] = ()) -> None:
        """Write down the end of a process all of whose calls are in the ledger now, but for what was damaged.

        Of one that was killed only that there was one: the next `beat` finds out what is missing.
        """
        counts, who = owner.counts, owner.process

        def work(connection: Connection) -> None:
            run = runs.find_run(connection, who)
            if run is None:
                run = runs.begin_run(connection, who, counts or runs.Counts(0, 0, 0))
            for one in damages:
                if counts is None and one.calls is None:
                    continue  # what is found to be missing of a killed process includes it
                missing = runs.Gap(run, "damaged", one.in_words, who.started_us, owner.ended_us, one.calls)
                runs.note_gap(connection, missing)
            if counts is not None:
                runs.take_back_death(connection, run)
                runs.end_run(connection, run, owner.ended_us or who.started_us, counts)

        self.transact(work)
        if counts is not None:
            tally.remove(who.tally)

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one transaction."""
        assert self._connection is not None
        try:
            with self._connection.begin():
                done = work(self._connection)
        except BaseException:
            self._rollups.kinds.roll_back()
            raise
        self._rollups.kinds.keep()
        return done

    def sum_former(self) -> bool:
        """Add a few calls to the roll-ups that were there before them. Whether there are more."""
        found = self.transact(backfill.next_slice)
        if found is None:
            return False
        rows, summed, then = found
        self._names.begin()
        self._ask_for_losses(rows)
        if self._names.missing or "answered" not in self._names:
            self._names.missing.add("answered")
            self._learn_words()

        def work(connection: Connection) -> bool:
            take_lock(connection, "order of calls")
            if backfill.go_on(connection, summed, then):
                self._add_to_rollups(connection, rows)
            return True

        return self.transact(work)

    def close(self, drops: dict[str, Drops], counts: runs.Counts) -> None:
        """Write the last drops and the end of the run down, and let go of the server."""
        now_us, run = microseconds(self._clock.now()), self._run
        assert run is not None

        def work(connection: Connection) -> None:
            runs.report_drops(connection, run, drops, None)
            runs.update_run(connection, run, now_us, counts, ended=True)

        self.transact(work)
        self.release()

    def release(self) -> None:
        """Let go of the server, whatever state it is in."""
        connection, self._connection = self._connection, None
        engine, self._engine = self._engine, None
        with contextlib.suppress(SQLAlchemyError, OSError):
            if connection is not None:
                connection.invalidate()
                connection.close()
        if engine is not None:
            engine.dispose()

    def _begin(self, connection: Connection, counts: runs.Counts) -> bool:
        make_ahead(connection, microseconds(self._clock.now()))
        run, is_new = self._run, False
        if run is None or not runs.is_there(connection, run, self._process.started_us):
            run, is_new = runs.begin_run(connection, self._process, counts), True
            self._names.forget_all()
            self._rollups.kinds.forget_all()
        else:
            runs.take_back_death(connection, run)
        self._run = run
        return is_new

    def _write(self, batch: Batch, after: After, *, alone: bool, again: bool) -> int:
        self._names.begin()
        if not alone:
            try:
                return self._write_together(batch, after, again=again)
            except Exception as error:
                if not _is_of_a_row(error):
                    raise
        return self._write_one_by_one(batch, after)

    def _write_together(self, batch: Batch, after: After, *, again: bool) -> int:
        try:
            return self._copy_together(batch, after, again=again)
        except BodiesGone:
            batch.make_anew([])  # another machine has deleted what these calls were to use again
            return self._copy_together(batch, after, again=again)

    def _copy_together(self, batch: Batch, after: After, *, again: bool) -> int:
        ready = list(zip(batch.calls, batch.ready, strict=True))
        rows = [row_of(call, self._names, *rest) for call, rest in ready]
        self._ask_for_losses(rows)
        if self._names.missing:
            self._learn_words()
            rows = [row_of(call, self._names, *rest) for call, rest in ready]

        def work(connection: Connection) -> int:
            there = _ids_of(connection, batch.calls) if again else frozenset()
            if batch.renewed:
                _renew(connection, batch.renewed)
            if batch.fresh:
                _number(connection, batch.fresh)
                _copy_bodies.run(connection, _rows_of_bodies(batch))
            chosen = [
                row if not batch.fresh else _with_bodies(row, places)
                for row, (call, (_, places)) in zip(rows, ready, strict=True)
                if call.id not in there
            ]
            after(connection, 0, len(rows) - len(chosen))
            if chosen:
                take_lock(connection, "order of calls")
                _copy_calls.run(connection, chosen)
                self._add_to_rollups(connection, chosen)
            return 0

        return self.transact(work)

    def _write_one_by_one(self, batch: Batch, after: After) -> int:
        """Each row that the server refuses is tried in a plainer form, and given up when that fails too."""
        self._ask_for_losses(chain.from_iterable(self._forms_of(batch)))
        if self._names.missing:
            self._learn_words()

        def work(connection: Connection) -> int:
            there = _ids_of(connection, batch.calls)
            with contextlib.suppress(BodiesGone):
                _renew(connection, batch.renewed)
            _number(connection, batch.fresh)
            _copy_what_goes(connection, _copy_bodies, [[row] for row in _rows_of_bodies(batch)])
            forms = [
                some
                for call, some in zip(batch.calls, self._forms_of(batch), strict=True)
                if call.id not in there
            ]
            take_lock(connection, "order of calls")
            written: list[Row] = []
            refused = _copy_what_goes(connection, _copy_calls, forms, written)
            self._add_to_rollups(connection, written)
            after(connection, refused, len(batch.calls) - len(forms))
            return refused

        return self.transact(work)

    def _learn_words(self) -> None:
        self._names.update(self.transact(self._names.look_up))
        self._names.missing.clear()

    def _ask_for_losses(self, rows: Iterable[Sequence[Any]]) -> None:
        """Let the words be known that only the roll-ups need."""
        for loss in losses_of(rows):
            self._names[loss]

    def _add_to_rollups(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._rollups.write(connection, self._rollups.prepare(connection, rows, self._names))

    def _forms_of(self, batch: Batch) -> list[list[Row]]:
        """Each call as rows that may go in, the best first."""
        found = []
        for call, rest in zip(batch.calls, batch.ready, strict=True):
            forms = []
            for make in (_as_it_is, plain):
                try:
                    forms.append(row_of(make(call), self._names, *rest))
                except Exception as error:  # noqa: BLE001 - one call must not keep the others from being written
                    log.debug("A call does not fit into a row: %r", error)
            found.append(forms)
        return found


def _copy_what_goes(
    connection: Connection, copy: Copy, forms: Sequence[Sequence[Row]], written: list[Row] | None = None
) -> int:
    """Copy the first form of each row that the server takes. Returns how many it takes in none.

    Those that it took are appended to `written`.
    """
    some = [one for one in forms if one]
    refused = len(forms) - len(some)
    if not some:
        return refused
    try:
        with connection.begin_nested():
            rows = [one[0] for one in some]
            copy.run(connection, rows)
    except Exception as error:
        if not _is_of_a_row(error):
            raise
        if len(some) == 1 and _is_there_already(error):
            return refused  # the same call came twice
        if len(some) == 1:
            return refused + _copy_what_goes(connection, copy, [some[0][1:]], written)
        half = len(some) // 2
        parts = some[:half], some[half:]
        return refused + sum(_copy_what_goes(connection, copy, part, written) for part in parts)
    if written is not None:
        written += rows
    return refused


def _is_of_a_row(error: Exception) -> bool:
    if isinstance(error, ProgrammingError):
        return (
            getattr(error.orig, "sqlstate", None) is None
        )  # the driver's word about a value, not the server's
    return isinstance(error, _OF_A_ROW)


def _is_there_already(error: Exception) -> bool:
    return isinstance(error, IntegrityError) and getattr(error.orig, "sqlstate", None) == "23505"


def _ids_of(connection: Connection, calls: Sequence[Call]) -> frozenset[str]:
    """The ids of those calls that are in the ledger."""
    # What is no call has been refused for that, and there is no looking for it.
    times = [call.started_us for call in calls if type(call.started_us) is int]
    if not times:
        return frozenset()
    columns = tables.calls.c
    there = select(columns.id).where(
        columns.started_us.between(min(times), max(times)), columns.id.in_([call.id for call in calls])
    )
    return frozenset(connection.execute(there).scalars())


def _renew(connection: Connection, places: Sequence[BodyPlace]) -> None:
    """Let these bodies count as young. Raises BodiesGone: some of them are there no more."""
    values = {place.id: (place.digest, place.day) for place in places}
    columns = ([*values], *map(list, zip(*values.values(), strict=True)))
    if values and connection.exec_driver_sql(_RENEW, columns).rowcount < len(values):
        raise BodiesGone


def _number(connection: Connection, fresh: Sequence[FreshBody]) -> None:
    """Give each new body its number: also when this is another try, for then the last came to nothing."""
    if fresh:
        numbers = connection.exec_driver_sql(_NEXT_BODIES, (len(fresh),)).scalars()
        for (place, _), number in zip(fresh, numbers, strict=True):
            place.id = number


def _rows_of_bodies(batch: Batch) -> list[Row]:
    return [(place.id, place.digest, place.day, len(stored), stored) for place, stored in batch.fresh]


def _with_bodies(row: Row, places: Places) -> Row:
    request, answer = places
    if request is None and answer is None:
        return row
    return (*row[:-2], None if request is None else request.id, None if answer is None else answer.id)


def _as_it_is(call: Call) -> Call:
    return call
