"""Opens a database file: the one place that knows how SQLite is set up.

A rollback journal, and every commit flushed to the disk: what is committed survives the sudden end of the
process and of the machine. Not the write-ahead log that SQLite also has, although readers and the writer would
then never wait for each other: its index is a mapped file, and touching a mapped page of a file that has become
immutable, or of a btrfs disk that is full, ends the process with a bus error. A full disk must not stop answers.
Every write transaction takes the write lock when it begins, so that it never fails half-way for want of it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from freehold.core.errors import StoreError
from freehold.store.faults import Fault, fault_of
from freehold.store.migrate import History, bring_up_to_date, check_revision

_HINTS = {
    Fault.FULL: "Free some space on its disk.",
    Fault.LOCKED: "Another program holds it; wait, or end that program.",
    Fault.READ_ONLY: "Let the user that runs Freehold write to the file and its folder, or choose another folder: "
    "`data` in freehold.toml.",
    Fault.MISSING: "Check that its folder exists and may be written to.",
    Fault.DAMAGED: "Move the file aside; Freehold begins a new one.",
}


def open_database(path: Path, history: History, *, busy_ms: int = 5000, cache_kb: int = 2000) -> Engine:
    """An engine on the file at `path`, which is made when missing (mode 0600) and brought up to date.

    `busy_ms` is how long to wait for another process's lock. Raises StoreError: the file cannot be used, or
    it was written by a newer Freehold.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made here so that nobody else can read it even for a moment; its companions inherit the mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        engine = _engine(path, busy_ms=busy_ms, cache_kb=cache_kb)
    except OSError as error:
        raise unusable(path, error) from error
    try:
        with store_errors(path):
            bring_up_to_date(engine, history, path)
    except BaseException:
        engine.dispose()
        raise
    return engine


def open_to_read(path: Path, history: History, *, busy_ms: int = 5000) -> Engine:
    """An engine that can only read the file at `path`. Changes nothing, not even the file's revision.

    Raises StoreError: there is no such file, it cannot be read, or it is of another revision.
    """
    if not path.exists():
        raise StoreError(f"There is no database at `{path}` yet.", hint="`freehold up` makes it.")
    engine = _engine(path, busy_ms=busy_ms, cache_kb=8000, read_only=True)
    try:
        with store_errors(path):
            check_revision(engine, history, path)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that holds the write lock from its first moment; committed at the end."""
    with engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that sees one state of the database. No commit can end before it does."""
    with engine.connect().execution_options(freehold_reading=True) as connection, connection.begin():
        yield connection


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turns the driver's errors into StoreError, which names the file, the fault and the next step."""
    try:
        yield
    except DBAPIError as error:
        raise unusable(path, error) from error


def give_back_space(connection: Connection, *, pages: int) -> bool:
    """Return some free pages to the disk when a good part of the file is free. True: there are more."""
    free, total = (
        connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("freelist_count", "page_count")
    )
    if free < 250 or free < total // 4:
        return False
    for _ in range(min(pages, free)):
        # With a number it would emit an empty row a page, of which the driver takes only the first.
        connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
    return True


def unusable(path: Path, error: BaseException) -> StoreError:
    """The StoreError that says why the database at `path` cannot be used."""
    fault = fault_of(error)
    told = getattr(error, "orig", None) or error
    detail = f"{fault} ({told})" if fault.value not in str(told) else str(told)
    return StoreError(f"The database `{path}` cannot be used: {detail}.", hint=_HINTS.get(fault))


def _engine(path: Path, *, busy_ms: int, cache_kb: int, read_only: bool = False) -> Engine:
    # Readers too, for the first to come after a kill undoes the half-written transaction.
    uri = f"{path.absolute().as_uri()}?mode=rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, timeout=busy_ms / 1000
        )
        try:
            for pragma in _pragmas(cache_kb, read_only=read_only):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool if read_only else QueuePool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options: dict[str, Any] = dict(connection.get_execution_options())
        if options.get("isolation_level") != "AUTOCOMMIT":
            reads = read_only or options.get("freehold_reading", False)
            connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _pragmas(cache_kb: int, *, read_only: bool) -> list[str]:
    if read_only:
        return [f"cache_size = -{cache_kb}", "query_only = ON"]
    return [
        "auto_vacuum = INCREMENTAL",  # only heeded while the file is new, and only before the next line
        "journal_mode = TRUNCATE",
        "synchronous = FULL",
        "mmap_size = 0",
        "cache_spill = OFF",  # a page written before the commit costs a flush of its own, and locks readers out
        "foreign_keys = ON",
        "secure_delete = ON",  # what retention removes shall be gone
        f"cache_size = -{cache_kb}",
    ]
