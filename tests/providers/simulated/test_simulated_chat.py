"""Chat completions as they are on the wire."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from raw_exchange import Received, ask, chat, exchange, request_bytes

from freehold.providers.simulated import (
    Behaviour,
    Echo,
    Lorem,
    Script,
    SimulatedProvider,
    ToolCall,
    UsageNumbers,
)


def answer(script: Script, body: object, **how: Any) -> Received:
    async def run() -> Received:
        async with SimulatedProvider(script) as provider:
            return await ask(provider.port, body, **how)

    return asyncio.run(run())


def one(behaviour: Behaviour) -> Script:
    return Script(models={"m": behaviour})


def deltas(received: Received) -> list[dict[str, Any]]:
    return [
        json.loads(event)["choices"][0]["delta"]
        for event in received.events[:-1]
        if json.loads(event)["choices"]
    ]


def test_a_whole_answer_has_openai_s_form() -> None:
    got = answer(one(Behaviour(text="Fine, thanks.")), chat(say="How are you"))
    assert got.status == 200
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-request-id"].startswith("req_")
    value = got.json
    assert value["object"] == "chat.completion"
    assert value["model"] == "m"
    assert value["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Fine, thanks.", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert (value["usage"]["prompt_tokens"], value["usage"]["completion_tokens"]) == (6, 2)
    assert value["usage"]["total_tokens"] == 8


def test_a_stream_says_the_role_then_tokens_then_the_end() -> None:
    got = answer(one(Behaviour(text="one two three")), chat(stream=True))
    assert got.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert got.finished
    assert deltas(got) == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "one"},
        {"content": " two"},
        {"content": " three"},
        {},
    ]
    assert got.events[-1] == "[DONE]"
    assert json.loads(got.events[-2])["choices"][0]["finish_reason"] == "stop"
    assert len({json.loads(event)["id"] for event in got.events[:-1]}) == 1
    assert not any("usage" in json.loads(event) for event in got.events[:-1])


def test_usage_comes_last_in_a_stream_when_it_is_asked_for() -> None:
    body = chat(stream=True, stream_options={"include_usage": True})
    got = answer(one(Behaviour(text="one two")), body)
    *before, last = (json.loads(event) for event in got.events[:-1])
    assert all(event["usage"] is None for event in before)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 2


def test_usage_can_be_missing_or_dictated() -> None:
    body = chat(stream=True, stream_options={"include_usage": True})
    missing = answer(one(Behaviour(usage="missing")), body)
    assert not any(json.loads(event).get("usage") for event in missing.events[:-1])
    assert "usage" not in answer(one(Behaviour(usage="missing")), chat()).json
    told = UsageNumbers(input_tokens=900, cache_read_tokens=800, reasoning_tokens=7)
    usage = answer(one(Behaviour(text="a b", usage=told)), chat()).json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (900, 2, 902)
    assert usage["prompt_tokens_details"] == {"cached_tokens": 800}
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 7}


@pytest.mark.parametrize("said", ["hello", "  two  spaces ", 'Grüße "quoted"\n\\ 🎻', ""])
def test_an_echo_is_exact_whole_and_streamed(said: str) -> None:
    script = one(Behaviour(text=Echo()))
    assert answer(script, chat(say=said)).json["choices"][0]["message"]["content"] == said
    streamed = deltas(answer(script, chat(say=said, stream=True)))
    assert "".join(delta.get("content", "") for delta in streamed) == said


def test_the_echo_is_of_the_last_user_message_in_any_form() -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "user", "content": [{"type": "text", "text": "la"}, {"type": "text", "text": "st"}]},
        {"role": "assistant", "content": None},
    ]
    got = answer(one(Behaviour(text=Echo())), {"model": "m", "messages": messages})
    assert got.json["choices"][0]["message"]["content"] == "last"


def test_lorem_has_the_length_that_was_asked_and_the_request_s_limit_cuts_it() -> None:
    script = one(Behaviour(text=Lorem(tokens=50)))
    whole = answer(script, chat()).json
    assert len(whole["choices"][0]["message"]["content"].split()) == 50
    assert whole["usage"]["completion_tokens"] == 50
    for body in (chat(max_tokens=10), chat(max_completion_tokens=10)):
        cut = answer(script, body).json
        assert cut["choices"][0]["finish_reason"] == "length"
        assert cut["usage"]["completion_tokens"] == 10


def test_several_tokens_may_share_a_chunk() -> None:
    got = answer(one(Behaviour(text=Lorem(tokens=10), chunk_tokens=4)), chat(stream=True))
    assert [len(delta["content"].split()) for delta in deltas(got)[1:-1]] == [4, 4, 2]


def test_tool_calls_are_parallel_and_come_in_pieces() -> None:
    script = one(
        Behaviour(
            tool_calls=(
                ToolCall("look_up", '{"city": "Zürich"}', id="call_a", pieces=3),
                ToolCall("count", "{broken", pieces=1),
            )
        )
    )
    message = answer(script, chat()).json["choices"][0]
    assert message["finish_reason"] == "tool_calls"
    assert message["message"]["content"] is None
    assert [call["function"] for call in message["message"]["tool_calls"]] == [
        {"name": "look_up", "arguments": '{"city": "Zürich"}'},
        {"name": "count", "arguments": "{broken"},
    ]
    pieces = [
        delta["tool_calls"][0] for delta in deltas(answer(script, chat(stream=True))) if "tool_calls" in delta
    ]
    assert [piece["index"] for piece in pieces] == [0, 0, 0, 0, 1, 1]
    assert pieces[0]["id"] == "call_a"
    assert pieces[4]["function"] == {"name": "count", "arguments": ""}
    assert pieces[4]["id"].startswith("call_")
    assert "".join(piece["function"]["arguments"] for piece in pieces[:4]) == '{"city": "Zürich"}'


def test_text_may_come_before_tool_calls_and_the_reason_may_be_dictated() -> None:
    script = one(Behaviour(text="Wait.", tool_calls=(ToolCall("f"),), finish_reason="content_filter"))
    choice = answer(script, chat()).json["choices"][0]
    assert choice["message"]["content"] == "Wait."
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "f"
    assert choice["finish_reason"] == "content_filter"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, None),
        (b"\xff\xfe", 400, None),
        ({"messages": []}, 400, None),
        (chat(n=0), 400, None),
        ({"model": "m", "messages": []}, 400, None),
        (chat("unheard-of"), 404, "model_not_found"),
    ],
)
def test_wrong_requests_are_refused_in_openai_s_form(body: object, status: int, code: str | None) -> None:
    got = answer(one(Behaviour()), body)
    assert got.status == status
    error = got.json["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["code"] == code


def test_a_key_is_checked_when_the_script_has_one() -> None:
    script = Script(key="sk-right")
    for headers in ([], ["authorization: Bearer sk-wrong"], ["authorization: Basic sk-right"]):
        got = answer(script, chat(), headers=headers)
        assert got.status == 401
        assert got.json["error"]["code"] == "invalid_api_key"
        assert "sk-" not in got.body.decode()
    assert answer(script, chat(), headers=["authorization: Bearer sk-right"]).status == 200


def test_paths_methods_and_prefix() -> None:
    assert answer(Script(), None, path="/v1/nothing", method="GET").status == 404
    assert answer(Script(), None, method="GET").status == 405
    script = Script(prefix="/openai/deployments/x")
    assert answer(script, chat()).status == 404
    assert (
        answer(script, chat(), path="/openai/deployments/x/v1/chat/completions?api-version=1").status == 200
    )


def test_a_star_stands_for_every_other_model() -> None:
    script = Script(models={"a": Behaviour(text="A"), "*": Behaviour(text="other")})
    assert answer(script, chat("a")).json["choices"][0]["message"]["content"] == "A"
    assert answer(script, chat("b")).json["choices"][0]["message"]["content"] == "other"
    listed = answer(script, None, path="/v1/models", method="GET").json["data"]
    assert [model["id"] for model in listed] == ["a"]


def test_old_clients_get_a_body_that_ends_with_the_connection() -> None:
    async def run() -> Received:
        async with SimulatedProvider(one(Behaviour(text="a b"))) as provider:
            return await exchange(provider.port, request_bytes(chat(stream=True), version="1.0"), limit=5)

    got = asyncio.run(run())
    assert got.end == "fin"
    assert "transfer-encoding" not in got.headers
    assert got.raw_body.endswith(b"data: [DONE]\n\n")


def test_pipelined_requests_are_answered_in_order() -> None:
    async def run() -> bytes:
        async with SimulatedProvider(one(Behaviour(text=Echo(), first_token_s=0.01))) as provider:
            requests = [request_bytes(chat(say=f"number-{i}")) for i in range(5)]
            received = await exchange(provider.port, *requests, limit=0.5)
            assert provider.connections.opened == 1
            assert provider.connections.reused == 4
            return received.data

    data = asyncio.run(run())
    places = [data.index(f'"content":"number-{i}"'.encode()) for i in range(5)]
    assert places == sorted(places)


def test_a_client_may_wait_for_leave_to_send_its_body() -> None:
    async def run() -> bytes:
        async with SimulatedProvider(one(Behaviour(text="ok"))) as provider:
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
            head, _, body = request_bytes(
                chat(), headers=["expect: 100-continue", "connection: close"]
            ).partition(b"\r\n\r\n")
            writer.write(head + b"\r\n\r\n")
            leave = await reader.readuntil(b"\r\n\r\n")
            writer.write(body)
            rest = await reader.read()
            writer.close()
            await writer.wait_closed()
            assert rest.startswith(b"HTTP/1.1 200 OK")
            return leave

    assert asyncio.run(run()) == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"rubbish\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 100_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n" + b" " * 67_200_000, 413),
    ],
)
def test_what_cannot_be_a_request_is_refused_and_the_connection_closed(data: bytes, status: int) -> None:
    async def run() -> Received:
        async with SimulatedProvider() as provider:
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
            writer.write(data)
            received = b""
            try:
                while piece := await asyncio.wait_for(reader.read(65536), 5):
                    received += piece
            except ConnectionError:
                pass
            writer.transport.abort()
            return Received(received, "fin")

    assert asyncio.run(run()).status == status
