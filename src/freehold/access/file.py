"""The keys' file: opened, watched for changes, opened anew when it was replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from freehold.core.clock import Clock
from freehold.core.errors import StoreError
from freehold.store.database import open_database, reading, store_errors, writing

_PATIENCE_MS = 5000
"""How long somebody who wants a change waits for another process's lock."""
_REOPEN_SECONDS = 1.0
"""Between two tries of a refresh to open a new file: a try costs answers some milliseconds."""


class KeyFile:
    """The hold on `access.db`. Not for several threads at once. Methods raise StoreError or the driver's errors."""

    def __init__(self, path: Path, clock: Clock, take: Callable[[], None]) -> None:
        """`take` is called whenever another file was opened, and has to accept it, or raise."""
        self.place = path
        self._clock = clock
        self._take = take
        self._opened: tuple[int, int] | None = None
        self._is_hasty = False
        self._reopen_at = 0.0
        self._seen = 0

    def open(self, *, busy_ms: int = _PATIENCE_MS) -> None:
        """Open the file, made when it is not there."""
        engine = open_database(self.place, "access", busy_ms=busy_ms)
        try:
            with store_errors(self.place):
                # A power cut must not make a revoked key good again.
                sql.event.listen(engine, "connect", _flush_every_commit)
                engine.dispose()
                opened = self._file()
                self._engine = engine
                self._watching = engine.connect().execution_options(freehold_reading=True)
                try:
                    self._take()
                except BaseException:
                    self._watching.close()
                    raise
        except BaseException:
            engine.dispose()
            raise
        self._is_hasty = busy_ms < _PATIENCE_MS
        self._opened = opened  # only now: a file that could not be taken over is still to be opened

    def close(self) -> None:
        """Let go of the file."""
        self._watching.close()
        self._engine.dispose()

    def look(self, load: Callable[[], None], *, in_trouble: bool) -> bool:
        """Read the keys anew with `load` where others changed them; waits for nobody's lock.

        Whether all is well now. False: a new file that could not be opened a moment ago was left alone.
        """
        if self._is_another():
            if in_trouble and self._clock.tick() < self._reopen_at:
                return False
            self._reopen(busy_ms=0)
        else:
            with self._impatient():
                if self._version() != self._seen:
                    load()
        return True

    @contextmanager
    def watching(self) -> Iterator[sql.Connection]:
        """A connection to read the keys with; what changes from now on is seen by the next look."""
        seen = self._version()
        with self._watching.begin():
            yield self._watching
        self._seen = seen  # only now: when the rows could not be read, there is still something to see

    @contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        """A connection that reads what is there at this moment."""
        with reading(self._engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """A connection in a transaction that nobody else's change can come into."""
        with writing(self._engine) as connection:
            yield connection

    def make_sure(self) -> None:
        """Be ready for a change."""
        if self._is_hasty or self._is_another():
            self._reopen()  # opened by a look, it would fail at the first lock

    def _reopen(self, *, busy_ms: int = _PATIENCE_MS) -> None:
        """The file was replaced: look at the new one, and at the old one no more."""
        if self._opened is not None:
            self._opened = None
            self.close()
        if self._file() is None:
            raise StoreError(
                f"The database of keys `{self.place}` was removed.",
                hint="Put it back; until then the keys known before stay good and none can be revoked.",
            )
        self._reopen_at = self._clock.tick() + _REOPEN_SECONDS
        self.open(busy_ms=busy_ms)
        self._reopen_at = 0.0

    @contextmanager
    def _impatient(self) -> Iterator[None]:
        """Fail at once where the database is locked."""
        driver: Any = self._watching.connection.driver_connection
        (patience,) = driver.execute("PRAGMA busy_timeout").fetchone()
        driver.execute("PRAGMA busy_timeout = 0")
        try:
            yield
        finally:
            driver.execute(f"PRAGMA busy_timeout = {int(patience)}")

    def _version(self) -> int:
        """Changes when another connection changed the database."""
        with self._watching.begin():
            return int(self._watching.exec_driver_sql("PRAGMA data_version").scalar_one())

    def _is_another(self) -> bool:
        return self._opened is None or self._file() != self._opened

    def _file(self) -> tuple[int, int] | None:
        try:
            status = self.place.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino


def _flush_every_commit(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = FULL")
