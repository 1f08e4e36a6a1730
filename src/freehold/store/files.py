"""How SQLite is set up.

A rollback journal, and every commit flushed to the disk: what is committed survives the sudden end of the
process and of the machine. Not the write-ahead log that SQLite also has, although readers and the writer would
then never wait for each other: its index is a mapped file, and touching a mapped page of a file that has become
immutable, or of a btrfs disk that is full, ends the process with a bus error. A full disk must not stop answers.
Every write transaction takes the write lock when it begins, so that it never fails half-way for want of it.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool


def make_file(path: Path) -> None:
    """Make the file when it is missing (mode 0600), and its folder. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made here so that nobody else can read it even for a moment; its companions inherit the mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def file_engine(path: Path, *, busy_ms: int, cache_kb: int, read_only: bool = False) -> Engine:
    """An engine on a file that is there. Connects to nothing yet."""
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
