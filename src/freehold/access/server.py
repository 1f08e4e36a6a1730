"""The keys on a PostgreSQL server: a kept connection looks every second whether their count of changes has grown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from freehold.access import tables
from freehold.core.errors import StoreError
from freehold.store.database import PATIENCE, open_database, reading, store_errors, writing
from freehold.store.places import Server
from freehold.store.server import schema_of, set_patience

LOOK_SECONDS = 0.25
"""How long an answer may wait for a look; a server that takes longer is looked at by a thread of its own."""
_SHARE = 20
"""A look that kept answers waiting for a millisecond is followed by the next one twenty later at the soonest."""


class KeyServer:
    """The hold on the server. Not for several threads at once. Methods raise StoreError or the driver's errors."""

    def __init__(self, server: Server, take: Callable[[], None]) -> None:
        """`take` is called whenever the server was connected to, and has to accept it, or raise."""
        self.place = server
        self._take = take
        self._engine: sql.Engine | None = None
        self._watching: sql.Connection | None = None
        self._seen = -1
        self._look_at = 0.0

    def open(self) -> None:
        """Connect, and bring the tables up to date."""
        engine = open_database(self.place, "access")
        try:
            with store_errors(self.place):
                self._engine = engine
                self._watching = engine.connect().execution_options(
                    isolation_level="AUTOCOMMIT", schema_translate_map={None: schema_of("access")}
                )
                self._take()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the server."""
        watching, self._watching = self._watching, None
        engine, self._engine = self._engine, None
        with suppress(SQLAlchemyError):
            if watching is not None:
                watching.invalidate()
                watching.close()
        if engine is not None:
            engine.dispose()

    def look(self, load: Callable[[], None], *, is_patient: bool) -> bool:
        """Read the keys anew with `load` where others changed them. Whether that was done.

        Unless `is_patient`, it takes a quarter of a second at most, and does not connect: False, when it had to, or has
        just looked.
        """
        began = time.monotonic()
        if not is_patient and not self.may_look:
            return False
        if self._watching is None:
            self.open()
            return True
        try:
            set_patience(self._watching, PATIENCE if is_patient else LOOK_SECONDS)
            if self._version() != self._seen:
                load()
        except BaseException:
            self.close()
            raise
        finally:
            if not is_patient:
                self.rest(_SHARE * (time.monotonic() - began))
        return True

    @property
    def may_look(self) -> bool:
        """Whether answers may be kept waiting for a look."""
        return self._watching is not None and time.monotonic() >= self._look_at

    def rest(self, seconds: float) -> None:
        """Keep no answer waiting for so long."""
        self._look_at = time.monotonic() + seconds

    @contextmanager
    def watching(self) -> Iterator[sql.Connection]:
        """A connection to read the keys with; what changes from now on is seen by the next look."""
        seen = self._version()
        yield self._held()
        self._seen = seen

    @contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        """A connection that reads what is there at this moment."""
        self.make_sure()
        assert self._engine is not None
        with reading(self._engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """A connection in a transaction that nobody else's change can come into."""
        self.make_sure()
        assert self._engine is not None
        with writing(self._engine) as connection:
            # Whoever changes the keys holds this row until the commit.
            connection.execute(tables.changes.update().values(number=tables.changes.c.number + 1))
            yield connection

    def make_sure(self) -> None:
        """Be connected."""
        if self._watching is None:
            self.open()
        assert self._watching is not None
        set_patience(self._watching, PATIENCE)

    def _version(self) -> int:
        return int(self._held().execute(sql.select(tables.changes.c.number)).scalar_one())

    def _held(self) -> sql.Connection:
        if self._watching is None:
            raise StoreError(f"The database `{self.place}` cannot be used: it is not connected.")
        return self._watching
