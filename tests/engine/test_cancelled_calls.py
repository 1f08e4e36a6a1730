"""A client that hangs up, wherever the call is: one record, the provider stopped, nothing left."""

from __future__ import annotations

import asyncio

import pytest
from answers import DONE, GOOD_STREAM, GOOD_WHOLE, ONLY_USAGE, PING, ROLE, STOP, WORD, event, streamed
from byte_server import STREAM_HEAD, Answer, ByteServer, Do, chunk, whole
from engines import STREAMED, WHOLE, Result, Stage, stage_of
from loops import run_on_uvloop

from freehold.core.usage import NO_USAGE, Usage

FAULT: Answer = [whole(b"{}", status=b"500 No")]


async def hang_up(stage: Stage, body: bytes, server: ByteServer, *, pause: float = 0.0) -> Result:
    """Begin a call, hang up when `server` holds, and give what the client had."""
    results: list[Result] = []
    call = asyncio.ensure_future(stage.play(body, pause=pause, result=results))
    await server.holds()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    return results[0]


READ = Usage(input_tokens=8, source="counted")
"""What was read is estimated; what a model wrote of a whole answer nobody knows."""


def counted(written: int) -> Usage:
    return Usage(8, written, source="counted")


POINTS: dict[str, tuple[bytes, Answer, Usage]] = {
    "before the head": (WHOLE, [Do.HOLD], READ),
    "within the head": (WHOLE, [b"HTTP/1.1 200 OK\r\n", Do.HOLD], READ),
    "within a whole answer": (WHOLE, [STREAM_HEAD, chunk(b'{"choices'), Do.HOLD], READ),
    "within a refusal": (WHOLE, [b"HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\n{", Do.HOLD], NO_USAGE),
    "before a stream's head": (STREAMED, [Do.HOLD], counted(0)),
    "before the first event": (STREAMED, [STREAM_HEAD, Do.HOLD], counted(0)),
    "before the first token": (STREAMED, [*streamed(PING, ROLE, ended=False), Do.HOLD], counted(0)),
    "after the first token": (
        STREAMED,
        [*streamed(ROLE, WORD, ended=False), Do.HOLD],
        counted(1),
    ),
    "between two tokens": (
        STREAMED,
        [*streamed(ROLE, WORD, WORD, WORD, ended=False), Do.HOLD],
        counted(3),
    ),
    "within an event": (
        STREAMED,
        [*streamed(ROLE, WORD, WORD[:20], ended=False), Do.HOLD],
        counted(1),
    ),
    "before the end": (
        STREAMED,
        [*streamed(ROLE, WORD, STOP, ended=False), Do.HOLD],
        counted(1),
    ),
    "after the usage": (
        STREAMED,
        [*streamed(ROLE, WORD, STOP, ONLY_USAGE, ended=False), Do.HOLD],
        Usage(3, 2, source="provider"),
    ),
    "after usage that lags behind": (
        STREAMED,
        [
            *streamed(
                ROLE.replace(b"}\n", b',"usage":{"prompt_tokens":7,"completion_tokens":0}}\n'), WORD, WORD,
                ended=False,
            ),
            Do.HOLD,
        ],
        Usage(7, 2, source="counted"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "answer", "usage"), POINTS.values(), ids=POINTS.keys())
def test_hanging_up_at_any_point(body: bytes, answer: Answer, usage: Usage) -> None:
    async def main() -> None:
        async with ByteServer(answer) as server, stage_of({"acme": server}) as stage:
            got = await hang_up(stage, body, server)
            hung_up_at = asyncio.get_running_loop().time()
            await server.all_ended(limit=1.0)
            record = stage.record
            assert (record.outcome, record.status, record.error) == ("cancelled", 499, "client_gone")
            assert [one.outcome for one in record.attempts] == ["cancelled"]
            assert record.usage == usage
            assert record.answer_bytes == len(got.data)
            if got.pieces:
                assert record.answer_body == got.data
            assert (record.first_token_ms is not None) is bool(got.pieces)
            ended_at = server.connections[0].ended_at
            assert ended_at is not None
            assert ended_at - hung_up_at < 0.1
            got.running.cancel()  # hanging up twice is hanging up once
            assert len(stage.records) == 1

    run_on_uvloop(main())


def test_hanging_up_while_a_fallback_is_asked() -> None:
    async def main() -> None:
        async with (
            ByteServer(FAULT) as first,
            ByteServer([Do.HOLD]) as second,
            stage_of({"first": first, "second": second}) as stage,
        ):
            await hang_up(stage, WHOLE, second)
            await second.all_ended(limit=1.0)
            record = stage.record
            assert [one.outcome for one in record.attempts] == ["refused", "cancelled"]
            assert (record.outcome, record.provider) == ("cancelled", "second")

    run_on_uvloop(main())


def test_hanging_up_while_the_client_itself_is_slow() -> None:
    async def main() -> None:
        async with ByteServer([*GOOD_STREAM, Do.HOLD]) as server, stage_of({"acme": server}) as stage:
            got = await hang_up(stage, STREAMED, server, pause=10.0)
            record = stage.record
            assert record.outcome == "cancelled"
            assert record.answer_body == got.data
            assert record.answer_bytes == len(got.data)

    run_on_uvloop(main())


def test_hanging_up_after_done_takes_nothing_from_the_answer() -> None:
    async def main() -> None:
        answer: Answer = [*streamed(WORD, STOP, DONE, ended=False), Do.HOLD]
        async with ByteServer(answer) as server, stage_of({"acme": server}) as stage:
            got = await hang_up(stage, STREAMED, server)
            await server.all_ended(limit=1.0)
            assert got.data == WORD + STOP + DONE
            assert (stage.record.outcome, stage.record.status) == ("answered", 200)

    run_on_uvloop(main())


def test_hanging_up_before_anything_was_asked() -> None:
    async def main() -> None:
        async with ByteServer(GOOD_WHOLE) as server, stage_of({"acme": server}) as stage:
            running = stage.engine.begin("chat", "openai-chat", None)
            running.cancel()
            record = stage.record
            assert (record.outcome, record.attempts, record.route) == ("cancelled", [], None)
            assert server.connections == []

    run_on_uvloop(main())


def test_a_connection_is_used_again_only_if_the_answer_was_complete() -> None:
    async def main() -> None:
        answers: list[Answer] = [[*streamed(WORD, ended=False), Do.HOLD], GOOD_WHOLE]
        async with ByteServer(*answers) as server, stage_of({"acme": server}) as stage:
            await hang_up(stage, STREAMED, server)
            assert (await stage.play(WHOLE)).error is None
            assert len(server.connections) == 2

    run_on_uvloop(main())


@pytest.mark.parametrize("body", [WHOLE, STREAMED], ids=["whole", "streamed"])
def test_hanging_up_after_every_step_of_the_loop(body: bytes) -> None:
    """Wherever a call waits, a cancellation reaches it there for some number of steps."""

    async def main() -> None:
        good = GOOD_WHOLE if body is WHOLE else streamed(ROLE, WORD, event(content="more"), STOP, DONE)
        outcomes = set()
        async with (
            ByteServer(FAULT) as first,
            ByteServer(good) as second,
            stage_of({"first": first, "second": second}) as stage,
        ):
            for steps in range(1, 120):
                call = asyncio.ensure_future(stage.play(body))
                for _ in range(steps):
                    await asyncio.sleep(0)
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
                assert len(stage.records) == steps
                outcomes.add(stage.records[-1].outcome)
                assert stage.engine.active == 0
                assert stage.engine._budget.held == 0
        assert outcomes == {"answered", "cancelled"}

    run_on_uvloop(main())
