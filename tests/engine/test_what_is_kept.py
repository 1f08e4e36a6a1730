"""Bodies in the record: only where they may be kept, and within bounds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from answers import DONE, GOOD_STREAM, GOOD_WHOLE, SHOWN_STREAM, STOP, WORD, answer, event, streamed
from byte_server import ByteServer, Do, whole
from engines import STREAMED, WHOLE, stage_of
from hypothesis import given
from hypothesis import strategies as st
from loops import run_on_uvloop

from examples import examples
from freehold.engine.capture import Capture, CaptureBudget
from freehold.routing.routes import Route, Target

OFF: dict[str, dict[str, Any]] = {
    "everywhere": {"keep_bodies": False},
    "for the route": {"route": Route("r", Target("acme", "m"), keep_bodies=False)},
    "for the call": {},
}


@pytest.mark.parametrize("where", OFF)
@pytest.mark.parametrize("body", [WHOLE, STREAMED], ids=["whole", "streamed"])
def test_bodies_are_not_kept_where_that_is_switched_off(where: str, body: bytes) -> None:
    async def main() -> None:
        good = GOOD_WHOLE if body is WHOLE else GOOD_STREAM
        async with ByteServer(good) as server, stage_of({"acme": server}, **OFF[where]) as stage:
            result = await stage.play(body, keep_body=where != "for the call")
            record = stage.record
            assert (record.request_body, record.answer_body) == (None, None)
            assert (record.request_bytes, record.answer_bytes) == (len(body), len(result.data))
            assert record.usage.source == "provider"

    run_on_uvloop(main())


def test_bodies_are_kept_otherwise() -> None:
    async def main() -> None:
        async with ByteServer(GOOD_WHOLE, GOOD_STREAM) as server, stage_of({"acme": server}) as stage:
            await stage.play(WHOLE)
            await stage.play(STREAMED)
            assert [one.request_body for one in stage.records] == [WHOLE, STREAMED]
            assert [one.answer_body for one in stage.records] == [answer(), SHOWN_STREAM]

    run_on_uvloop(main())


def test_the_request_of_a_failed_call_is_kept() -> None:
    async def main() -> None:
        refusal = whole(b'{"error":{"message":"no"}}', status=b"400 No")
        async with ByteServer([refusal]) as server, stage_of({"acme": server}) as stage:
            await stage.play(WHOLE)
            assert (stage.record.request_body, stage.record.answer_body) == (WHOLE, None)

    run_on_uvloop(main())


def test_a_stream_over_the_bound_is_passed_on_and_not_kept() -> None:
    async def main() -> None:
        big = event(content="x" * 1_000_000)
        async with (
            ByteServer(streamed(*[big] * 6, STOP, DONE)) as server,
            stage_of({"acme": server}) as stage,
        ):
            result = await stage.play(STREAMED)
            assert result.error is None
            assert len(result.data) > 6_000_000
            record = stage.record
            assert (record.outcome, record.answer_body) == ("answered", None)
            assert record.answer_bytes == len(result.data)
            assert record.request_body == STREAMED
            assert stage.engine._budget.held == 0

    run_on_uvloop(main())


def test_what_is_held_is_counted_while_it_is() -> None:
    async def main() -> None:
        async with (
            ByteServer([*streamed(WORD, ended=False), Do.HOLD]) as server,
            stage_of({"acme": server}) as stage,
        ):
            calls = [asyncio.ensure_future(stage.play(STREAMED)) for _ in range(5)]
            await server.holds()
            async with asyncio.timeout(2):
                while stage.engine._budget.held < 5 * len(WORD):
                    await asyncio.sleep(0.002)
            assert stage.engine._budget.held == 5 * len(WORD)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            assert stage.engine._budget.held == 0

    run_on_uvloop(main())


@examples
@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7) | st.none()), max_size=40),
    limit=st.integers(0, 30),
    body_limit=st.integers(0, 20),
)
def test_captures_share_their_budget(
    steps: list[tuple[int, int | None]], limit: int, body_limit: int
) -> None:
    """Any pieces (a number of bytes) and ends (None) of four answers at the same time."""
    budget = CaptureBudget(limit=limit, body_limit=body_limit)
    captures = [Capture(budget) for _ in range(4)]
    added: list[list[bytes]] = [[] for _ in captures]
    for which, size in steps:
        capture = captures[which]
        if size is None:
            assert capture.take() == (None if capture.dropped else b"".join(added[which]))
            captures[which] = Capture(budget)
            added[which] = []
        else:
            added[which].append(b"%d" % which * size)
            capture.add(added[which][-1])
        assert budget.held <= limit
        assert budget.held == sum(
            len(b"".join(pieces)) for one, pieces in zip(captures, added, strict=True) if not one.dropped
        )
        assert all(
            len(b"".join(pieces)) <= body_limit
            for one, pieces in zip(captures, added, strict=True)
            if not one.dropped
        )
    for capture in captures:
        capture.take()
    assert budget.held == 0
