"""What is remembered of who answered: bounded, kept beyond the process, and never in the way."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from freehold.core.clock import SystemClock
from freehold.engine.steered.filed import FiledShelf
from freehold.engine.steered.makers import AwayError, Batch, Maker, Mark
from freehold.engine.steered.memory import Memory

ONE, TWO = b"1" * 16, b"2" * 16


def now_us() -> int:
    return int(time.time() * 1e6)


class SickShelf:
    """A shelf that fails, or takes its time."""

    shared = True

    def __init__(self, *, takes: float = 0.0) -> None:
        self.takes = takes
        self.asked = 0

    async def read(self, keys: Sequence[bytes]) -> dict[bytes, Maker]:
        return await self._fail()

    async def marks(self) -> list[Mark]:
        await self._fail()
        return []

    async def write(self, batch: Batch) -> None:
        await self._fail()

    def write_now(self, makers: Mapping[bytes, Maker]) -> bool:
        return False

    async def close(self) -> None:
        pass

    async def _fail(self) -> dict[bytes, Maker]:
        self.asked += 1
        await asyncio.sleep(self.takes)
        raise AwayError("the disk is full")


def test_what_was_remembered_is_there_for_the_next_process(tmp_path: Path) -> None:
    async def main() -> None:
        first = Memory(FiledShelf(tmp_path / "steering.db", shared=False), SystemClock())
        maker = Maker("one/m", now_us())
        first.remember({ONE: maker, TWO: maker})
        first.remember({TWO: None})
        first.mark(Mark("away", "chat", "one/m", now_us()))
        await first.close()
        second = Memory(FiledShelf(tmp_path / "steering.db", shared=False), SystemClock())
        assert second.look(ONE) is None
        assert await second.read([ONE, TWO], 5.0) == {ONE: maker}
        assert second.look(ONE) == maker
        assert not second.watches("chat")
        await second.first_marks(5.0)
        assert second.watches("chat")
        assert not second.watches("other")
        await second.close()

    asyncio.run(main())


def test_what_is_written_at_once_is_there_for_others_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        file = tmp_path / "steering.db"
        first, second = (Memory(FiledShelf(file, shared=True), SystemClock()) for _ in range(2))
        await first.read([ONE], 5.0)  # which opens the file
        maker = Maker("one/m", now_us())
        first.remember_now({ONE: maker})
        assert await second.read([ONE], 5.0) == {ONE: maker}
        await first.close()
        await second.close()

    asyncio.run(main())


def test_an_older_answer_does_not_take_the_place_of_a_newer_one(tmp_path: Path) -> None:
    async def main() -> None:
        shelf = FiledShelf(tmp_path / "steering.db", shared=True)
        await shelf.write(Batch({ONE: Maker("new/m", now_us())}, {}))
        await shelf.write(Batch({ONE: Maker("old/m", now_us() - 1_000_000)}, {}))
        assert (await shelf.read([ONE]))[ONE].model == "new/m"
        await shelf.close()

    asyncio.run(main())


def test_old_makers_are_forgotten(tmp_path: Path) -> None:
    async def main() -> None:
        shelf = FiledShelf(tmp_path / "steering.db", shared=False)
        old = Maker("one/m", now_us() - 90_000_000_000)
        await shelf.write(Batch({ONE: old}, {}))
        memory = Memory(shelf, SystemClock())
        assert await memory.read([ONE], 5.0) == {}
        await memory.close()
        with sqlite3.connect(tmp_path / "steering.db") as connection:
            assert connection.execute("SELECT count(*) FROM makers").fetchone() == (0,)
        connection.close()

    asyncio.run(main())


def test_the_file_is_nobody_else_s_to_read(tmp_path: Path) -> None:
    async def main() -> None:
        shelf = FiledShelf(tmp_path / "steering.db", shared=False)
        await shelf.write(Batch({ONE: Maker("one/m", now_us())}, {}))
        await shelf.close()

    asyncio.run(main())
    assert (tmp_path / "steering.db").stat().st_mode & 0o777 == 0o600


def test_a_file_that_goes_is_made_anew(tmp_path: Path) -> None:
    async def main() -> None:
        file = tmp_path / "steering.db"
        shelf = FiledShelf(file, shared=False)
        await shelf.write(Batch({ONE: Maker("one/m", now_us())}, {}))
        assert await shelf.read([ONE])
        file.unlink()
        await shelf.write(Batch({TWO: Maker("two/m", now_us())}, {}))
        assert set(await shelf.read([ONE, TWO])) == {TWO}
        await shelf.close()

    asyncio.run(main())


def test_in_the_process_there_is_room_for_so_many() -> None:
    memory = Memory(None, SystemClock(), most=100)
    for number in range(1000):
        memory.remember({number.to_bytes(16, "big"): Maker("one/m", now_us())})
        memory.look((0).to_bytes(16, "big"))  # which is used all the time, and stays
    assert memory.look((0).to_bytes(16, "big")) is not None
    assert memory.look((1).to_bytes(16, "big")) is None
    assert memory.look((999).to_bytes(16, "big")) is not None


def test_a_shelf_that_fails_is_told_of_once_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        shelf = SickShelf()
        memory = Memory(shelf, SystemClock())
        for _ in range(50):
            memory.remember({ONE: Maker("one/m", now_us())})
            assert await memory.read([TWO], 1.0) == {}
        await memory.flush()
        assert shelf.asked <= 3
        assert memory.dropped == 1
        assert memory.look(ONE) is not None

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "who answered is remembered in this process alone for now"
    ]


def test_nobody_waits_for_a_slow_shelf_longer_than_he_likes() -> None:
    async def main() -> None:
        memory = Memory(SickShelf(takes=30.0), SystemClock())
        memory.remember({ONE: Maker("one/m", now_us())})
        began = time.monotonic()
        assert await memory.read([TWO], 0.02) == {}
        await memory.settle(0.02)
        assert time.monotonic() - began < 5.0

    asyncio.run(main())


def test_rows_that_wait_are_bounded() -> None:
    memory = Memory(SickShelf(), SystemClock())
    for number in range(30_000):
        memory.remember({number.to_bytes(16, "big"): Maker("one/m", now_us())})
    assert memory.dropped == 10_000


def test_of_too_many_rows_the_oldest_go(tmp_path: Path) -> None:
    async def main() -> None:
        now = time.time()
        shelf = FiledShelf(tmp_path / "steering.db", shared=False, clock=lambda: now, most=1000)
        at_us = int(now * 1e6)
        keys = [number.to_bytes(16, "big") for number in range(12_000)]
        await shelf.write(Batch({keys[0]: Maker("one/m", at_us)}, {}))
        makers = {key: Maker("one/m", at_us + place) for place, key in enumerate(keys)}
        now += 61.0
        await shelf.write(Batch(dict(makers), {}))
        assert list(await shelf.read(keys)) == keys[-1000:]
        await shelf.close()

    asyncio.run(main())
