"""Opens a database, in a file or on a server: whoever uses it need not know which."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from freehold.core.errors import StoreError
from freehold.store.faults import Fault, fault_of
from freehold.store.files import file_engine, make_file
from freehold.store.migrate import History, bring_up_to_date, check_revision, revision_of
from freehold.store.places import Place, Server
from freehold.store.server import server_engine

PATIENCE = 5.0
"""Seconds that a server may take over one statement."""
_READERS_PATIENCE = 60.0
_SIZE = """
    SELECT sum(pg_total_relation_size(oid)) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"""
_FILE_HINTS = {
    Fault.FULL: "Free some space on its disk.",
    Fault.LOCKED: "Another program holds it; wait, or end that program.",
    Fault.READ_ONLY: "Let the user that runs Freehold write to the file and its folder, or choose another folder: "
    "`data` in freehold.toml.",
    Fault.MISSING: "Check that its folder exists and may be written to.",
    Fault.DAMAGED: "Move the file aside; Freehold begins a new one.",
}
_SERVER_HINTS = {
    Fault.FULL: "Free some space on the server's disk.",
    Fault.LOCKED: "Look at what runs on the server: `SELECT * FROM pg_stat_activity`.",
    Fault.READ_ONLY: "This server only follows another one; name that one in the URL of `database.url`.",
    Fault.UNMADE: "Make it: `createdb NAME`.",
    Fault.AWAY: "Check that the server runs and can be reached from here.",
    Fault.BUSY: "Raise the server's `max_connections`, or put a pooler before it.",
    Fault.REFUSED: "Check user and password in the URL that `database.url` refers to.",
    Fault.FORBIDDEN: "Let the user make schemas: `GRANT CREATE ON DATABASE name TO user`.",
    Fault.DAMAGED: "Put the server's data back from a backup.",
}


def open_database(
    place: Place, history: History, *, busy_ms: int = 5000, cache_kb: int = 2000, patience: float = PATIENCE
) -> Engine:
    """An engine on the database at `place`, made when missing (a file with mode 0600) and brought up to date.

    `busy_ms` is how long to wait for another process's lock on a file, `patience` how many seconds a server may
    take over one statement. Raises StoreError: it cannot be used, or it was written by a newer Freehold.
    """
    if isinstance(place, Path):
        try:
            make_file(place)
            engine = file_engine(place, busy_ms=busy_ms, cache_kb=cache_kb)
        except OSError as error:
            raise unusable(place, error) from error
    else:
        engine = server_engine(place, history, patience=patience)
    try:
        with store_errors(place):
            bring_up_to_date(engine, history, place)
    except BaseException:
        engine.dispose()
        raise
    return engine


def open_to_read(
    place: Place, history: History, *, busy_ms: int = 5000, patience: float = _READERS_PATIENCE
) -> Engine:
    """An engine that can only read the database at `place`. Changes nothing, not even its revision.

    Raises StoreError: there is no such database, it cannot be read, or it is of another revision.
    """
    if isinstance(place, Path):
        if not place.exists():
            raise StoreError(f"There is no database at `{place}` yet.", hint="`freehold up` makes it.")
        engine = file_engine(place, busy_ms=busy_ms, cache_kb=8000, read_only=True)
    else:
        engine = server_engine(place, history, patience=patience, read_only=True)
    try:
        with store_errors(place):
            check_revision(engine, history, place)
    except BaseException:
        engine.dispose()
        raise
    return engine


def ask_server(server: Server) -> tuple[int, float]:
    """The version of a server (`150004`), and how many seconds it takes to answer. Raises StoreError."""
    engine = server_engine(server, "ledger", patience=PATIENCE, read_only=True)
    try:
        with store_errors(server), engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
            began = time.perf_counter()
            version = connection.exec_driver_sql(
                "SELECT current_setting('server_version_num')::int"
            ).scalar_one()
            return int(version), time.perf_counter() - began
    finally:
        engine.dispose()


def is_made(place: Place, history: History) -> bool:
    """Whether there is such a database. Raises StoreError: the server cannot be asked."""
    if isinstance(place, Path):
        return place.exists()
    engine = server_engine(place, history, patience=PATIENCE, read_only=True)
    try:
        with store_errors(place), engine.connect() as connection:
            return revision_of(connection) is not None
    finally:
        engine.dispose()


def size_on_disk(place: Place, connection: Connection) -> int:
    """Bytes that the database takes, on a server with its indexes."""
    if isinstance(place, Path):
        return place.stat().st_size
    return int(connection.exec_driver_sql(_SIZE).scalar_one() or 0)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction, committed at the end; a file's holds the write lock from its first moment."""
    with engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that sees one state of the database. A file's commits wait for its end."""
    options: dict[str, object] = {"freehold_reading": True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


@contextmanager
def store_errors(place: Place) -> Iterator[None]:
    """Turns the driver's errors into StoreError, which names the database, the fault and the next step."""
    try:
        yield
    except DBAPIError as error:
        raise unusable(place, error) from error


def unusable(place: Place, error: BaseException) -> StoreError:
    """The StoreError that says why the database at `place` cannot be used."""
    fault = fault_of(error)
    told = " ".join(str(getattr(error, "orig", None) or error).split())
    detail = f"{fault} ({told})" if fault.value not in told else told
    hints = _FILE_HINTS if isinstance(place, Path) else _SERVER_HINTS
    return StoreError(f"The database `{place}` cannot be used: {detail}.", hint=hints.get(fault))
