"""A call keeps trying where that can help, for as long as it may, and never where it cannot."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from answers import (
    DONE,
    GOOD_STREAM,
    GOOD_WHOLE,
    ROLE,
    SHOWN_STREAM,
    STOP,
    WORD,
    answer,
    error_event,
    streamed,
)
from byte_server import LAST_CHUNK, STREAM_HEAD, Answer, ByteServer, Do, Step, chunk
from engines import STREAMED, WHOLE, stage_of
from loops import run_on_uvloop

from freehold.core.errors import DeadlinePassed, ProviderRefused, ProviderTimeout
from freehold.providers.settings import Timeouts
from freehold.routing.routes import Route, Target

FIRST, SECOND, THIRD = (Target(name, f"{name}-model") for name in ("first", "second", "third"))


def refusal(status: int, **headers: str) -> Answer:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    body = b'{"error":{"message":"no"}}'
    head = f"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
    return [head.encode() + body]


def route(*fallbacks: Target, **wishes: Any) -> Route:
    return Route("r", FIRST, fallbacks, **wishes)


# Again


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
def test_who_cannot_answer_now_is_asked_again_after_a_moment(status: int) -> None:
    async def main() -> None:
        async with (
            ByteServer(refusal(status), GOOD_WHOLE[:]) as first,
            stage_of({"first": first}, route=route(retries=2)) as stage,
        ):
            assert (await stage.play(WHOLE)).data == answer()
            assert [one.reason for one in stage.record.attempts] == ["incumbent", "retry"]
            assert [one.status for one in stage.record.attempts] == [status, 200]

    run_on_uvloop(main())


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422])
def test_who_would_say_the_same_is_not_asked_again(status: int) -> None:
    async def main() -> None:
        async with (
            ByteServer(refusal(status)) as first,
            stage_of({"first": first}, route=route(retries=3)) as stage,
        ):
            assert isinstance((await stage.play(WHOLE)).error, ProviderRefused)
            assert len(first.requests) == 1

    run_on_uvloop(main())


def test_others_come_first_and_retries_after_them() -> None:
    async def main() -> None:
        async with (
            ByteServer(refusal(500), refusal(500)) as first,
            ByteServer(refusal(503), GOOD_WHOLE[:]) as second,
            stage_of({"first": first, "second": second}, route=route(SECOND, retries=1)) as stage,
        ):
            assert (await stage.play(WHOLE)).data == answer()
            reasons = [one.reason for one in stage.record.attempts]
            assert reasons[:2] == ["incumbent", "fallback"]
            assert set(reasons[2:]) == {"retry"}

    run_on_uvloop(main())


def test_retries_come_to_an_end() -> None:
    async def main() -> None:
        async with (
            ByteServer(refusal(500)) as first,
            stage_of({"first": first}, route=route(retries=2)) as stage,
        ):
            error = (await stage.play(WHOLE)).error
            assert isinstance(error, ProviderRefused)
            assert len(first.requests) == 3

    run_on_uvloop(main())


# Not before


def test_retry_after_is_waited_for_when_it_is_short() -> None:
    async def main() -> None:
        async with (
            ByteServer(refusal(429, retry_after_ms="300"), GOOD_WHOLE[:]) as first,
            stage_of({"first": first}, route=route(retries=1)) as stage,
        ):
            began = time.monotonic()
            assert (await stage.play(WHOLE)).data == answer()
            assert 0.29 <= time.monotonic() - began < 2.0

    run_on_uvloop(main())


def test_retry_after_holds_for_every_entry_of_the_same_quota() -> None:
    """Deployments that share a quota were asked one after the other: https://github.com/BerriAI/litellm/issues/34399."""

    async def main() -> None:
        async with (
            ByteServer(refusal(429, retry_after="30")) as first,
            ByteServer(GOOD_WHOLE[:]) as second,
            ByteServer(GOOD_WHOLE[:]) as third,
            stage_of(
                {"first": first, "second": second, "third": third},
                route=route(SECOND, THIRD),
                settings={"second": {"quota": "first"}},
            ) as stage,
        ):
            for _ in range(3):
                assert (await stage.play(WHOLE)).data == answer()
            assert (len(first.requests), len(second.requests), len(third.requests)) == (1, 0, 3)

    run_on_uvloop(main())


