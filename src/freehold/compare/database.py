"""The database of comparisons: suites, answers, scores and what they amount to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import sqlalchemy as sql
import zstandard

from freehold.core.errors import StoreError
from freehold.store.database import is_made, open_database, reading, store_errors, writing
from freehold.store.migrate import History
from freehold.store.places import Place

T = TypeVar("T")

_BUSY_MS = 30_000
_CACHE_KB = 2000
"""Of each connection: what a long comparison takes more than a short one is this."""
_PATIENCE = 60.0
_LEVEL = 3
_encode = msgspec.json.Encoder().encode


class Database:
    """Opened when it is first used, and made where there is none. May be used from any thread.

    Whatever uses it raises StoreError when it cannot be used.
    """

    def __init__(self, place: Place, *, patience: float = _PATIENCE, history: History = "compare") -> None:
        """`patience`: seconds that a server may take over one question; `history`: of which kind it is."""
        self.place = place
        self._history: History = history
        self._patience = patience
        self._engine: sql.Engine | None = None
        self._lock = threading.Lock()

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept. Raises StoreError: the server cannot be asked."""
        return self._engine is not None or is_made(self.place, self._history)

    @contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """A transaction that is committed at the end."""
        engine = self._opened()
        with store_errors(self.place), writing(engine) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        """One state of everything. A file's commits wait for its end, so it is short."""
        engine = self._opened()
        with store_errors(self.place), reading(engine) as connection:
            yield connection

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _opened(self) -> sql.Engine:
        with self._lock:
            if self._engine is None:
                self._engine = open_database(
                    self.place, self._history, busy_ms=_BUSY_MS, cache_kb=_CACHE_KB, patience=self._patience
                )
            return self._engine


def pack(value: object) -> bytes:
    """A value as JSON, compressed."""
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False).compress(_encode(value))


def unpack(packed: bytes, kind: type[T], place: Place | None = None) -> T:
    """The value that was packed. Raises StoreError when it is not what was put in."""
    try:
        return msgspec.json.decode(zstandard.ZstdDecompressor().decompress(packed), type=kind)
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        where = f"the database `{place}`" if isinstance(place, Path) else "the database of comparisons"
        raise StoreError(f"A row in {where} cannot be read: {error}.") from None
