"""Chores go on whatever happens, and end when the endpoint does."""

from __future__ import annotations

import asyncio
import time

import pytest

from freehold.app.chores import end_all, keep_doing


def test_a_chore_that_takes_its_end_for_something_else_is_ended_all_the_same() -> None:
    """As a client library does that has a time limit of its own: the endpoint stayed for ever."""

    async def work() -> None:
        swallowed = 0

        async def chore() -> None:
            nonlocal swallowed
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    if swallowed == 2:
                        raise
                    swallowed += 1

        async with asyncio.TaskGroup() as tasks:
            deaf = tasks.create_task(keep_doing("being deaf", chore))
            meek = tasks.create_task(keep_doing("being meek", lambda: asyncio.sleep(60)))
            await asyncio.sleep(0)
            began = time.monotonic()
            await end_all([deaf, meek])
        assert deaf.cancelled()
        assert meek.cancelled()
        assert swallowed == 2
        assert time.monotonic() - began < 10

    asyncio.run(work())


def test_a_chore_that_fails_is_done_again(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        times = 0
        again = asyncio.Event()

        async def chore() -> None:
            nonlocal times
            times += 1
            if times == 1:
                raise RuntimeError("the first time")
            again.set()
            await asyncio.sleep(60)

        doing = asyncio.create_task(keep_doing("failing", chore))
        async with asyncio.timeout(10):
            await again.wait()
        await end_all([doing])

    asyncio.run(work())
    assert "failing failed; it is tried again" in caplog.text
