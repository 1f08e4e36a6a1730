"""Migrations and the tables that the rooms declare must say the same."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from databases import change, rows
from sqlalchemy import Engine, MetaData, create_engine

import freehold
import freehold.access.tables
import freehold.batches.tables
import freehold.compare.tables
import freehold.engine.steered.tables
import freehold.ledger.tables
import freehold.limits.tables
import freehold.rollout.shadow.tables  # which adds its table to the others
import freehold.rollout.tables
from freehold.core.errors import StoreError
from freehold.ledger.bodies import Packer
from freehold.ledger.reading import LedgerReader
from freehold.store.database import open_database, open_to_read
from freehold.store.migrate import History, head_of
from freehold.store.places import Place
from freehold.store.server import server_engine

ROOMS: list[tuple[History, MetaData]] = [
    ("ledger", freehold.ledger.tables.metadata),
    ("access", freehold.access.tables.metadata),
    ("batches", freehold.batches.tables.metadata),
    ("limits", freehold.limits.tables.metadata),
    ("steering", freehold.engine.steered.tables.metadata),
    ("compare", freehold.compare.tables.metadata),
    ("rollout", freehold.rollout.tables.metadata),
]
SOURCE = Path(freehold.__file__ or "").parent.parent
MIGRATIONS = SOURCE / "freehold" / "store" / "migrations"


def shape_of(engine: Engine) -> dict[str, Any]:
    """Everything that SQLite knows about the tables, in a form that can be compared."""
    shape: dict[str, Any] = {}
    with engine.connect() as connection:

        def ask(pragma: str) -> list[dict[str, Any]]:
            return [dict(row._mapping) for row in connection.exec_driver_sql(f"PRAGMA {pragma}")]

        found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'").all()
        for table, text in found:
            if table == "alembic_version" or table.startswith("sqlite_"):
                continue
            indexes = {}
            for index in ask(f"index_list('{table}')"):
                columns = [
                    (row["name"], row["desc"]) for row in ask(f"index_xinfo('{index['name']}')") if row["key"]
                ]
                name = index["name"] if index["origin"] == "c" else tuple(columns)
                indexes[name] = (columns, index["unique"], index["partial"])
            shape[table] = (ask(f"table_info('{table}')"), indexes, "AUTOINCREMENT" in text)
    return shape


@pytest.mark.parametrize(("history", "declared"), ROOMS)
def test_migrations_make_the_tables_that_the_room_declares(
    history: History, declared: MetaData, tmp_path: Path
) -> None:
    migrated = open_database(tmp_path / "migrated.db", history)
    created = create_engine(f"sqlite:///{tmp_path / 'created.db'}")
    declared.create_all(created)
    try:
        assert shape_of(migrated) == shape_of(created)
    finally:
        migrated.dispose()
        created.dispose()


@pytest.mark.parametrize("history", ["ledger", "access"])
def test_migrations_are_numbered_without_a_hole_and_each_follows_the_one_before(history: History) -> None:
    before: str | None = None
    for number, file in enumerate(sorted((MIGRATIONS / history).glob("*.py")), start=1):
        assert re.fullmatch(rf"r{number:04}_[a-z0-9_]+\.py", file.name)
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert (module.revision, module.down_revision) == (f"{number:04}", before)
        before = module.revision
    assert before == head_of(history)


def test_a_database_of_a_newer_freehold_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "access.db"
    open_database(path, "access").dispose()
    for revision in ("0999", "a3f9c1"):
        with sqlite3.connect(path) as direct:
            direct.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        direct.close()
        for open_ in (open_database, open_to_read):
            with pytest.raises(StoreError, match="newer Freehold") as caught:
                open_(path, "access")
            assert str(path) in caught.value.message
            assert revision in caught.value.message
            assert caught.value.hint is not None


def test_a_reader_does_not_change_a_database_of_an_older_form(tmp_path: Path) -> None:
    path = tmp_path / "access.db"
    open_database(path, "access").dispose()
    with sqlite3.connect(path) as direct:
        direct.execute("UPDATE alembic_version SET version_num = '0000'")
    direct.close()
    with pytest.raises(StoreError, match="older form"):
        open_to_read(path, "access")


def test_a_second_start_does_not_load_alembic(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from freehold.store.database import open_database;"
        "open_database(pathlib.Path(sys.argv[1]), 'ledger').dispose(); print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "ledger.db")]
    said = [
        subprocess.run(
            command, env={"PYTHONPATH": str(SOURCE)}, capture_output=True, check=True, text=True
        ).stdout
        for _ in range(2)
    ]
    assert said == ["True\n", "False\n"]


def test_the_view_for_people_has_every_fact_of_a_call(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "ledger.db", "ledger")
    with engine.connect() as connection:
        columns = set(connection.exec_driver_sql("SELECT * FROM named_calls").keys())
    engine.dispose()
    assert columns == set(freehold.ledger.tables.calls.c.keys())


def test_bodies_of_the_first_form_are_still_those_of_their_calls(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    sqlite3.connect(path).close()
    first = create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("version_locations", str(MIGRATIONS / "ledger"))
    config.set_main_option("path_separator", "newline")
    with first.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO names VALUES (1, 'chat'), (2, 'answered'), (3, 'unknown')")
        packer = Packer()
        for number, body in enumerate((b"first", b"second")):
            packer.pack(body, 20_000)
            ((place, stored),) = packer.take_fresh()
            connection.exec_driver_sql(
                "INSERT INTO bodies VALUES (?, ?, 20000, ?, ?)",
                (number + 7, place.digest, len(stored), stored),
            )
            connection.exec_driver_sql(
                "INSERT INTO calls (id, started_us, operation, dialect, streamed, status, outcome, usage_source,"
                " duration_us, request_bytes, answer_bytes, request_digest)"
                " VALUES (?, 1, 1, 1, 0, 200, 2, 3, 5, 5, 0, ?)",
                (f"call_{number}", place.digest),
            )
    first.dispose()
    open_database(path, "ledger").dispose()
    reader = LedgerReader(path)
    assert [reader.call(f"call_{number}").call.request_body for number in range(2)] == [b"first", b"second"]
    assert reader.extent().bodies == 2


def test_calls_from_before_decisions_are_calls_without_one(place: Place) -> None:
    _make_form(place, "0004")
    change(place, "INSERT INTO names (name) VALUES ('chat'), ('answered'), ('unknown')")
    numbers = dict(rows(place, "SELECT name, id FROM names"))
    chat, answered, unknown = (numbers[word] for word in ("chat", "answered", "unknown"))
    change(
        place,
        "INSERT INTO calls (id, started_us, operation, dialect, streamed, status, outcome, usage_source, duration_us,"
        f" request_bytes, answer_bytes)"
        f" VALUES ('call_1', 1, {chat}, {chat}, false, 200, {answered}, {unknown}, 5, 5, 0)",
    )
    open_database(place, "ledger").dispose()
    assert rows(place, "SELECT version_num FROM alembic_version") == [(head_of("ledger"),)]
    assert rows(place, "SELECT id, decision, mirrors FROM named_calls") == [("call_1", None, None)]
    call = LedgerReader(place).call("call_1").call
    assert (call.operation, call.decision, call.mirrors) == ("chat", None, None)


def _make_form(place: Place, revision: str) -> None:
    """Tables of the ledger as an older Freehold made them, on a server in partitions."""
    if isinstance(place, Path):
        place.parent.mkdir(mode=0o700)
        sqlite3.connect(place).close()
        engine = create_engine(f"sqlite:///{place}")
    else:
        change(place, "DROP SCHEMA freehold_ledger CASCADE")
        change(place, "CREATE SCHEMA freehold_ledger")
        engine = server_engine(place, "ledger", patience=10)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("version_locations", str(MIGRATIONS / "ledger"))
    config.set_main_option("path_separator", "newline")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
