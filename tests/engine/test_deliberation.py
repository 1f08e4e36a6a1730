"""A client of a stream that a cascade takes long over hears that somebody is there, and nothing that is not its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic
import pytest
from answers import ROLE, event, streamed
from byte_server import ByteServer, Do, Step, whole
from engines import STREAMED, Stage
from loops import run_on_uvloop
from test_cascading import UNSURE, Cascader, cascade, check_decision, spoken

from freehold.core.errors import FreeholdError, Stopping
from freehold.engine.running import RunningCall
from freehold.wire.request import (
    Request,
    read_chat_request,
    read_gemini_request,
    read_messages_request,
    read_responses_request,
)
from freehold.wire.sse import WAIT, EventSplitter, data_of

BEAT = 0.05
LATE: list[Step] = [0.25]
Reader = Callable[[], tuple[str, Request]]

CONTENTS = b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
MESSAGES = b'{"model":"r","messages":[{"role":"user","content":"hi"}],"max_tokens":9,"stream":true}'
READERS: dict[str, Reader] = {
    "openai-chat": lambda: ("openai-chat", read_chat_request(STREAMED)),
    "openai-responses": lambda: (
        "openai-responses",
        read_responses_request(b'{"model":"r","input":"hi","stream":true}'),
    ),
    "anthropic-messages": lambda: ("anthropic-messages", read_messages_request(MESSAGES)),
    "gemini": lambda: ("gemini", read_gemini_request(CONTENTS, "r", stream=True)),
    "gemini-list": lambda: ("gemini", read_gemini_request(CONTENTS, "r", stream=True, framing="json-array")),
}


def begin(stage: Stage, reader: Reader) -> tuple[RunningCall, Request]:
    dialect, request = reader()
    running = stage.engine.begin("chat", dialect, None)
    running.receive(b"{}", keep_body=True)
    running.route_to(request)
    return running, request


async def read(stage: Stage, reader: Reader) -> tuple[list[bytes], FreeholdError | None]:
    """What a client gets, piece by piece, as the gateway would send it."""
    running, request = begin(stage, reader)
    pieces = [await running.ask(request)]
    try:
        while piece := await running.next_piece():
            pieces.append(piece)
    except FreeholdError as error:
        pieces.append(running.last_words(error))
        return pieces, error
    return pieces, None


def text_in(name: str, stream: bytes) -> str:
    """What somebody reads who takes the stream for what it is."""
    if name == "gemini-list":
        return "".join(one["candidates"][0]["content"]["parts"][0]["text"] for one in json.loads(stream))
    found = ""
    for frame in EventSplitter().feed(stream):
        data = data_of(frame)
        if data is None or data == b"[DONE]":
            continue
        value: Any = json.loads(data)
        if name == "openai-chat" and value["choices"]:
            found += value["choices"][0]["delta"].get("content") or ""
        elif name == "gemini":
            found += value["candidates"][0]["content"]["parts"][0]["text"]
        elif name == "openai-responses" and value["type"] == "response.output_text.delta":
            found += value["delta"]
        elif name == "anthropic-messages" and value["type"] == "content_block_delta":
            found += value["delta"]["text"]
    return found


@pytest.mark.parametrize("name", READERS)
def test_a_client_that_waits_hears_that_somebody_is_there(name: str) -> None:
    async def main() -> None:
        slow = [[*LATE, *spoken("cheap", UNSURE)], [*LATE, *spoken("dear")]]
        async with cascade(Cascader("logprobs"), *([one] for one in slow), beat=BEAT) as (stage, _):
            pieces, error = await read(stage, READERS[name])
        assert error is None
        assert len(pieces) >= 5
        assert text_in(name, b"".join(pieces)) == "dear"
        call = stage.record
        assert (call.outcome, call.provider) == ("answered", "dear")
        assert call.answer_bytes == sum(map(len, pieces))
        assert call.first_token_ms is not None
        assert call.first_token_ms >= 400
        check_decision(call, "dear", "escalated", cheap="unsure")
        if name == "anthropic-messages":
            await check_with_sdk(b"".join(pieces))

    run_on_uvloop(main())


async def check_with_sdk(stream: bytes) -> None:
    async with ByteServer(streamed(stream)) as server:
        url = server.url.removesuffix("/v1")
        async with (
            anthropic.AsyncAnthropic(api_key="x", base_url=url, max_retries=0) as client,
            client.messages.stream(
                model="r", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            ) as events,
        ):
            assert await events.get_final_text() == "dear"


@pytest.mark.parametrize("name", READERS)
def test_one_that_waited_in_vain_is_told_so_in_its_dialect(name: str) -> None:
    async def main() -> None:
        bad: list[Step] = [*LATE, whole(b"no", status=b"500 No")]
        async with cascade(Cascader("logprobs"), [bad], [bad], beat=BEAT) as (stage, _):
            pieces, error = await read(stage, READERS[name])
        assert error is not None
        assert b"error" in pieces[-1]
        if name == "gemini-list":
            assert "error" in json.loads(b"".join(pieces))[-1]
        call = stage.record
        assert (call.outcome, call.error, call.provider) == ("cut", error.code, "dear")
        assert [one.reason for one in call.attempts] == ["incumbent", "fallback"]
        check_decision(call, "dear", "others failed", cheap="failed")

    run_on_uvloop(main())


@pytest.mark.parametrize("at", ["cheap", "dear"])
@pytest.mark.parametrize("confidence", ["logprobs", "agreement"])
def test_a_call_that_is_ended_while_its_client_waits_leaves_nothing_behind(at: str, confidence: Any) -> None:
    async def main() -> None:
        hanging: list[Step] = [*streamed(ROLE, event(content="x"), ended=False), Do.HOLD]
        cheap = hanging if at == "cheap" else spoken("cheap", UNSURE)
        threshold = 2.0 if confidence == "agreement" else 0.5
        scripts = [cheap], [[Do.HOLD]]
        async with cascade(Cascader(confidence, threshold), *scripts, beat=BEAT) as (stage, _):
            running, request = begin(stage, READERS["openai-chat"])
            assert await running.ask(request) == WAIT
            assert await running.next_piece() == WAIT
            running.cancel()
            call = stage.record
            before = [(one.outcome, one.end_ms) for one in call.attempts]
        assert [(one.outcome, one.end_ms) for one in call.attempts] == before  # nobody changes it afterwards
        assert call.outcome == "cancelled"
        assert call.provider == at
        assert {outcome for outcome, _ in before} <= {"answered", "cancelled"}
        assert all(end > 0 for _, end in before)

    run_on_uvloop(main())


def test_a_call_that_we_end_while_its_client_waits_is_told_so() -> None:
    async def main() -> None:
        async with cascade(Cascader("logprobs"), [[Do.HOLD]], [[Do.HOLD]], beat=BEAT) as (stage, _):
            running, request = begin(stage, READERS["openai-chat"])
            assert await running.ask(request) == WAIT
            stopping = Stopping("The endpoint is being stopped.")
            running.break_off(stopping)
            assert b"being stopped" in running.last_words(stopping)
        assert (stage.record.outcome, stage.record.error) == ("cut", stopping.code)

    run_on_uvloop(main())