def test_a_quota_that_is_used_up_is_spared_before_it_refuses() -> None:
    async def main() -> None:
        head = b"HTTP/1.1 200 OK\r\nx-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 30s\r\n"
        body = answer("last")
        last = [head + b"content-length: %d\r\n\r\n" % len(body) + body]
        async with (
            ByteServer(last) as first,
            ByteServer(GOOD_WHOLE[:]) as second,
            stage_of({"first": first, "second": second}, route=route(SECOND)) as stage,
        ):
            assert (await stage.play(WHOLE)).data == body
            assert (await stage.play(WHOLE)).data == answer()
            assert len(first.requests) == 1

    run_on_uvloop(main())


def test_a_broken_provider_is_left_alone_and_recovers() -> None:
    """25 straight errors stayed in rotation: https://github.com/BerriAI/litellm/pull/34836; and members that never
    came back: https://github.com/deltawi/deltallm/issues/247.
    """

    async def main() -> None:
        async with (
            ByteServer(*[refusal(500)] * 5, GOOD_WHOLE[:]) as first,
            ByteServer(GOOD_WHOLE[:]) as second,
            stage_of({"first": first, "second": second}, route=route(SECOND, retries=0)) as stage,
        ):
            for _ in range(20):
                assert (await stage.play(WHOLE)).data == answer()
            assert len(first.requests) == 5
            await asyncio.sleep(1.3)
            await asyncio.gather(*[stage.play(WHOLE) for _ in range(3)])
            assert len(first.requests) == 6, "one probe alone"
            await stage.play(WHOLE)
            assert len(first.requests) == 7

    run_on_uvloop(main())


def test_the_only_model_is_asked_whatever_is_known_of_it() -> None:
    async def main() -> None:
        async with (
            ByteServer(refusal(401), GOOD_WHOLE[:]) as first,
            stage_of({"first": first}, route=route()) as stage,
        ):
            assert isinstance((await stage.play(WHOLE)).error, ProviderRefused)
            assert (await stage.play(WHOLE)).data == answer()

    run_on_uvloop(main())


# In time


@pytest.mark.parametrize("body", [WHOLE, STREAMED], ids=["whole", "streamed"])
def test_a_silent_model_leaves_time_for_the_next(body: bytes) -> None:
    async def main() -> None:
        good = GOOD_STREAM if body == STREAMED else GOOD_WHOLE
        async with (
            ByteServer([Do.HOLD]) as first,
            ByteServer(good) as second,
            stage_of({"first": first, "second": second}, route=route(SECOND, deadline=1.0)) as stage,
        ):
            began = time.monotonic()
            result = await stage.play(body)
            assert result.data in (answer(), SHOWN_STREAM)
            assert 0.4 < time.monotonic() - began < 0.9
            assert [one.error for one in stage.record.attempts] == ["provider_timeout", None]

    run_on_uvloop(main())


def test_when_the_time_is_over_it_is_said() -> None:
    async def main() -> None:
        async with (
            ByteServer([0.3, *refusal(500)]) as first,
            stage_of({"first": first}, route=route(retries=9, deadline=0.5)) as stage,
        ):
            began = time.monotonic()
            error = (await stage.play(WHOLE)).error
            assert error is not None
            assert error.status in (500, 502, 504), error
            assert time.monotonic() - began < 0.7
            assert stage.record.status >= 500

    run_on_uvloop(main())


def test_nobody_is_asked_once_the_time_is_over() -> None:
    async def main() -> None:
        async with (
            ByteServer([0.08, *refusal(429, retry_after_ms="10")]) as first,
            stage_of({"first": first}, route=route(retries=9, deadline=0.1)) as stage,
        ):
            error = (await stage.play(WHOLE)).error
            assert isinstance(error, DeadlinePassed)
            assert "`r`" in error.message

    run_on_uvloop(main())


# Two at a time


