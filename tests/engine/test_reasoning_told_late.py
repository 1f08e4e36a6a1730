"""Reasoning of which only the answer tells what became of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from byte_server import LAST_CHUNK, STREAM_HEAD, ByteServer, chunk, whole
from engines import stage_of
from loops import run_on_uvloop

from freehold.core.errors import LossRefused
from freehold.wire.dialect import Quirks
from freehold.wire.request import read_chat_request

ENCRYPTED = ["reasoning.encrypted_content"]
SAID: dict[str, Any] = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Yes.", "annotations": []}],
}


def response(thought: dict[str, Any]) -> dict[str, Any]:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], **thought}
    return {"id": "resp_1", "status": "completed", "model": "mystery", "output": [item, SAID]}


def served(thought: dict[str, Any], *, streamed: bool) -> list[bytes]:
    answer = response(thought)
    if not streamed:
        return [whole(json.dumps(answer).encode())]
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**answer, "output": [], "status": "in_progress"}}
    ]
    for index, item in enumerate(answer["output"]):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": "response.completed", "response": answer})
    written = [chunk(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode()) for one in events]
    return [STREAM_HEAD, *written, LAST_CHUNK]


def body_of(*, streamed: bool, **more: Any) -> bytes:
    messages = [{"role": "user", "content": "hi"}]
    return json.dumps({"model": "r", "messages": messages, "stream": streamed, **more}).encode()


def sent_to(server: ByteServer) -> Any:
    return json.loads(server.requests[0].partition(b"\r\n\r\n")[2])


RESPONSES: dict[str, Any] = {"dialects": ("openai-responses",)}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("thought", "lost"),
    [
        ({}, True),
        ({"summary": [{"type": "summary_text", "text": "Hm"}]}, True),
        ({"content": [{"type": "reasoning_text", "text": "Hm"}]}, False),
        ({"encrypted_content": "gAAA"}, False),
    ],
    ids=["nothing", "summary", "words", "state"],
)
def test_reasoning_that_came_without_its_state_is_declared(
    thought: dict[str, Any], lost: bool, streamed: bool
) -> None:
    """Of a model that nobody knows to reason, and whose provider was therefore not asked for state."""

    async def main() -> None:
        async with (
            ByteServer(served(thought, streamed=streamed)) as server,
            stage_of({"acme": server}, **RESPONSES) as stage,
        ):
            result = await stage.play(body_of(streamed=streamed))
            assert result.error is None
            assert b"Yes." in result.data
            sent = sent_to(server)
            assert "include" not in sent
            assert ("reasoning.state" in stage.record.losses) == lost

    run_on_uvloop(main())


@pytest.mark.parametrize(
    ("asked", "model", "more", "include"),
    [
        ("known", "mystery", {}, None),
        ("known", "gpt-5.2", {}, ENCRYPTED),
        ("known", "mystery", {"reasoning_effort": "low"}, ENCRYPTED),
        ("always", "mystery", {}, ENCRYPTED),
        ("never", "gpt-5.2", {"reasoning_effort": "low"}, None),
    ],
)
def test_state_is_asked_for_as_the_provider_takes_it(
    asked: Any, model: str, more: dict[str, Any], include: list[str] | None
) -> None:
    async def main() -> None:
        quirks = Quirks(encrypted_reasoning=asked)
        body = body_of(streamed=False, **more, **{"model": f"acme/{model}"})
        async with (
            ByteServer(served({"encrypted_content": "gAAA"}, streamed=False)) as server,
            stage_of({"acme": server}, quirks=quirks, **RESPONSES) as stage,
        ):
            result = await stage.play(body)
            assert result.error is None
            assert sent_to(server).get("include") == include

    run_on_uvloop(main())


SHOWN = {"thinking": "Hm", "signature": "c2ln", "type": "thinking"}
HIDDEN = {"thinking": "", "signature": "c2ln", "type": "thinking"}
WITHHELD = {"type": "redacted_thinking", "data": "c2ln"}
TEXT = {"type": "text", "text": "Yes."}


@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize(
    "blocks",
    [[SHOWN, TEXT], [HIDDEN, TEXT], [WITHHELD, TEXT], [TEXT]],
    ids=["shown", "hidden", "withheld", "none"],
)
def test_whether_reasoning_is_shown_is_declared_only_where_it_differed(
    blocks: list[dict[str, str]], exclude: bool
) -> None:
    """Behind a provider that was asked for nothing of the kind: it may have done as the client wished."""
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": blocks,
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }

    async def main() -> None:
        body = body_of(streamed=False, reasoning={"exclude": exclude}, max_tokens=10)
        async with (
            ByteServer([whole(json.dumps(answer).encode())]) as server,
            stage_of({"acme": server}, dialects=("anthropic-messages",)) as stage,
        ):
            result = await stage.play(body)
            assert result.error is None
            differed = blocks == ([SHOWN, TEXT] if exclude else [HIDDEN, TEXT])
            assert ("reasoning.shown" in stage.record.losses) == differed

    run_on_uvloop(main())


def test_those_who_would_rather_have_an_error_get_one_before_anything_is_sent() -> None:
    async def main() -> None:
        body = body_of(streamed=False, reasoning={"exclude": False}, max_tokens=10)
        async with (
            ByteServer([]) as server,
            stage_of({"acme": server}, dialects=("anthropic-messages",)) as stage,
        ):
            running = stage.engine.begin("chat", "openai-chat", None)
            request = read_chat_request(body)
            request.strict = True
            running.route_to(request)
            with pytest.raises(LossRefused, match=r"reasoning\.shown"):
                await running.ask(request)
            running.fail(LossRefused((), "acme"), 400)
            assert not server.requests

    run_on_uvloop(main())
