"""The models of a route are tried in their order, and only when another may do better."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from answers import (
    GOOD_STREAM,
    GOOD_WHOLE,
    PING,
    ROLE,
    SHOWN_STREAM,
    WORD,
    answer,
    error_event,
    event,
    streamed,
)
from byte_server import LAST_CHUNK, STREAM_HEAD, Answer, ByteServer, Do, chunk, whole
from engines import EMBEDDINGS, STREAMED, WHOLE, Result, stage_of
from loops import run_on_uvloop

from freehold.core.errors import (
    FreeholdError,
    Overloaded,
    ProviderBroken,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
)
from freehold.providers.settings import Timeouts

QUICK = Timeouts(connect=0.2, first_token=0.2, silence=0.2, total=2.0)


def refusal(status: int) -> Answer:
    return [whole(b'{"error":{"message":"no"}}', status=b"%d No" % status)]


def test_the_incumbent_answers_alone_when_it_can() -> None:
    async def main() -> None:
        async with (
            ByteServer(GOOD_WHOLE) as first,
            ByteServer(GOOD_WHOLE) as second,
            stage_of({"first": first, "second": second}) as stage,
        ):
            result = await stage.play(WHOLE)
            assert result.data == answer()
            assert json.loads(first.requests[0].partition(b"\r\n\r\n")[2])["model"] == "first-model"
            assert second.requests == []
            record = stage.record
            assert (record.outcome, record.status, record.route) == ("answered", 200, "r")
            assert (record.provider, record.model, record.reported_model) == ("first", "first-model", "m-1")
            assert [attempt.outcome for attempt in record.attempts] == ["answered"]

    run_on_uvloop(main())


WHOLE_FAULTS: dict[str, tuple[Answer, str, str, int | None]] = {
    "closed": ([Do.END], "failed", "provider_unreachable", None),
    "reset": ([Do.RESET], "failed", "provider_unreachable", None),
    "not HTTP": ([b"hello\r\n\r\n", Do.HOLD], "failed", "provider_broken", None),
    "silent": ([Do.HOLD], "failed", "provider_timeout", None),
    "silent after the head": ([STREAM_HEAD, Do.HOLD], "failed", "provider_timeout", 200),
    "cut": ([STREAM_HEAD, chunk(answer()[:20]), 0.01, Do.END], "failed", "provider_broken", 200),
    "a page": ([whole(b"<html></html>")], "failed", "provider_broken", 200),
    "empty": ([whole(b"")], "failed", "provider_broken", 200),
    "no choices": ([whole(answer(choices=[]))], "failed", "provider_broken", 200),
    "an error that says 200": ([whole(b'{"error":{"message":"no"}}')], "failed", "provider_broken", 200),
    "not UTF-8": ([whole(b'{"model":"\xff","choices":[{}]}')], "failed", "provider_broken", 200),
    "a move": ([whole(b"", b"location: /", status=b"301 Moved")], "refused", "provider_refused", 301),
    **{
        str(status): (refusal(status), "refused", "provider_refused", status)
        for status in (401, 402, 403, 404, 408, 425, 429, 500, 502, 503, 504, 529)
    },
}  # fmt: skip

STREAM_FAULTS: dict[str, tuple[Answer, str, str, int | None]] = {
    **{name: WHOLE_FAULTS[name] for name in ("reset", "silent", "a page", "401", "429", "500")},
    "nothing in it": (streamed(), "failed", "provider_broken", 200),
    "only its end": (streamed(b"data: [DONE]\n\n"), "failed", "provider_broken", 200),
    "only a beginning": (streamed(PING, ROLE), "failed", "provider_broken", 200),
    "a beginning and a cut": ([*streamed(PING, ROLE, ended=False), 0.01, Do.RESET], "failed", "provider_broken", 200),
    "an error at once": (streamed(error_event()), "refused", "provider_refused", 200),
    "an error after pings": (streamed(PING, PING, error_event()), "refused", "provider_refused", 200),
    "an error after a beginning": (streamed(ROLE, error_event()), "refused", "provider_refused", 200),
    "an error in one piece": ([STREAM_HEAD, chunk(PING + ROLE + error_event()), LAST_CHUNK], "refused",
                              "provider_refused", 200),
    "a bad event": (streamed(ROLE, b"data: {\n\n"), "failed", "provider_broken", 200),
    "pings for ever": ([STREAM_HEAD, *[one for _ in range(200) for one in (chunk(PING), 0.02)]], "failed",
                       "provider_timeout", 200),
    "nothing after a beginning": ([*streamed(ROLE, ended=False), Do.HOLD], "failed", "provider_timeout", 200),
}  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "outcome", "error", "status"), WHOLE_FAULTS.values(), ids=WHOLE_FAULTS.keys()
)
def test_a_fallback_takes_over_a_whole_answer(
    fault: Answer, outcome: str, error: str, status: int | None
) -> None:
    _expect_fallback(WHOLE, fault, GOOD_WHOLE, answer(), (outcome, error, status))


@pytest.mark.parametrize(
    ("fault", "outcome", "error", "status"), STREAM_FAULTS.values(), ids=STREAM_FAULTS.keys()
)
def test_a_fallback_takes_over_before_the_first_token(
    fault: Answer, outcome: str, error: str, status: int | None
) -> None:
    _expect_fallback(STREAMED, fault, GOOD_STREAM, SHOWN_STREAM, (outcome, error, status))


def _expect_fallback(
    request: bytes, fault: Answer, good: Answer, shown: bytes, expected: tuple[str, str, int | None]
) -> None:
    async def main() -> None:
        async with (
            ByteServer(fault) as first,
            ByteServer(good) as second,
            stage_of({"first": first, "second": second}, timeouts=QUICK) as stage,
        ):
            result = await stage.play(request)
            assert result.error is None
            assert result.data == shown
            assert json.loads(second.requests[0].partition(b"\r\n\r\n")[2])["model"] == "second-model"
            record = stage.record
            assert (record.outcome, record.status, record.error) == ("answered", 200, None)
            assert (record.provider, record.model) == ("second", "second-model")
            failed, answered = record.attempts
            assert (failed.outcome, failed.error, failed.status) == expected
            assert failed.provider == "first"
            assert failed.first_ms is None
            assert failed.end_ms < 1000  # no limit was put off by what is not an answer
            assert (answered.outcome, answered.error, answered.status) == ("answered", None, 200)

    run_on_uvloop(main())


def test_a_fallback_takes_over_where_nobody_listens() -> None:
    async def main() -> None:
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            nobody = f"http://127.0.0.1:{reserved.getsockname()[1]}"
            async with (
                ByteServer(GOOD_WHOLE) as second,
                stage_of({"first": nobody, "second": second}) as stage,
            ):
                assert (await stage.play(WHOLE)).data == answer()
                assert [one.error for one in stage.record.attempts] == ["provider_unreachable", None]

    run_on_uvloop(main())


def test_a_fallback_takes_over_where_all_connections_are_in_use() -> None:
    async def main() -> None:
        async with (
            ByteServer([Do.HOLD], GOOD_WHOLE) as first,
            ByteServer(GOOD_WHOLE) as second,
            stage_of({"first": first, "second": second}, settings={"first": {"max_connections": 1}}) as stage,
        ):
            held = asyncio.ensure_future(stage.clients["first"].send("chat", "m", b"{}"))
            await asyncio.sleep(0.02)
            assert (await stage.play(WHOLE)).data == answer()
            assert [one.error for one in stage.record.attempts] == ["overloaded", None]
            held.cancel()
            await asyncio.gather(held, return_exceptions=True)

    run_on_uvloop(main())


def test_embeddings_fall_back_as_well() -> None:
    async def main() -> None:
        good = b'{"model":"e-1","data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":4,"total_tokens":4}}'
        async with (
            ByteServer([whole(answer())]) as first,
            ByteServer([whole(good)]) as second,
            stage_of({"first": first, "second": second}) as stage,
        ):
            assert (await stage.play(EMBEDDINGS)).data == good
            record = stage.record
            assert record.operation == "embeddings"
            assert [one.error for one in record.attempts] == ["provider_broken", None]
            assert (record.usage.input_tokens, record.usage.output_tokens) == (4, 0)
            assert second.requests[0].startswith(b"POST /v1/embeddings ")

    run_on_uvloop(main())


@pytest.mark.parametrize("request_body", [WHOLE, STREAMED], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", [400, 405, 406, 409, 411, 413, 414, 415, 422])
def test_no_fallback_when_the_request_is_at_fault(status: int, request_body: bytes) -> None:
    async def main() -> None:
        async with (
            ByteServer(refusal(status)) as first,
            ByteServer(GOOD_WHOLE) as second,
            stage_of({"first": first, "second": second}) as stage,
        ):
            result = await stage.play(request_body)
            assert isinstance(result.error, ProviderRefused)
            assert result.error.body == b'{"error":{"message":"no"}}'
            assert second.requests == []
            record = stage.record
            assert (record.outcome, record.status, record.error) == ("refused", status, "provider_refused")
            assert [one.status for one in record.attempts] == [status]

    run_on_uvloop(main())


def test_a_refusal_whose_body_is_cut_is_still_that_refusal() -> None:
    async def main() -> None:
        cut: Answer = [b"HTTP/1.1 422 No\r\ncontent-length: 99\r\n\r\n{", 0.01, Do.END]
        async with ByteServer(cut) as first, stage_of({"first": first}) as stage:
            result = await stage.play(WHOLE)
            assert isinstance(result.error, ProviderRefused)
            assert (result.error.provider_status, result.error.body) == (422, b"")
            assert (stage.record.outcome, stage.record.status) == ("refused", 422)

    run_on_uvloop(main())


LAST: dict[str, tuple[Answer, type[FreeholdError], str, int]] = {
    "unreachable": ([Do.RESET], ProviderUnreachable, "failed", 502),
    "broken": ([whole(b"x")], ProviderBroken, "failed", 502),
    "silent": ([Do.HOLD], ProviderTimeout, "failed", 504),
    "no credit": (refusal(402), ProviderRefused, "failed", 502),
    "too much": (refusal(429), ProviderRefused, "refused", 429),
    "overloaded": (refusal(529), ProviderRefused, "failed", 529),
}


@pytest.mark.parametrize(("fault", "error", "outcome", "status"), LAST.values(), ids=LAST.keys())
def test_when_all_fail_the_last_ones_error_is_told(
    fault: Answer, error: type[FreeholdError], outcome: str, status: int
) -> None:
    async def main() -> None:
        async with (
            ByteServer(refusal(500)) as first,
            ByteServer(refusal(503)) as second,
            ByteServer(fault) as third,
            stage_of({"first": first, "second": second, "third": third}, timeouts=QUICK) as stage,
        ):
            result = await stage.play(WHOLE)
            assert type(result.error) is error
            record = stage.record
            assert (record.outcome, record.status, record.error) == (outcome, status, error.code)
            assert [one.provider for one in record.attempts] == ["first", "second", "third"]
            assert [one.error for one in record.attempts][:2] == ["provider_refused"] * 2
            assert record.provider == "third"

    run_on_uvloop(main())


def test_a_model_called_directly_has_no_fallback() -> None:
    async def main() -> None:
        async with (
            ByteServer(refusal(500)) as first,
            ByteServer(GOOD_WHOLE) as second,
            stage_of({"first": first, "second": second}) as stage,
        ):
            result = await stage.play(WHOLE.replace(b'"r"', b'"first/some/model"'))
            assert isinstance(result.error, ProviderRefused)
            assert (stage.record.route, stage.record.model) == ("first/some/model", "some/model")
            assert second.requests == []

    run_on_uvloop(main())


def test_what_came_before_the_first_token_is_not_lost() -> None:
    async def main() -> None:
        async with (
            ByteServer(streamed(PING, ROLE, WORD, event("stop"))) as first,
            stage_of({"first": first}) as stage,
        ):
            result = await stage.play(STREAMED)
            assert result.pieces[0].startswith(PING + ROLE + WORD)

    run_on_uvloop(main())


def test_a_long_beginning_is_passed_on_though_nothing_was_written() -> None:
    async def main() -> None:
        notes = [b": " + b"x" * 8000 + b"\n\n"] * 12
        rest: Answer = [0.3, chunk(WORD + event("stop")), LAST_CHUNK]
        async with (
            ByteServer([*streamed(*notes, ended=False), *rest]) as first,
            stage_of({"first": first}) as stage,
        ):
            got: list[Result] = []
            call = asyncio.ensure_future(stage.play(STREAMED, result=got))
            await asyncio.sleep(0.15)
            assert got[0].data.startswith(notes[0])
            assert (await call).error is None

    run_on_uvloop(main())


def test_the_caller_may_be_told_that_we_are_full() -> None:
    async def main() -> None:
        async with (
            ByteServer(GOOD_WHOLE) as first,
            stage_of({"first": first}, max_connections=0) as stage,
        ):
            result = await stage.play(WHOLE)
            assert isinstance(result.error, Overloaded)
            assert (stage.record.outcome, stage.record.status) == ("failed", 503)

    run_on_uvloop(main())