@pytest.mark.parametrize("body", [WHOLE, STREAMED], ids=["whole", "streamed"])
def test_a_hedge_answers_for_a_slow_one_which_is_cut_off_and_paid_for(body: bytes) -> None:
    """Elsewhere the losers were billed in full: https://github.com/Wei-Shaw/sub2api/issues/4408."""

    async def main() -> None:
        good = GOOD_STREAM if body == STREAMED else GOOD_WHOLE
        async with (
            ByteServer([Do.HOLD]) as first,
            ByteServer(good) as second,
            stage_of({"first": first, "second": second}, route=route(SECOND, hedge_after=0.1)) as stage,
        ):
            result = await stage.play(body)
            assert result.data in (answer(), SHOWN_STREAM)
            await first.all_ended(limit=1.0)
            record = stage.record
            assert (record.provider, record.outcome) == ("second", "answered")
            loser, winner = record.attempts
            assert (loser.outcome, winner.outcome, winner.reason) == ("cancelled", "answered", "hedge")
            assert loser.usage.source == "counted"
            assert loser.usage.input_tokens
            assert winner.usage.source == "provider"

    run_on_uvloop(main())


def test_no_hedge_for_one_who_is_fast_enough() -> None:
    async def main() -> None:
        async with (
            ByteServer([0.05, *GOOD_WHOLE]) as first,
            ByteServer(GOOD_WHOLE[:]) as second,
            stage_of({"first": first, "second": second}, route=route(SECOND, hedge_after=0.4)) as stage,
        ):
            assert (await stage.play(WHOLE)).data == answer()
            assert second.requests == []

    run_on_uvloop(main())


def test_a_hedge_that_fails_leaves_the_slow_one_to_answer() -> None:
    async def main() -> None:
        async with (
            ByteServer([0.4, *GOOD_WHOLE]) as first,
            ByteServer(refusal(500)) as second,
            stage_of({"first": first, "second": second}, route=route(SECOND, hedge_after=0.1)) as stage,
        ):
            assert (await stage.play(WHOLE)).data == answer()
            assert [one.outcome for one in stage.record.attempts] == ["answered", "refused"]

    run_on_uvloop(main())


def test_hanging_up_ends_both() -> None:
    async def main() -> None:
        async with (
            ByteServer([Do.HOLD]) as first,
            ByteServer([Do.HOLD]) as second,
            stage_of({"first": first, "second": second}, route=route(SECOND, hedge_after=0.05)) as stage,
        ):
            playing = asyncio.create_task(stage.play(WHOLE))
            await second.holds()
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
            await first.all_ended(limit=1.0)
            await second.all_ended(limit=1.0)
            assert [one.outcome for one in stage.record.attempts] == ["cancelled", "cancelled"]
            assert stage.record.outcome == "cancelled"

    run_on_uvloop(main())


def test_hanging_up_at_any_moment_of_a_race_leaves_no_connection_behind() -> None:
    """Also just when one has won, and the other is being let go of."""

    async def main() -> None:
        for turns in range(40):
            slow = [*streamed(ROLE, WORD, ended=False), Do.HOLD]
            async with (
                ByteServer([Do.HOLD]) as first,
                ByteServer(slow) as second,
                stage_of({"first": first, "second": second}, route=route(SECOND, hedge_after=0.01)) as stage,
            ):
                playing = asyncio.create_task(stage.play(STREAMED))
                while not second.requests:
                    await asyncio.sleep(0)
                for _ in range(turns):
                    await asyncio.sleep(0)
                playing.cancel()
                await asyncio.gather(playing, return_exceptions=True)
                await first.all_ended(limit=1.0)
                await second.all_ended(limit=1.0)
                assert stage.record.outcome == "cancelled"
                assert {one.outcome for one in stage.record.attempts} == {"cancelled"}

    run_on_uvloop(main())


# Going on


