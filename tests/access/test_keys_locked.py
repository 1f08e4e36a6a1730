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
from freehold.core.errors import StoreError


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


def test_a_new_file_that_is_locked_holds_nobody_up_however_often_it_is_asked_for(
    keys: Keys, path: Path
) -> None:
    _, token = keys.create("laptop")
    new = path.with_name("new.db")
    with contextlib.closing(Keys(new, path.with_name("secret"))) as elsewhere:
        _, other = elsewhere.create("desktop")
    with locked(new):
        new.rename(path)
        began = time.monotonic()
        for _ in range(200):
            keys.refresh()
        assert time.monotonic() - began < 3.0, "less than the wait for one lock"
        assert keys.problem is not None
        assert "locked" in keys.problem.message
        assert keys.find(token) is not None
        assert keys.find(other) is None
    end = time.monotonic() + 10
    while keys.problem is not None:
        assert time.monotonic() < end
        keys.refresh()
    assert keys.find(token) is None
    assert keys.find(other) is not None
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, holder.commit)
        timer.start()
        keys.create("as patient as before")
        timer.join()


def test_a_restored_file_of_another_pepper_leaves_the_known_keys_good(keys: Keys, path: Path) -> None:
    _, token = keys.create("laptop")
    folder = path.with_name("other")
    with contextlib.closing(Keys(folder / "access.db", folder / "secret")) as elsewhere:
        elsewhere.create("desktop")
    kept = path.rename(path.with_name("kept.db"))
    (folder / "access.db").rename(path)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:  # long enough for a second try to open it
        keys.refresh()
        assert keys.problem is not None
        assert "secret" in keys.problem.message
        assert keys.find(token) is not None
        time.sleep(0.1)
    with pytest.raises(StoreError, match="secret"):
        keys.create("refused")
    kept.rename(path)
    keys.create("taken over at once, for somebody wants it")
    keys.refresh()
    assert keys.problem is None
    assert keys.find(token) is not None
