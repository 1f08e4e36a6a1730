"""How PostgreSQL is spoken to.

Each kind of database has a schema of its own, `freehold_ledger` and so on, chosen anew in every transaction, and
nothing is prepared: so a pooler that lends out connections for one transaction does no harm.

A server that hangs keeps its connections open and says nothing, and no setting of it or of the network notices.
So whoever waits has a patience: after that the connection is given up, and the error says so.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from freehold.core.errors import StoreError
from freehold.core.extras import how_to_install
from freehold.store.places import Server

_CONNECTING = 2
"""Times the patience for one statement: it takes up to eight rounds, with encryption and a password."""
_NETWORK: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""When a machine has gone without a word, the network tells within half a minute."""
_LOCK_NOT_AVAILABLE = "55P03"
Lock = Literal["migrations", "order of calls", "upkeep", "order of feedback", "audit", "pairs"]
_LOCKS: dict[Lock, int] = {
    "migrations": 0x_F4EE_4014_0001,
    "order of calls": 0x_F4EE_4014_0002,
    "upkeep": 0x_F4EE_4014_0003,
    "order of feedback": 0x_F4EE_4014_0004,
    "audit": 0x_F4EE_4014_00A0,
    "pairs": 0x_F4EE_4014_00B0,
}
"""Numbers that nobody else who uses the database will think of."""


def schema_of(history: str) -> str:
    """The schema that a kind of database has on a server."""
    return f"freehold_{history}"


def server_engine(server: Server, history: str, *, patience: float, read_only: bool = False) -> Engine:
    """An engine on the schema of `history`. Connects to nothing yet.

    `patience`: seconds that one statement may take; connecting twice that, and half of it a lock that somebody
    else holds.
    Raises StoreError: the driver is not installed.
    """
    try:
        import psycopg  # noqa: F401, PLC0415 - whoever keeps everything in files does not need it
    except ImportError as error:
        raise StoreError(
            f"`{server}` needs the package `psycopg`, which is not installed.",
            hint=how_to_install("postgres"),
        ) from error

    made: list[Any] = []

    def connect() -> Any:
        from freehold.store.patience import Patient  # noqa: PLC0415

        connection = Patient.connect(
            server.url.reveal(),
            connect_timeout=max(2, int(_CONNECTING * patience)),
            prepare_threshold=None,
            application_name="freehold",
            **_NETWORK,
        )
        connection.patience = patience
        made[:] = [one for one in made if not one.closed]
        made.append(connection)
        return connection

    engine = create_engine(
        "postgresql+psycopg://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=2,
        max_overflow=8,
        pool_pre_ping=True,
    )
    # Whoever only reads need not say when it is done.
    weakref.finalize(engine, _close_all, made)
    settings = {
        "search_path": schema_of(history),
        "statement_timeout": str(int(patience * 1000)),
        "lock_timeout": str(int(patience * 500)),
    }
    if read_only:
        settings["transaction_read_only"] = "on"
    text = f"SELECT {', '.join(['set_config(%s, %s, true)'] * len(settings))}"
    values = tuple(word for pair in settings.items() for word in pair)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql(text, values)

    return engine


@contextmanager
def without_waiting(connection: Connection) -> Iterator[None]:
    """What is done here is left undone when somebody else holds what it needs: a reader may take its time, and
    whoever waits for him keeps all the others waiting.
    """
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
            yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise


def _close_all(connections: list[Any]) -> None:
    for connection in connections:
        connection.close()


def set_patience(connection: Connection, seconds: float) -> None:
    """How long each further statement of this connection may take."""
    driver: Any = connection.connection.driver_connection
    driver.patience = seconds


def is_server(connection: Connection) -> bool:
    """Whether it leads to a PostgreSQL server."""
    return connection.dialect.name == "postgresql"


def take_lock(connection: Connection, lock: Lock) -> None:
    """Wait until nobody else holds this lock; it is held until the end of the transaction."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCKS[lock],))


def try_lock(connection: Connection, lock: Lock) -> bool:
    """Take this lock, unless somebody else holds it."""
    return bool(
        connection.exec_driver_sql("SELECT pg_try_advisory_xact_lock(%s)", (_LOCKS[lock],)).scalar_one()
    )
