"""The line between two processes: questions find their answers, and an end is heard."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import BadRequest
from freehold.workers.line import Answer, Hear, Line, LineError, whole


def joined(
    test: Callable[[Line, Line], Awaitable[None]],
    *,
    hear: dict[str, Hear] | None = None,
    answer: dict[str, Answer] | None = None,
) -> None:
    """Run `test` with two ends of a line; `hear` and `answer` are the second's."""

    async def run() -> None:
        ends = socket.socketpair()
        for end in ends:
            end.setblocking(False)
        one, other = Line(ends[0], hear={}, answer={}), Line(ends[1], hear=hear or {}, answer=answer or {})
        running = [asyncio.create_task(line.run()) for line in (one, other)]
        try:
            async with asyncio.timeout(20):
                await test(one, other)
        finally:
            one.close()
            other.close()
            await asyncio.gather(*running)

    asyncio.run(run())


async def echo(body: bytes) -> AsyncIterator[bytes]:
    """Byte for byte, each a piece."""
    for at in range(len(body)):
        yield body[at : at + 1]
        if at % 7 == 0:
            await asyncio.sleep(0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=12))
def test_each_question_gets_its_own_answer(asked: list[bytes]) -> None:
    async def test(one: Line, _: Line) -> None:
        answers = await asyncio.gather(*(one.ask_whole("echo", body, patience=10) for body in asked))
        assert answers == asked

    joined(test, answer={"echo": echo})


def test_news_come_in_order_and_bad_ones_end_nothing() -> None:
    heard: list[bytes] = []

    def hear(body: bytes) -> None:
        heard.append(body)
        if body == b"2":
            raise ValueError

    async def test(one: Line, _: Line) -> None:
        for number in range(5):
            one.tell("news", b"%d" % number)
        one.tell("unheard of")
        assert await one.ask_whole("echo", b"x", patience=10) == b"x"
        assert heard == [b"0", b"1", b"2", b"3", b"4"]

    joined(test, hear={"news": hear}, answer={"echo": echo})


def test_what_cannot_be_answered_is_said() -> None:
    async def refuse(_: bytes) -> bytes:
        raise BadRequest("Not this.")

    async def fail(_: bytes) -> bytes:
        raise ZeroDivisionError

    async def never(_: bytes) -> bytes:
        await asyncio.sleep(100)
        return b""

    async def test(one: Line, _: Line) -> None:
        for topic, words in (("refuse", "Not this"), ("fail", "error of ours"), ("none", "Nothing is known")):
            with pytest.raises(LineError, match=words):
                await one.ask_whole(topic, patience=10)
        with pytest.raises(LineError, match="No answer within"):
            await one.ask_whole("never", patience=0.05)

    joined(test, answer={"refuse": whole(refuse), "fail": whole(fail), "never": whole(never)})


def test_whoever_wants_no_more_ends_the_answer() -> None:
    ended = asyncio.Event()

    async def count(_: bytes) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    async def test(one: Line, _: Line) -> None:
        async with aclosing(one.ask("count")) as pieces:
            async for piece in pieces:
                assert piece == b"x"
                break
        await asyncio.wait_for(ended.wait(), 10)

    joined(test, answer={"count": count})


def test_the_end_of_the_other_is_heard() -> None:
    async def never(_: bytes) -> bytes:
        await asyncio.sleep(100)
        return b""

    async def test(one: Line, other: Line) -> None:
        asking = asyncio.create_task(one.ask_whole("never", patience=30))
        await asyncio.sleep(0.05)
        other.close()
        with pytest.raises(LineError, match="gone"):
            await asking
        with pytest.raises(LineError, match="gone"):
            await one.ask_whole("never", patience=30)
        one.tell("nothing")

    joined(test, answer={"never": whole(never)})


def test_large_answers_pass_while_others_are_asked() -> None:
    big = bytes(8_000_000)

    async def give(_: bytes) -> bytes:
        return big

    async def test(one: Line, _: Line) -> None:
        large, small = await asyncio.gather(
            one.ask_whole("give", patience=10), one.ask_whole("echo", b"abc", patience=10)
        )
        assert (large, small) == (big, b"abc")

    joined(test, answer={"give": whole(give), "echo": echo})
