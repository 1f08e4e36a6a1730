"""Replicas remember at a Valkey or Redis server who answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkey_server import PROGRAM, ValkeyServer

from freehold.core.clock import SystemClock
from freehold.engine.steered.makers import AwayError, Batch, Maker, Mark
from freehold.engine.steered.memory import Memory
from freehold.engine.steered.shared import SharedShelf

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="neither valkey-server nor redis-server is installed")

ONE, TWO = b"1" * 16, b"2" * 16


def now_us() -> int:
    return int(time.time() * 1e6)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path) as running:
        yield running


def test_what_one_remembers_the_other_knows(server: ValkeyServer) -> None:
    async def main() -> None:
        first, second = (Memory(SharedShelf(server.url), SystemClock()) for _ in range(2))
        maker = Maker("one/m with words", now_us())
        first.remember({ONE: maker, TWO: maker})
        first.mark(Mark("away", "chat é", "one/m with words", now_us()))
        await first.flush()
        assert await second.read([ONE, TWO, b"3" * 16], 5.0) == {ONE: maker, TWO: maker}
        await second.first_marks(5.0)
        assert second.watches("chat é")
        first.remember({TWO: None})
        await first.flush()
        assert await second.read([TWO], 5.0, passing=TWO) == {}
        assert second.look(TWO) is None
        await first.close()
        await second.close()

    asyncio.run(main())


def test_a_mark_never_goes_back_in_time(server: ValkeyServer) -> None:
    async def main() -> None:
        shelf = SharedShelf(server.url)
        for at_us in (5_000, 9_000, 7_000):
            mark = Mark("released", "chat", "one/m", at_us)
            await shelf.write(Batch({}, {("released", "chat", "one/m"): mark}))
        assert [mark.at_us for mark in await shelf.marks()] == [9_000]
        await shelf.close()

    asyncio.run(main())


def test_many_are_written_in_portions(server: ValkeyServer) -> None:
    async def main() -> None:
        shelf = SharedShelf(server.url)
        makers: dict[bytes, Maker | None] = {
            number.to_bytes(16, "big"): Maker("one/m", number) for number in range(1201)
        }
        await shelf.write(Batch(makers, {}))
        assert await shelf.read(list(makers)) == makers
        await shelf.close()

    asyncio.run(main())


def test_a_server_that_is_away_is_told(server: ValkeyServer) -> None:
    async def main() -> None:
        shelf = SharedShelf(server.url)
        server.stop()
        with pytest.raises(AwayError):
            await shelf.read([ONE])
        with pytest.raises(AwayError):
            await shelf.write(Batch({ONE: None}, {}))
        await shelf.close()

    asyncio.run(main())