BREAKS: dict[str, Answer] = {
    "cut": streamed(ROLE, WORD, WORD, ended=False),
    "ended": [*streamed(ROLE, WORD, WORD, ended=False), LAST_CHUNK],
    "reset": [*streamed(ROLE, WORD, WORD, ended=False), Do.RESET],
    "malformed": [*streamed(ROLE, WORD, WORD, ended=False), chunk(b"data: {nonsense\n\n"), Do.HOLD],
    "error event": [*streamed(ROLE, WORD, WORD, ended=False), chunk(error_event()), LAST_CHUNK],
    "silent": [*streamed(ROLE, WORD, WORD, ended=False), Do.HOLD],
}


def words_of(stream: bytes) -> str:
    chunks = [json.loads(line[6:]) for line in stream.decode().split("\n\n") if line.startswith("data: {")]
    assert all("error" not in one for one in chunks), chunks
    return "".join(one["choices"][0]["delta"].get("content") or "" for one in chunks if one["choices"])


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS.keys())
def test_another_goes_on_where_a_stream_broke_off(broken: Answer) -> None:
    """Elsewhere it never reaches the fallback: https://github.com/BerriAI/litellm/issues/40404."""

    async def main() -> None:
        more = streamed(ROLE, *GOOD_STREAM_WORDS)
        async with (
            ByteServer(broken) as first,
            ByteServer(more) as second,
            stage_of(
                {"first": first, "second": second},
                route=route(SECOND, continue_streams=True, deadline=4.0),
            ) as stage,
        ):
            result = await stage.play(STREAMED)
            assert result.error is None
            assert words_of(result.data) == "wordword and more"
            assert result.data.count(b"[DONE]") == 1
            ids = {
                json.loads(line[6:]).get("id")
                for line in result.data.split(b"\n\n")
                if line.startswith(b"data: {")
            }
            assert len(ids - {None}) <= 1
            sent = json.loads(second.requests[0].partition(b"\r\n\r\n")[2])
            assert [one["role"] for one in sent["messages"]] == ["user", "assistant", "user"]
            assert sent["messages"][1]["content"] == "wordword"
            record = stage.record
            assert (record.outcome, record.losses) == ("answered", ("seam",))
            assert [one.outcome for one in record.attempts] == ["cut", "answered"]
            assert record.attempts[1].reason == "continuation"

    run_on_uvloop(main())


@pytest.mark.parametrize(
    "wishes",
    [{"settings": {"first": {"timeouts": Timeouts(drip=0.1)}}}, {"deadline": 2.0}],
    ids=["told", "with a deadline"],
)
def test_another_goes_on_where_a_stream_drips(wishes: dict[str, Any]) -> None:
    """Something came all the time, so no limit on silence helped, and the deadline passed with half an answer."""
    dripping: list[Step] = [STREAM_HEAD, chunk(ROLE), chunk(WORD)]
    for at in range(3000):
        dripping += [0.05, chunk((WORD * 60)[at : at + 1])]

    async def main() -> None:
        settings = wishes.get("settings", {})
        async with (
            ByteServer(dripping) as first,
            ByteServer(streamed(ROLE, *GOOD_STREAM_WORDS)) as second,
            stage_of(
                {"first": first, "second": second},
                route=route(SECOND, continue_streams=True, deadline=wishes.get("deadline")),
                settings=settings,
            ) as stage,
        ):
            result = await stage.play(STREAMED)
            assert words_of(result.data) == "word and more"
            assert [one.error for one in stage.record.attempts] == ["provider_timeout", None]
            assert stage.record.duration_ms < 1900.0

    run_on_uvloop(main())


def test_a_stream_at_its_pace_is_left_alone() -> None:
    slow: Answer = [
        STREAM_HEAD,
        chunk(ROLE),
        chunk(WORD),
        0.15,
        chunk(WORD),
        0.15,
        chunk(WORD + STOP + DONE),
        LAST_CHUNK,
    ]

    async def main() -> None:
        async with (
            ByteServer(slow) as first,
            ByteServer(GOOD_STREAM) as second,
            stage_of(
                {"first": first, "second": second},
                route=route(SECOND, continue_streams=True),
                settings={"first": {"timeouts": Timeouts(drip=0.3)}},
            ) as stage,
        ):
            assert words_of((await stage.play(STREAMED)).data) == "wordwordword"
            assert second.requests == []

    run_on_uvloop(main())


