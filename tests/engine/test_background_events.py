"""The events that a stream in the background is taken up again from: whatever is dropped, what is left has no gap."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from freehold.core.errors import BadRequest, FreeholdError
from freehold.engine.background.events import KeptEvents, Room
from freehold.engine.background.response import BackgroundResponse
from freehold.ledger.record import Call
from freehold.wire.responses.background import Told

QUEUED = b'{"id":"resp_1","status":"queued","output":[],"background":true}'
PIECES = some.lists(some.sampled_from(["delta", "delta", "drop", "ping"]), max_size=60)


def frame(number: int, kind: str = "response.output_text.delta") -> bytes:
    """As a provider numbers it."""
    return b'event: %b\ndata: {"type":"%b","sequence_number":%d,"delta":"x"}\n\n' % (
        kind.encode(),
        kind.encode(),
        number,
    )


def numbers_in(stream: bytes) -> list[int]:
    return [
        msgspec.json.decode(event.split(b"data: ")[1])["sequence_number"]
        for event in stream.split(b"\n\n")[:-1]
    ]


def response_in(room: Room) -> BackgroundResponse:
    call = Call(id="call_1", started_us=0, operation="chat", dialect="openai-responses")
    return BackgroundResponse(call, QUEUED, room, body=b"{}", streamed=True, kept=True)


@given(some.lists(some.integers(0, 40), max_size=60), some.integers(0, 30), some.integers(0, 70))
def test_what_is_kept_has_no_gap(sizes: list[int], dropped: int, since: int) -> None:
    room = Room(1_000_000)
    kept = KeptEvents(room)
    for number, size in enumerate(sizes):
        kept.add(Told(number, b"%d " % number + b"x" * size + b";"))
    for _ in range(dropped):
        kept.drop_oldest()
    numbers = [int(one.split()[0]) for one in kept.since(since).split(b";")[:-1]]
    assert numbers == list(range(max(since, min(dropped, len(sizes))), len(sizes)))
    assert kept.first == min(dropped, len(sizes))
    kept.clear()
    assert room.held == 0


@given(PIECES, some.integers(-1, 70))
def test_a_stream_is_numbered_anew_and_followed_from_anywhere(happenings: list[str], after: int) -> None:
    room = Room(1_000_000)
    response = response_in(room)
    response.begin()
    for at, happening in enumerate(happenings):
        if happening == "drop":
            response.drop_oldest_event()
        else:
            response.add(frame(at * 7) if happening == "delta" else b": ping\n\n")
    response.fail(FreeholdError("Enough."))
    deltas = happenings.count("delta")
    last = 3 + deltas

    async def follow() -> bytes:
        return b"".join([piece async for piece in response.follow(after)])

    try:
        response.check(after)
    except BadRequest:
        return
    assert numbers_in(asyncio.run(follow())) == list(range(after + 1, last + 1))
    response.forget()
    assert room.held == 0


def test_who_follows_is_told_of_everything_once() -> None:
    async def run() -> list[int]:
        response = response_in(Room(1_000_000))

        async def follow() -> list[int]:
            return [number async for piece in response.follow(-1) for number in numbers_in(piece)]

        followers = [asyncio.create_task(follow()) for _ in range(3)]
        response.begin()
        for at in range(20):
            response.add(frame(at))
            await asyncio.sleep(0 if at % 3 else 0.001)
        response.fail(FreeholdError("Enough."))
        first, *others = await asyncio.gather(*followers)
        assert others == [first, first]
        return first

    assert asyncio.run(run()) == list(range(24))


def test_over_the_limit_room_is_made() -> None:
    room = Room(len(QUEUED) + 2000)
    response = response_in(room)

    def make_room() -> None:
        while room.held > room.limit and response.drop_oldest_event():
            pass

    room.make_room = make_room
    for at in range(100):
        response.add(frame(at))
        assert room.held <= room.limit
    with pytest.raises(BadRequest, match="not kept any more"):
        response.check(0)
