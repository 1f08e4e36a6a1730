from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

import freehold
from freehold.core.errors import StoreError
from freehold.store.database import (
    open_database,
    open_to_read,
    reading,
    store_errors,
    writing,
)
from freehold.store.files import give_back_space

SOURCE = str(Path(freehold.__file__ or "").parent.parent)
Opener = Callable[..., Engine]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "access.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Opener]:
    engines: list[Engine] = []

    def open_(busy_ms: int = 5000) -> Engine:
        engines.append(open_database(path, "access", busy_ms=busy_ms))
        return engines[-1]

    yield open_
    for engine in engines:
        engine.dispose()


def add(engine: Engine, number: int) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO pepper VALUES (?, ?)", (number, b"x"))


def numbers(engine: Engine) -> list[int]:
    with reading(engine) as connection:
        return list(connection.exec_driver_sql("SELECT id FROM pepper ORDER BY id").scalars())


def test_the_files_and_their_folder_are_nobody_elses(path: Path, opened: Opener) -> None:
    old = os.umask(0)
    try:
        add(opened(), 1)
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert modes == {"access.db": 0o600, "access.db-journal": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_sqlite_is_set_up_to_lose_nothing_and_to_map_nothing(opened: Opener) -> None:
    with reading(opened()) as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in (
                "journal_mode",
                "synchronous",
                "auto_vacuum",
                "secure_delete",
                "foreign_keys",
                "mmap_size",
            )
        }
    assert found == {
        "journal_mode": "truncate",
        "synchronous": 2,
        "auto_vacuum": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
        "mmap_size": 0,
    }


def test_a_reader_sees_one_state_while_others_wait_to_commit(opened: Opener) -> None:
    engine, other = opened(), opened(busy_ms=20)
    add(engine, 1)
    with reading(engine) as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM pepper").scalar()
        with pytest.raises(OperationalError, match="locked"):
            add(other, 2)
        assert connection.exec_driver_sql("SELECT count(*) FROM pepper").scalar() == before == 1
    add(other, 3)
    assert numbers(engine) == [1, 3]


def test_a_write_that_fails_leaves_nothing_behind(opened: Opener) -> None:
    engine = opened()
    with pytest.raises(ZeroDivisionError), writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO pepper VALUES (1, x'00')")
        _ = 1 / 0
    assert numbers(engine) == []


def test_a_transaction_that_writes_holds_the_lock_from_its_beginning(path: Path, opened: Opener) -> None:
    with (
        writing(opened()),
        pytest.raises(StoreError) as caught,
        store_errors(path),
        writing(opened(busy_ms=20)),
    ):
        pass
    assert str(path) in caught.value.message
    assert "locked by another process" in caught.value.message
    assert caught.value.hint is not None


def test_reading_needs_no_lock_and_can_change_nothing(path: Path, opened: Opener) -> None:
    engine = opened()
    add(engine, 1)
    only_reads = open_to_read(path, "access", busy_ms=20)
    with writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO pepper VALUES (2, x'00')")
        assert numbers(only_reads) == [1]
    with pytest.raises(StoreError, match="read-only"), store_errors(path):
        add(only_reads, 3)
    only_reads.dispose()


KILLED_IN_A_COMMIT = """
import os, pathlib, signal, sys
from freehold.store.database import *
engine = open_database(pathlib.Path(sys.argv[1]), "access")
with writing(engine) as connection:
    connection.exec_driver_sql("INSERT INTO pepper VALUES (1, x'00')")
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    for pragma in ("cache_size = 10", "cache_spill = ON"):  # so that it writes to the file before it commits
        connection.exec_driver_sql("PRAGMA " + pragma)
with writing(engine) as connection:
    for number in range(2, 500):
        connection.exec_driver_sql("INSERT INTO pepper VALUES (?, zeroblob(5000))", (number,))
        connection.exec_driver_sql("UPDATE pepper SET check_value = x'11' WHERE id = ?", (number // 2,))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_reader_can_read_what_a_process_killed_in_a_commit_has_left(path: Path) -> None:
    command = [sys.executable, "-c", KILLED_IN_A_COMMIT, str(path)]
    killed = subprocess.run(command, env={"PYTHONPATH": SOURCE}, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.with_name("access.db-journal").stat().st_size > 0
    assert path.stat().st_size > 32_768
    engine = open_to_read(path, "access")
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT * FROM pepper").all() == [(1, b"\0")]
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    engine.dispose()


def test_there_is_nothing_to_read_before_something_was_written(path: Path) -> None:
    with pytest.raises(StoreError, match="no database"):
        open_to_read(path, "access")
    path.parent.mkdir()
    path.touch()
    with pytest.raises(StoreError, match="nothing in the database"):
        open_to_read(path, "access")


def test_what_is_no_database_is_said_to_be_damaged(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is a diary, not a database" * 100)
    with pytest.raises(StoreError, match="damaged"):
        open_database(path, "access")
    assert path.read_bytes().startswith(b"this is a diary")


def test_a_path_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        open_database(tmp_path / "file" / "access.db", "access")
    with pytest.raises(StoreError, match="cannot be used"):
        open_database(tmp_path, "access")


def test_odd_characters_in_the_path_are_just_characters(tmp_path: Path) -> None:
    folder = tmp_path / "a % b?mode=memory#c ä"
    engine = open_database(folder / "access.db", "access")
    add(engine, 1)
    engine.dispose()
    assert (folder / "access.db").stat().st_size > 0


def test_space_that_was_freed_goes_back_to_the_disk(path: Path, opened: Opener) -> None:
    engine = opened()
    with writing(engine) as connection:
        for number in range(1500):
            connection.exec_driver_sql("INSERT INTO pepper VALUES (?, zeroblob(8000))", (number,))
    with writing(engine) as connection:
        connection.exec_driver_sql("DELETE FROM pepper WHERE id > 10")
        before = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    steps = 0
    more = True
    while more:
        with writing(engine) as connection:
            more = give_back_space(connection, pages=250)
        steps += 1
    with reading(engine) as connection:
        after = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    assert steps > 3
    assert after < before / 2


def test_two_processes_may_open_a_fresh_database_at_the_same_moment(path: Path) -> None:
    program = (
        "import sys, pathlib; from freehold.store.database import *;"
        "sys.stdin.readline();"
        "engine = open_database(pathlib.Path(sys.argv[1]), 'access'); engine.dispose()"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": SOURCE},
        )
        for _ in range(3)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.flush()
    for child in children:
        _, errors = child.communicate(timeout=20)
        assert (child.returncode, errors) == (0, b"")
