"""The books in a file, `limits.db`: for the processes of one machine.

One transaction for each batch, written by a thread of its own and not flushed to the disk: it outlives the process,
however that ends, and a commit costs a tenth of a millisecond in place of twenty. Only when the machine itself went
down may the last of it be missing; the file knows since which start of the machine it is whole, and says so when it
is not, and what the ledger remembers is then told to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from freehold.core.errors import StoreError
from freehold.limits.batch import Batch, Done, Standing, UnavailableError
from freehold.limits.pages import Pages
from freehold.store.database import open_database
from freehold.store.faults import Fault, fault_of

LEASE_US = 20_000_000
"""A process that gave no sign of life for so long is gone."""
_BUSY_MS = 2000
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class FiledBooks:
    """Books at `path`. Raises StoreError when the file cannot be used at all; a damaged one is moved aside."""

    beat_s = 4.0
    patience_s = 1.0

    def __init__(self, path: Path, *, lease_us: int = LEASE_US, boot: str | None = None) -> None:
        """`boot` names this start of the machine; None: the kernel's name for it."""
        self._path = path
        self._lease_us = lease_us
        self._boot = boot or _boot_of_machine()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="limits")
        self._engine: Engine | None = None
        self._pages: Pages | None = None
        self._file: tuple[int, int] | None = None
        self._open()

    # The thread's work

    def _open(self) -> None:
        try:
            engine = open_database(self._path, "limits", busy_ms=_BUSY_MS)
        except StoreError as error:
            if fault_of(error) is not Fault.DAMAGED:
                raise
            aside = self._path.with_name(f"limits.damaged-{time.strftime('%Y%m%dT%H%M%S')}.db")
            self._path.rename(aside)
            engine = open_database(self._path, "limits", busy_ms=_BUSY_MS)
        event.listen(engine, "connect", _leave_flushing_to_the_system)
        engine.dispose()
        self._engine = engine
        self._file = self._place()
        connection: Any = engine.raw_connection().driver_connection
        self._pages = Pages(connection, self._lease_us, self._boot)

    def _close(self) -> None:
        if self._pages is not None:
            self._pages.close()
            self._pages = None
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _place(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _do(self, batch: Batch) -> Done:
        try:
            if self._pages is None or (batch.beat and self._place() != self._file):
                self._close()  # the file was removed or replaced, or could not be opened again before
                self._open()
            assert self._pages is not None
            return self._pages.do(batch)
        except StoreError as error:
            raise UnavailableError(str(error)) from error
        except (sqlite3.Error, OSError) as error:
            if fault_of(error) is Fault.DAMAGED:
                with contextlib.suppress(OSError):
                    self._close()
            raise UnavailableError(f"the file `{self._path.name}` cannot be used: {error}") from error

    def _standings(self, now_us: int) -> list[Standing]:
        assert self._pages is not None
        return self._pages.standings(now_us)

    def _release(self, names: list[str]) -> int:
        assert self._pages is not None
        return self._pages.release(names)

    # What is asked of it

    async def do(self, batch: Batch) -> Done:
        """One transaction. Raises UnavailableError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, batch)

    async def standings(self, now_us: int) -> list[Standing]:
        """Every counter."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._standings, now_us)

    async def release(self, names: list[str]) -> int:
        """Release what expired; how much it was."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._release, names)

    async def close(self) -> None:
        """Let go of the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()


def _leave_flushing_to_the_system(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


def _boot_of_machine() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return "unknown"
