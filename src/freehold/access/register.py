"""The database of keys for whoever asks it seldom: opened for each question where it is a file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sql

from freehold.store.database import PATIENCE, is_made, open_database, reading, store_errors, writing
from freehold.store.places import Place


class Register:
    """May be used from any thread. Methods raise StoreError."""

    def __init__(self, place: Place, *, patience: float = PATIENCE) -> None:
        """`patience`: seconds that a server may take over one statement."""
        self.place = place
        self._patience = patience
        self._engine: sql.Engine | None = None
        self._lock = threading.Lock()

    @property
    def exists(self) -> bool:
        """Whether anybody has made the database yet."""
        return self._engine is not None or is_made(self.place, "access")

    def close(self) -> None:
        """Let go of it; it can be used again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        """A connection that sees one state of it, made when it is not there."""
        with self._opened() as engine, store_errors(self.place), reading(engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """A connection in a transaction."""
        with self._opened() as engine, store_errors(self.place), writing(engine) as connection:
            yield connection

    @contextmanager
    def _opened(self) -> Iterator[sql.Engine]:
        if isinstance(self.place, Path):  # it may be another one each time
            engine = open_database(self.place, "access")
            try:
                yield engine
            finally:
                engine.dispose()
            return
        with self._lock:
            if self._engine is None:
                self._engine = open_database(self.place, "access", patience=self._patience)
            engine = self._engine
        yield engine
