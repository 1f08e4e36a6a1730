"""Streams from their first token to their end, whatever the end is."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from answers import (
    DONE,
    GOOD_STREAM,
    ONLY_USAGE,
    PING,
    ROLE,
    SHOWN_STREAM,
    STOP,
    USAGE,
    WORD,
    error_event,
    streamed,
)
from byte_server import LAST_CHUNK, STREAM_HEAD, Answer, ByteServer, Do, chunk, whole
from engines import STREAMED, stage_of
from loops import run_on_uvloop, timed

from freehold.core.errors import FreeholdError, ProviderBroken, ProviderTimeout
from freehold.core.usage import NO_USAGE, Usage
from freehold.ledger.record import Call
from freehold.providers.settings import Timeouts

WANTS_USAGE = STREAMED[:-1] + b',"stream_options":{"include_usage":true}}'


def played(
    answer: Answer, *, request: bytes = STREAMED, silence: float = 1.0, **changes: Any
) -> tuple[bytes, FreeholdError | None, Call, bytes]:
    """One streamed call: what the client got, the error, the record, and the request that was sent."""
    seen: list[tuple[bytes, FreeholdError | None, Call, bytes]] = []

    async def main() -> None:
        limits = Timeouts(connect=1.0, first_token=1.0, silence=silence, total=3.0)
        async with (
            ByteServer(answer) as server,
            stage_of({"acme": server}, timeouts=limits, **changes) as stage,
        ):
            result = await stage.play(request)
            assert await result.running.next_piece() == b""  # asked once more, it stays at its end
            seen.append((result.data, result.error, stage.record, server.requests[0]))

    run_on_uvloop(main())
    return seen[0]


def test_a_whole_stream_and_its_record() -> None:
    data, error, record, sent = played(GOOD_STREAM)
    assert (data, error) == (SHOWN_STREAM, None)
    assert json.loads(sent.partition(b"\r\n\r\n")[2])["stream_options"] == {"include_usage": True}
    assert (record.outcome, record.status, record.error, record.streamed) == ("answered", 200, None, True)
    assert (record.reported_model, record.stop_reason) == ("m-1", "stop")
    assert record.usage == Usage(3, 2, source="provider")
    assert record.raw_usage == json.dumps(USAGE).encode()
    assert record.first_token_ms is not None
    assert (record.request_body, record.request_bytes) == (STREAMED, len(STREAMED))
    assert (record.answer_body, record.answer_bytes) == (SHOWN_STREAM, len(SHOWN_STREAM))


def test_usage_that_was_asked_for_is_shown() -> None:
    data, _, record, _ = played(GOOD_STREAM, request=WANTS_USAGE)
    assert data == ROLE + WORD + WORD + STOP + ONLY_USAGE + DONE
    assert record.usage == Usage(3, 2, source="provider")


def test_a_provider_that_does_not_know_usage_is_not_asked() -> None:
    data, _, record, sent = played(streamed(ROLE, WORD, WORD, STOP, DONE), stream_usage=False)
    assert b"stream_options" not in sent
    assert data == SHOWN_STREAM
    assert record.usage == Usage(output_tokens=2, source="counted")


def test_usage_that_nobody_asked_for_is_shown() -> None:
    data, _, record, _ = played(GOOD_STREAM, stream_usage=False)
    assert data == ROLE + WORD + WORD + STOP + ONLY_USAGE + DONE
    assert record.usage == Usage(3, 2, source="provider")


ENDINGS: dict[str, Answer] = {
    "at once": [STREAM_HEAD, chunk(SHOWN_STREAM), LAST_CHUNK],
    "without DONE": streamed(ROLE, WORD, WORD, STOP),
    "DONE without its empty line": streamed(ROLE, WORD, WORD, STOP, DONE.rstrip()),
    "DONE with half of it": streamed(ROLE, WORD, WORD, STOP, DONE[:-1]),
    "more after DONE": streamed(ROLE, WORD, WORD, STOP, DONE, PING, b"data: {", WORD),
    "to the end of the connection": [
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + SHOWN_STREAM,
        Do.END,
    ],
    "DONE, then a reset": [*streamed(ROLE, WORD, WORD, STOP, DONE, ended=False), 0.01, Do.RESET],
    "DONE, then a cut": [*streamed(ROLE, WORD, WORD, STOP, DONE, ended=False), 0.01, Do.END],
    "half an event after the end": streamed(ROLE, WORD, WORD, STOP, b"data: [DO"),
}


def test_an_answer_of_two_is_cut_when_only_one_came_to_its_end() -> None:
    other = WORD.replace(b'"index": 0', b'"index": 1')
    assert other != WORD
    _, error, record, _ = played(streamed(ROLE, WORD, other, STOP, other))
    assert isinstance(error, ProviderBroken)
    assert (record.outcome, record.error) == ("cut", "provider_broken")


@pytest.mark.parametrize("answer", ENDINGS.values(), ids=ENDINGS.keys())
def test_every_way_to_end_an_answer_ends_it_properly(answer: Answer) -> None:
    data, error, record, _ = played(answer)
    assert (data, error) == (SHOWN_STREAM, None)
    assert (record.outcome, record.stop_reason) == ("answered", "stop")
    assert record.answer_body == SHOWN_STREAM
    assert record.usage == Usage(output_tokens=2, source="counted")


@pytest.mark.parametrize(
    "answer",
    [streamed(WORD, DONE), [STREAM_HEAD, chunk(ROLE + WORD + DONE), LAST_CHUNK]],
    ids=["in pieces", "at once"],
)
def test_an_answer_may_end_without_saying_why(answer: Answer) -> None:
    data, error, record, _ = played(answer)
    assert data.endswith(WORD + DONE)
    assert error is None
    assert (record.outcome, record.stop_reason) == ("answered", None)


def test_an_answer_without_a_word_is_one() -> None:
    data, error, record, _ = played(streamed(ROLE, STOP, ONLY_USAGE, DONE))
    assert (data, error) == (ROLE + STOP + DONE, None)
    assert (record.outcome, record.first_token_ms) == ("answered", None)


def test_a_provider_that_keeps_the_connection_open_after_done_is_not_waited_for() -> None:
    async def main() -> None:
        answer: Answer = [*streamed(WORD, STOP, DONE, ended=False), Do.HOLD]
        async with ByteServer(answer) as server, stage_of({"acme": server}) as stage:

            async def call() -> None:
                result = await stage.play(STREAMED)
                assert (result.data, result.error) == (WORD + STOP + DONE, None)

            await timed(call, limit=1.0)
            assert stage.records[0].outcome == "answered"
            await server.all_ended()

    run_on_uvloop(main())


def test_the_connection_of_a_finished_stream_is_used_again() -> None:
    async def main() -> None:
        slow_end: Answer = [*streamed(WORD, STOP, DONE, ended=False), 0.05, LAST_CHUNK]
        async with ByteServer(slow_end, GOOD_STREAM) as server, stage_of({"acme": server}) as stage:
            for _ in range(3):
                assert (await stage.play(STREAMED)).error is None
            assert len(server.connections) == 1

    run_on_uvloop(main())


CUTS: dict[str, tuple[Answer, type[FreeholdError], bytes]] = {
    "reset": ([*streamed(ROLE, WORD, WORD, ended=False), 0.01, Do.RESET], ProviderBroken, ROLE + WORD + WORD),
    "closed": ([*streamed(ROLE, WORD, WORD, ended=False), 0.01, Do.END], ProviderBroken, ROLE + WORD + WORD),
    "silently truncated": (streamed(ROLE, WORD, WORD), ProviderBroken, ROLE + WORD + WORD),
    "truncated at the connection's end": (
        [b"HTTP/1.1 200 OK\r\n\r\n" + ROLE + WORD + WORD, Do.END],
        ProviderBroken,
        ROLE + WORD + WORD,
    ),
    "truncated within an event": (streamed(ROLE, WORD, WORD, WORD[:-9]), ProviderBroken, ROLE + WORD + WORD),
    "a bad event": (
        streamed(ROLE, WORD, WORD, b"data: {\n\n", WORD, DONE),
        ProviderBroken,
        ROLE + WORD + WORD,
    ),
    "a bad event in the same piece": (
        [STREAM_HEAD, chunk(ROLE + WORD + WORD + b"data: {\n\n" + WORD), Do.HOLD],
        ProviderBroken,
        ROLE + WORD + WORD,
    ),
    "not chunked any more": (
        [*streamed(ROLE, WORD, WORD, ended=False), 0.02, b"zzz"],
        ProviderBroken,
        ROLE + WORD + WORD,
    ),
    "silence": ([*streamed(ROLE, WORD, WORD, ended=False), Do.HOLD], ProviderTimeout, ROLE + WORD + WORD),
}


@pytest.mark.parametrize(("answer", "kind", "shown"), CUTS.values(), ids=CUTS.keys())
def test_a_stream_that_breaks_is_told_and_recorded_as_cut(
    answer: Answer, kind: type[FreeholdError], shown: bytes
) -> None:
    data, error, record, _ = played(answer, silence=0.2)
    assert data == shown
    assert type(error) is kind
    assert (record.outcome, record.status, record.error) == ("cut", 200, kind.code)
    assert [(one.outcome, one.error) for one in record.attempts] == [("cut", kind.code)]
    assert record.usage == Usage(8, 2, source="counted")
    assert record.stop_reason is None
    assert record.answer_body == shown


def test_an_error_event_in_the_middle_is_passed_on_and_ends_the_call() -> None:
    answer: Answer = [*streamed(ROLE, WORD, error_event(), ended=False), Do.HOLD]  # nobody waits for more
    data, error, record, _ = played(answer, silence=30.0)
    assert (data, error) == (ROLE + WORD + error_event(), None)
    assert (record.outcome, record.error) == ("cut", "provider_refused")
    assert record.usage == Usage(8, 1, source="counted")
    assert record.answer_body == data


def test_no_other_model_is_tried_after_the_first_token() -> None:
    async def main() -> None:
        async with (
            ByteServer(streamed(ROLE, WORD)) as first,
            ByteServer(GOOD_STREAM) as second,
            stage_of({"first": first, "second": second}) as stage,
        ):
            result = await stage.play(STREAMED)
            assert isinstance(result.error, ProviderBroken)
            assert result.data == ROLE + WORD
            assert second.requests == []
            assert stage.record.outcome == "cut"

    run_on_uvloop(main())


def test_what_a_failed_attempt_used_counts_and_what_it_said_does_not() -> None:
    async def main() -> None:
        liar = ROLE.replace(b"m-1", b"m-0").replace(
            b"}\n", b',"usage":{"prompt_tokens":9,"completion_tokens":9}}\n'
        )
        async with (
            ByteServer(streamed(liar)) as first,
            ByteServer(GOOD_STREAM, [whole(b"{}", status=b"500 No")]) as second,
            stage_of({"first": first, "second": second}) as stage,
        ):
            await stage.play(STREAMED)
            await stage.play(STREAMED)
            answered, failed = stage.records
            assert [one.usage for one in answered.attempts] == [
                Usage(9, 9, source="provider"),
                Usage(3, 2, source="provider"),
            ]
            assert (answered.reported_model, answered.usage) == ("m-1", Usage(12, 11, source="provider"))
            assert (failed.outcome, failed.reported_model) == ("failed", None)
            assert failed.usage == Usage(9, 9, source="provider")

    run_on_uvloop(main())


def test_a_slow_client_makes_no_silence() -> None:
    async def main() -> None:
        limits = Timeouts(connect=1.0, first_token=1.0, silence=0.2, total=5.0)
        async with ByteServer(GOOD_STREAM) as server, stage_of({"acme": server}, timeouts=limits) as stage:
            result = await stage.play(STREAMED, pause=0.3)
            assert (result.data, result.error) == (SHOWN_STREAM, None)

    run_on_uvloop(main())


def test_an_answer_may_take_longer_than_its_first_token() -> None:
    async def main() -> None:
        limits = Timeouts(connect=1.0, first_token=0.2, silence=1.0, total=5.0)
        slow: Answer = [*streamed(WORD, ended=False), 0.4, chunk(STOP), LAST_CHUNK]
        async with ByteServer(slow) as server, stage_of({"acme": server}, timeouts=limits) as stage:
            result = await stage.play(STREAMED)
            assert (result.data, result.error) == (WORD + STOP + DONE, None)

    run_on_uvloop(main())


def test_streams_at_the_same_time_are_kept_apart() -> None:
    async def main() -> None:
        async with ByteServer(GOOD_STREAM) as server, stage_of({"acme": server}) as stage:
            results = await asyncio.gather(*(stage.play(STREAMED) for _ in range(40)))
            assert {one.data for one in results} == {SHOWN_STREAM}
            assert len({record.id for record in stage.records}) == 40

    run_on_uvloop(main())


def test_a_stream_that_never_began_used_nothing() -> None:
    data, error, record, _ = played(streamed(ROLE))
    assert data == b""
    assert isinstance(error, ProviderBroken)
    assert (record.outcome, record.status, record.usage) == ("failed", 502, NO_USAGE)
    assert record.answer_body is None
