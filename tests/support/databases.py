"""Databases for tests: the same test with files and with a real PostgreSQL server.

A test that asks for `place` (or, once for a module, `module_place`) is run with both; where no server is installed,
the half with the server is skipped.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from postgres_server import PostgresServer, programs, serving

from freehold.core.secret import Secret
from freehold.store.database import open_database
from freehold.store.migrate import History
from freehold.store.places import Place, Server

HISTORIES: tuple[History, ...] = ("access", "ledger", "batches")
KINDS = ("sqlite", "postgresql")
NOT_INSTALLED = "PostgreSQL is not installed: `apt install postgresql`"


class Databases:
    """A server, and databases on it whose tables are made already: by copying, which is ten times as fast."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._made = server.make_database()
        for history in HISTORIES:
            open_database(place_of(self._made), history).dispose()

    def make(self) -> Server:
        """A place on a database of its own, with empty tables."""
        place = place_of(self.server.make_database(like=self._made))
        assert isinstance(place, Server)
        return place

    def drop(self, place: Server) -> None:
        """Throw a database away."""
        self.server.drop_database(place.url.reveal())


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The server of this session. Nothing on it is flushed to the disk."""
    if programs() is None:
        pytest.skip(NOT_INSTALLED)
    with serving() as server:
        yield Databases(server)


@pytest.fixture(scope="module")
def own() -> Iterator[Databases]:
    """A server that nobody else uses, so that it can be stopped."""
    with serving() as server:
        yield Databases(server)


@pytest.fixture(params=KINDS)
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Place]]:
    """Makes as many places as are needed, each with a database of its own; of each kind in turn."""
    made: list[Server] = []

    def make() -> Place:
        if request.param == "sqlite":
            return Path(tempfile.mkdtemp(dir=tmp_path)) / "data" / "ledger.db"
        made.append(request.getfixturevalue("databases").make())
        return made[-1]

    yield make
    for place in made:
        request.getfixturevalue("databases").drop(place)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where a database is, of each kind in turn."""
    yield from _place(request, tmp_path)


@pytest.fixture(params=KINDS, scope="module")
def module_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """As `place`, for all tests of a module together."""
    yield from _place(request, tmp_path_factory.mktemp("module"))


def _place(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        yield folder / "data" / "ledger.db"
        return
    databases: Databases = request.getfixturevalue("databases")
    place = databases.make()
    yield place
    databases.drop(place)


def place_of(text: str) -> Place:
    """A place from the words that `text_of` made of it."""
    return Server(Secret(text, "test")) if "://" in text else Path(text)


def text_of(place: Place) -> str:
    """A place in words, for another process."""
    return str(place) if isinstance(place, Path) else place.url.reveal()


def rows(place: Place, query: str, history: History = "ledger") -> list[tuple[Any, ...]]:
    """What a query answers, asked past our own code."""
    if isinstance(place, Path):
        direct = sqlite3.connect(place)
        try:
            return list(direct.execute(query))
        finally:
            direct.close()
    with psycopg.connect(place.url.reveal(), options=f"-c search_path=freehold_{history}") as connection:
        return list(connection.execute(query.encode()))


def change(place: Place, statement: str, history: History = "ledger") -> None:
    """Change something past our own code."""
    if isinstance(place, Path):
        with sqlite3.connect(place) as direct:
            direct.execute(statement)
        direct.close()
        return
    with psycopg.connect(place.url.reveal(), options=f"-c search_path=freehold_{history}") as connection:
        connection.execute(statement.encode())
