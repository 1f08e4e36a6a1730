"""A PostgreSQL server as a place for databases: made once, whoever starts when; asked with patience; told in words."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from databases import NOT_INSTALLED, Databases, place_of, rows
from postgres_server import PostgresServer, programs, serving
from sqlalchemy import MetaData, inspect
from sqlalchemy.exc import DBAPIError

import freehold
import freehold.access.tables
import freehold.batches.tables
import freehold.ledger.tables
from freehold.core.errors import StoreError
from freehold.core.secret import Secret
from freehold.store.database import ask_server, is_made, open_database, open_to_read, reading, writing
from freehold.store.faults import Fault, fault_of
from freehold.store.migrate import History, head_of
from freehold.store.places import Place, Server, fault_of_url, has_password

pytestmark = pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)

SOURCE = str(Path(freehold.__file__ or "").parent.parent)
SUPPORT = str(Path(__file__).parents[1] / "support")
ROOMS: list[tuple[History, MetaData]] = [
    ("ledger", freehold.ledger.tables.metadata),
    ("access", freehold.access.tables.metadata),
    ("batches", freehold.batches.tables.metadata),
]


@pytest.fixture
def empty(databases: Databases) -> Iterator[Server]:
    """A database with nothing in it."""
    place = place_of(databases.server.make_database())
    assert isinstance(place, Server)
    yield place
    databases.drop(place)


@pytest.fixture(scope="module")
def own() -> Iterator[PostgresServer]:
    with serving() as server:
        yield server


SLIMMER = {"calls_by_start": ["started_us", "route", "key", "model", "outcome"]}
"""Indexes that hold less on a server."""


@pytest.mark.parametrize(("history", "declared"), ROOMS)
def test_migrations_make_the_columns_that_the_room_declares(
    databases: Databases, history: History, declared: MetaData
) -> None:
    place = databases.make()
    engine = open_to_read(place, history)
    found = inspect(engine)
    for table in declared.sorted_tables:
        columns = {one["name"]: one for one in found.get_columns(table.name)}
        assert set(columns) == {column.name for column in table.columns}, table.name
        for column in table.columns:
            one: Any = columns[column.name]
            assert str(one["type"]).removesuffix(' COLLATE "C"') == str(
                column.type.compile(engine.dialect)
            ), column
            assert one["nullable"] == bool(column.nullable), column
        there = {index["name"]: index["column_names"] for index in found.get_indexes(table.name)}
        for index in table.indexes:
            name = str(index.name)
            assert there[name] == SLIMMER.get(name, [column.name for column in index.columns])
    engine.dispose()
    databases.drop(place)


def test_machines_that_start_together_make_the_tables_once(empty: Server) -> None:
    program = (
        "import sys; from databases import place_of; from freehold.store.database import open_database;"
        "sys.stdin.readline();"
        "[open_database(place_of(sys.argv[1]), one).dispose() for one in ('ledger', 'access', 'batches')]"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, empty.url.reveal()],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": f"{SOURCE}:{SUPPORT}"},
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.flush()
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert (child.returncode, errors) == (0, b"")
    for history, _ in ROOMS:
        assert rows(empty, "SELECT version_num FROM alembic_version", history) == [(head_of(history),)]


def test_a_migration_that_fails_leaves_nothing_behind(empty: Server) -> None:
    with psycopg.connect(empty.url.reveal()) as connection:
        connection.execute("CREATE SCHEMA freehold_ledger")
        connection.execute("CREATE TABLE freehold_ledger.gaps (mine int)")
    with pytest.raises(StoreError, match="already exists"):
        open_database(empty, "ledger")
    assert rows(empty, "SELECT tablename FROM pg_tables WHERE schemaname = 'freehold_ledger'") == [("gaps",)]


def test_there_is_nothing_before_the_first_start(empty: Server) -> None:
    assert not is_made(empty, "ledger")
    with pytest.raises(StoreError, match="nothing in the database"):
        open_to_read(empty, "ledger")
    open_database(empty, "ledger").dispose()
    assert is_made(empty, "ledger")
    assert not is_made(empty, "access")


def test_a_database_of_a_newer_freehold_is_left_alone(empty: Server) -> None:
    open_database(empty, "access").dispose()
    with psycopg.connect(empty.url.reveal()) as connection:
        connection.execute("UPDATE freehold_access.alembic_version SET version_num = '0999'")
    for open_ in (open_database, open_to_read):
        with pytest.raises(StoreError, match="newer Freehold"):
            open_(empty, "access")


def test_a_reader_can_change_nothing_and_sees_one_state(databases: Databases) -> None:
    place = databases.make()
    writer, reader = open_database(place, "access"), open_to_read(place, "access")
    count = "SELECT count(*) FROM pepper"
    with reading(reader) as connection:
        assert connection.exec_driver_sql(count).scalar() == 0
        with writing(writer) as other:
            other.exec_driver_sql("INSERT INTO pepper VALUES (1, 'x')")
        assert connection.exec_driver_sql(count).scalar() == 0
        with pytest.raises(Exception, match="read-only") as caught:
            connection.exec_driver_sql("INSERT INTO pepper VALUES (2, 'x')")
        assert fault_of(caught.value) is Fault.READ_ONLY
    writer.dispose()
    reader.dispose()
    databases.drop(place)


def test_who_asks_a_server_that_hangs_is_told_so_in_time(own: PostgresServer) -> None:
    place = place_of(own.url(own.make_database().rpartition("/")[2]))
    engine = open_database(place, "access", patience=1.0)
    try:
        with pytest.raises(DBAPIError, match="no answer within 1 s") as caught, writing(engine) as connection:
            own.freeze()
            began = time.monotonic()
            connection.exec_driver_sql("SELECT 1")
        assert fault_of(caught.value) is Fault.AWAY
        with pytest.raises(DBAPIError, match="timeout expired") as caught, writing(engine):
            pass
        assert fault_of(caught.value) is Fault.AWAY
        assert time.monotonic() - began < 6
    finally:
        own.thaw()
    with writing(engine) as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()


def refused(place: Place) -> StoreError:
    with pytest.raises(StoreError) as caught:
        open_database(place, "access")
    assert "hushhush" not in str(caught.value)
    assert caught.value.hint is not None
    return caught.value


def test_what_is_wrong_with_a_server_is_told_in_words(own: PostgresServer) -> None:
    port = own.port
    own.execute("CREATE ROLE stranger LOGIN")
    own.make_database()
    urls = {
        f"postgresql://freehold:hushhush@127.0.0.1:{port}/nothing": Fault.UNMADE,
        f"postgresql://nobody:hushhush@127.0.0.1:{port}/postgres": Fault.REFUSED,
        f"postgresql://stranger:hushhush@127.0.0.1:{port}/postgres": Fault.FORBIDDEN,
        "postgresql://freehold:hushhush@127.0.0.1:9/postgres": Fault.AWAY,
        "postgresql://freehold:hushhush@127.0.0.1:0/postgres": Fault.AWAY,
    }
    for url, fault in urls.items():
        error = refused(Server(Secret(url, "test")))
        assert fault.value in error.message, url
        assert fault_of(error) is fault


def test_a_server_with_all_its_connections_taken_says_so(own: PostgresServer) -> None:
    own.execute("CREATE DATABASE small CONNECTION LIMIT 0")
    own.execute("CREATE ROLE guest LOGIN")
    place = Server(Secret(own.url("small").replace("freehold@", "guest@"), "test"))
    assert Fault.BUSY.value in refused(place).message


def test_a_server_says_what_it_is_and_how_fast(own: PostgresServer) -> None:
    version, took = ask_server(Server(Secret(own.url(), "test")))
    assert version > 130_000
    assert 0 < took < 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hushhush@db.example:5433/freehold?sslmode=require", "postgresql://db.example:5433/freehold"),
        ("postgres://me@db/freehold", "postgresql://db/freehold"),
        ("postgresql://a:hushhush@one:1,two:2/freehold", "postgresql://one:1,two:2/freehold"),
        ("postgresql:///freehold?host=/run/postgresql&password=hushhush", "postgresql:///run/postgresql/freehold"),
        ("postgresql://me:hush%40hush@[::1]:5432/x", "postgresql://[::1]:5432/x"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_what_is_secret_in_it(url: str, shown: str) -> None:
    server = Server(Secret(url, "test"))
    assert str(server) == shown
    assert "hush" not in repr(server)
    assert has_password(url) == ("hush" in url)
    assert fault_of_url(url) is None


@pytest.mark.parametrize("url", ["mysql://h/d", "postgresql+asyncpg://h/d", "postgresql://h", "nonsense", ""])
def test_what_is_no_address_is_no_address(url: str) -> None:
    assert fault_of_url(url) is not None
