"""The door looks at the database of keys for newcomers, and strangers cannot make it do that all the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold.access.key import Key
from freehold.access.keys import Keys
from freehold.gateway.door import LOOKS_PER_SECOND, MOST_LOOKS, Door


class CountedKeys:
    """Keys that count how often they were refreshed."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.refreshed = 0

    def find(self, token: str | bytes) -> Key | None:
        return self._keys.find(token)

    def refresh(self) -> None:
        self.refreshed += 1
        self._keys.refresh()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Keys]:
    """The keys as another process changes them."""
    with closing(Keys(tmp_path / "access.db", tmp_path / "secret")) as keys:
        yield keys


@pytest.fixture
def here(elsewhere: Keys, tmp_path: Path) -> Iterator[CountedKeys]:
    with closing(Keys(tmp_path / "access.db", tmp_path / "secret")) as keys:
        yield CountedKeys(keys)


def test_a_new_key_is_let_in_at_once_even_just_after_a_stranger(elsewhere: Keys, here: CountedKeys) -> None:
    door = Door(here, lambda: 0.0)
    for number in range(5):
        assert door.find(b"fh-stranger") is None
        _, token = elsewhere.create(f"newcomer {number}")
        assert door.find(token.encode()) is not None


def test_a_known_key_costs_no_look(elsewhere: Keys, here: CountedKeys) -> None:
    _, token = elsewhere.create("regular")
    door = Door(here, lambda: 0.0)
    for _ in range(100):
        assert door.find(token.encode()) is not None
    assert here.refreshed == 1


def test_strangers_cause_a_bounded_number_of_looks(here: CountedKeys) -> None:
    now = 100.0
    door = Door(here, lambda: now)
    for _ in range(4000):
        now += 1 / 1024
        assert door.find(b"fh-stranger") is None
    expected = MOST_LOOKS + LOOKS_PER_SECOND * 4000 / 1024
    assert expected - 2 <= here.refreshed <= expected
    now += 3600
    for _ in range(100):
        door.find(b"fh-stranger")
    assert here.refreshed <= expected + MOST_LOOKS, "a quiet hour does not save up for a storm"
