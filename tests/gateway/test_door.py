"""The door looks at the database of keys for newcomers, and strangers cannot make it do that all the time."""

from __future__ import annotations

import asyncio
import time
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

    @property
    def looks(self) -> int:
        return self._keys.looks

    @property
    def looked(self) -> int:
        return self._keys.looked


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
        assert asyncio.run(door.find(b"fh-stranger")) is None
        _, token = elsewhere.create(f"newcomer {number}")
        assert asyncio.run(door.find(token.encode())) is not None


def test_a_new_key_is_let_in_among_strangers_who_have_used_the_looks_up(
    elsewhere: Keys, here: CountedKeys
) -> None:
    async def work() -> None:
        door = Door(here, time.monotonic)
        strangers = [asyncio.ensure_future(door.find(b"fh-stranger")) for _ in range(500)]
        await asyncio.sleep(0)
        _, token = elsewhere.create("newcomer")
        began = time.monotonic()
        assert await door.find(token.encode()) is not None
        assert time.monotonic() - began < 0.5
        assert await asyncio.gather(*strangers) == [None] * 500
        assert here.refreshed <= MOST_LOOKS + 1 + 0.5 * LOOKS_PER_SECOND, "they wait for the same look"

    asyncio.run(work())


def test_a_known_key_costs_no_look(elsewhere: Keys, here: CountedKeys) -> None:
    _, token = elsewhere.create("regular")
    door = Door(here, lambda: 0.0)
    for _ in range(100):
        assert asyncio.run(door.find(token.encode())) is not None
    assert here.refreshed == 1


def test_strangers_cause_a_bounded_number_of_looks(here: CountedKeys) -> None:
    async def work() -> None:
        door = Door(here, time.monotonic)
        began = time.monotonic()

        async def stranger() -> None:
            while time.monotonic() - began < 2.0:
                assert await door.find(b"fh-stranger") is None

        await asyncio.gather(*(stranger() for _ in range(50)))
        took = time.monotonic() - began
        assert MOST_LOOKS + LOOKS_PER_SECOND <= here.refreshed <= MOST_LOOKS + LOOKS_PER_SECOND * took + 2

    asyncio.run(work())