def _content(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "m-1", "choices": [choice]}).encode() + b"\n\n"


GOOD_STREAM_WORDS = (_content(" and"), _content(" more"), _content("", "stop"), b"data: [DONE]\n\n")


def test_what_the_other_repeats_is_not_told_twice() -> None:
    async def main() -> None:
        said = "The quick brown fox jumps over"
        beginning = streamed(ROLE, _content(said), ended=False)
        again = streamed(
            ROLE,
            _content("The quick brown "),
            _content("fox jumps over the lazy dog."),
            _content("", "stop"),
            b"data: [DONE]\n\n",
        )
        async with (
            ByteServer(beginning) as first,
            ByteServer(again) as second,
            stage_of({"first": first, "second": second}, route=route(SECOND, continue_streams=True)) as stage,
        ):
            assert (
                words_of((await stage.play(STREAMED)).data) == "The quick brown fox jumps over the lazy dog."
            )

    run_on_uvloop(main())


def test_nobody_goes_on_in_the_middle_of_a_tool_call() -> None:
    async def main() -> None:
        call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":'}}
        choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}
        begun = b"data: " + json.dumps({"model": "m-1", "choices": [choice]}).encode() + b"\n\n"
        async with (
            ByteServer(streamed(ROLE, begun, ended=False)) as first,
            ByteServer(GOOD_STREAM) as second,
            stage_of({"first": first, "second": second}, route=route(SECOND, continue_streams=True)) as stage,
        ):
            result = await stage.play(STREAMED)
            assert result.error is not None
            assert second.requests == []
            assert stage.record.outcome == "cut"

    run_on_uvloop(main())


def test_when_nobody_can_go_on_the_client_is_told() -> None:
    async def main() -> None:
        async with (
            ByteServer(streamed(ROLE, WORD, ended=False)) as first,
            ByteServer(refusal(500)) as second,
            stage_of(
                {"first": first, "second": second}, route=route(SECOND, continue_streams=True, retries=0)
            ) as stage,
        ):
            result = await stage.play(STREAMED)
            assert result.error is not None
            assert b'"error"' in result.running.last_words(result.error)
            assert stage.record.outcome == "cut"

    run_on_uvloop(main())


def test_with_nobody_else_on_the_route_the_client_is_told() -> None:
    async def main() -> None:
        async with (
            ByteServer(streamed(ROLE, WORD, ended=False)) as first,
            stage_of({"first": first}, route=route(continue_streams=True)) as stage,
        ):
            result = await stage.play(STREAMED)
            assert isinstance(result.error, ProviderTimeout)
            assert stage.record.outcome == "cut"

    run_on_uvloop(main())


def test_who_was_slower_before_goes_on_where_the_faster_one_breaks_off() -> None:
    async def main() -> None:
        slower, more = [Do.HOLD], streamed(ROLE, *GOOD_STREAM_WORDS)
        async with (
            ByteServer([0.3, *streamed(ROLE, WORD, WORD, ended=False)]) as first,
            ByteServer(slower, more) as second,
            stage_of(
                {"first": first, "second": second},
                route=route(SECOND, hedge_after=0.1, continue_streams=True, retries=0),
            ) as stage,
        ):
            result = await stage.play(STREAMED)
            assert result.error is None
            assert words_of(result.data) == "wordword and more"
            reasons = [one.reason for one in stage.record.attempts]
            assert reasons == ["incumbent", "hedge", "continuation"]

    run_on_uvloop(main())


def test_a_provider_that_wants_to_be_left_alone_is_not_asked_and_the_client_told_when() -> None:
    async def main() -> None:
        async with (
            ByteServer(refusal(429, retry_after="30")) as first,
            stage_of({"first": first}, route=route()) as stage,
        ):
            for _ in range(3):
                error = (await stage.play(WHOLE)).error
                assert isinstance(error, ProviderRefused)
                assert error.provider_status == 429
                assert 25 <= float(error.retry_after or 0) <= 30
            assert len(first.requests) == 1

    run_on_uvloop(main())
