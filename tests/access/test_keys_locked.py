"""Another process holds the database of keys: nobody waits for it, and nothing is missed because of it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.access.keys import Keys


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.db"


@pytest.fixture
def keys(path: Path) -> Iterator[Keys]:
    with contextlib.closing(Keys(path, path.with_name("secret"))) as one:
        yield one


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody may read or write."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        yield


def test_a_refresh_does_not_wait_for_a_lock(keys: Keys, path: Path) -> None:
    _, token = keys.create("laptop")
    with locked(path):
        began = time.monotonic()
        for _ in range(10):
            keys.refresh()
        assert time.monotonic() - began < 1.0
        assert keys.problem is not None
        assert "locked" in keys.problem.message
        assert keys.find(token) is not None, "what was known stays known"
    keys.refresh()
    assert keys.problem is None


def test_what_changed_before_the_lock_is_seen_after_it(keys: Keys, path: Path) -> None:
    key, token = keys.create("lost")
    with contextlib.closing(Keys(path, path.with_name("secret"))) as elsewhere:
        elsewhere.revoke(key.id)
        _, new = elsewhere.create("found")
    with locked(path):
        keys.refresh()
        assert keys.find(token) is not None
    keys.refresh()
    assert keys.find(token) is None
    assert keys.find(new) is not None


def test_changes_do_wait_for_a_lock(keys: Keys, path: Path) -> None:
    """Somebody is there who wants the change; a moment's lock must not cost it."""
    keys.refresh()
    with locked(path):
        keys.refresh()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(0.3, other.commit)
        timer.start()
        began = time.monotonic()
        keys.create("patient")
        assert time.monotonic() - began > 0.2
        timer.join()
