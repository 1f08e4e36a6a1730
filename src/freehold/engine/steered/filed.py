"""The shelf in a file, `steering.db`: for the processes of one machine.

Written in a thread of its own and not flushed to the disk: it outlives the process, however that ends, and a commit
costs a tenth of a millisecond in place of twenty. What is lost when the machine goes down is what answered last before;
such conversations go on with the incumbent.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Engine, PoolProxiedConnection, event

from freehold.core.errors import StoreError
from freehold.engine.steered.makers import AwayError, Batch, Maker, Mark
from freehold.store.database import open_database
from freehold.store.faults import Fault, fault_of

T = TypeVar("T")

_BUSY_MS = 5000
_BUSY_NOW_MS = 3
_KEPT_US = 86_400_000_000
_TIDY_S = 60.0
_MOST = 2_000_000
_AT_ONCE = 5_000
"""Rows that are removed in one transaction, during which nobody reads."""
_READ_AT_ONCE = 500

_PUT = """
    INSERT INTO makers (key, model, at_us) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET model = excluded.model, at_us = excluded.at_us
    WHERE excluded.at_us >= makers.at_us"""
_MARK = """
    INSERT INTO marks (kind, route, model, at_us) VALUES (?, ?, ?, ?)
    ON CONFLICT (kind, route, model) DO UPDATE SET at_us = max(marks.at_us, excluded.at_us)"""
_TOO_OLD = "DELETE FROM makers WHERE key IN (SELECT key FROM makers WHERE at_us < ? ORDER BY at_us LIMIT ?)"
_OLDEST = "DELETE FROM makers WHERE key IN (SELECT key FROM makers ORDER BY at_us LIMIT ?)"


class FiledShelf:
    """A shelf at `path`, opened when it is first used. A damaged file is moved aside."""

    def __init__(
        self, path: Path, *, shared: bool, clock: Callable[[], float] = time.time, most: int = _MOST
    ) -> None:
        """`shared`: other processes use the file, too. `most`: rows; of more, the oldest are removed once a minute."""
        self.shared = shared
        self._path = path
        self._clock = clock
        self._most = most
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="steering-writes")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="steering-reads")
        self._engine: Engine | None = None
        self._file: tuple[int, int] | None = None
        self._connections: dict[str, tuple[PoolProxiedConnection, tuple[int, int] | None]] = {}
        """Whose they are, and of which file."""
        self._opening = threading.Lock()
        self._tidied = 0.0

    # In the threads

    def _open(self) -> Engine:
        """An engine on the file that is there now; whoever comes first makes it."""
        with self._opening:
            place = self._place()
            if self._engine is None or place != self._file:
                if self._engine is not None:
                    self._engine.dispose()  # the file was removed or replaced
                self._engine = self._new_engine()
                self._file = self._place()
            return self._engine

    def _new_engine(self) -> Engine:
        try:
            engine = open_database(self._path, "steering", busy_ms=_BUSY_MS)
        except StoreError as error:
            if fault_of(error) is not Fault.DAMAGED:
                raise
            aside = self._path.with_name(f"steering.damaged-{time.strftime('%Y%m%dT%H%M%S')}.db")
            self._path.rename(aside)
            engine = open_database(self._path, "steering", busy_ms=_BUSY_MS)
        event.listen(engine, "connect", _leave_flushing_to_the_system)
        engine.dispose()
        return engine

    def _connection(self, whose: str) -> sqlite3.Connection:
        found = self._connections.get(whose)
        if found is not None:
            raw, file = found
            if file == self._place():
                return cast("sqlite3.Connection", raw.driver_connection)
            self._let_go(whose)
        engine = self._open()
        raw = engine.raw_connection()
        self._connections[whose] = raw, self._file
        return cast("sqlite3.Connection", raw.driver_connection)

    def _place(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _let_go(self, whose: str) -> None:
        found = self._connections.pop(whose, None)
        if found is not None:
            found[0].invalidate()

    def _read(self, keys: Sequence[bytes]) -> dict[bytes, Maker]:
        connection = self._connection("reader")
        found: dict[bytes, Maker] = {}
        for at in range(0, len(keys), _READ_AT_ONCE):
            some = keys[at : at + _READ_AT_ONCE]
            places = ",".join("?" * len(some))
            rows = connection.execute(f"SELECT key, model, at_us FROM makers WHERE key IN ({places})", some)  # noqa: S608
            found.update({bytes(key): Maker(model, at_us) for key, model, at_us in rows})
        return found

    def _marks(self) -> list[Mark]:
        oldest = int(self._clock() * 1e6) - _KEPT_US
        rows = self._connection("reader").execute(
            "SELECT kind, route, model, at_us FROM marks WHERE at_us >= ?", (oldest,)
        )
        return [Mark(*row) for row in rows]

    def _write(self, batch: Batch) -> None:
        connection = self._connection("writer")
        self._transact(connection, batch)
        self._tidy(connection)

    @staticmethod
    def _transact(connection: sqlite3.Connection, batch: Batch) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            gone = [(key,) for key, maker in batch.makers.items() if maker is None]
            kept = [(key, one.model, one.at_us) for key, one in batch.makers.items() if one is not None]
            marks = [(one.kind, one.route, one.model, one.at_us) for one in batch.marks.values()]
            connection.executemany("DELETE FROM makers WHERE key = ?", gone)
            connection.executemany(_PUT, kept)
            connection.executemany(_MARK, marks)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _tidy(self, connection: sqlite3.Connection) -> None:
        now = self._clock()
        if now - self._tidied < _TIDY_S:
            return
        self._tidied = now
        oldest = int(now * 1e6) - _KEPT_US
        connection.execute("DELETE FROM marks WHERE at_us < ?", (oldest,))
        while connection.execute(_TOO_OLD, (oldest, _AT_ONCE)).rowcount == _AT_ONCE:
            pass  # each portion is a transaction, between which others read
        (rows,) = connection.execute("SELECT count(*) FROM makers").fetchone()
        for too_many in range(rows - self._most, 0, -_AT_ONCE):
            connection.execute(_OLDEST, (min(too_many, _AT_ONCE),))

    def _close(self) -> None:
        for whose in list(self._connections):
            self._let_go(whose)
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _do(self, whose: str, job: Callable[[], T]) -> T:
        try:
            return job()
        except StoreError as error:
            raise AwayError(str(error)) from error
        except (sqlite3.Error, OSError) as error:
            if fault_of(error) is Fault.DAMAGED:
                self._let_go(whose)
                self._file = None
            raise AwayError(f"the file `{self._path.name}` cannot be used: {error}") from error

    # What is asked of it

    async def read(self, keys: Sequence[bytes]) -> dict[bytes, Maker]:
        """As Shelf."""
        return await _in(self._reader, lambda: self._do("reader", lambda: self._read(keys)))

    async def marks(self) -> list[Mark]:
        """As Shelf."""
        return await _in(self._reader, lambda: self._do("reader", self._marks))

    async def write(self, batch: Batch) -> None:
        """As Shelf."""
        await _in(self._writer, lambda: self._do("writer", lambda: self._write(batch)))

    def write_now(self, makers: Mapping[bytes, Maker]) -> bool:
        """As Shelf. In the caller's thread: it takes a tenth of a millisecond, and only another writer holds it up."""
        if self._engine is None or self._file != self._place():
            return False  # to open it takes longer
        try:
            connection = self._connection("caller")
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_NOW_MS}")
            self._transact(connection, Batch(dict(makers), {}))
        except (sqlite3.Error, OSError, StoreError):
            return False
        return True

    async def close(self) -> None:
        """As Shelf."""
        self._let_go("caller")
        await _in(self._reader, lambda: self._let_go("reader"))
        await _in(self._writer, self._close)
        self._reader.shutdown()
        self._writer.shutdown()


async def _in(thread: ThreadPoolExecutor, job: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, job)


def _leave_flushing_to_the_system(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")
