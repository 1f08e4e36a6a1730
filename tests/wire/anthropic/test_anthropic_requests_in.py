"""Requests of clients: what they write, and what is understood."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import BadRequest
from freehold.core.parts import (
    CacheMark,
    Foreign,
    Media,
    Message,
    Reasoning,
    State,
    Text,
    ToolCall,
    ToolResult,
)
from freehold.core.request import ChatRequest, HostedTool, ReasoningWish, Tool, ToolChoice
from freehold.wire.anthropic.count_tokens import decode_count_request
from freehold.wire.anthropic.dialect import DIALECT
from freehold.wire.sealing import seal


def decode(**fields: Any) -> ChatRequest:
    body = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return DIALECT.decode_request(msgspec.json.encode(body))


def test_the_least() -> None:
    request = decode()
    assert request.messages == [Message(role="user", parts=[Text(text="Hi")], plain=True)]
    assert (request.model, request.max_tokens, request.dialect) == ("m", 10, "anthropic-messages")


def test_system_as_text_and_as_blocks() -> None:
    assert decode(system="Be kind.").messages[0] == Message(
        role="system", parts=[Text(text="Be kind.")], plain=True
    )
    block = {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert decode(system=[block]).messages[0].parts == [Text(text="Be kind.", cache=CacheMark("1h"))]


def test_a_system_message_stays_where_it_stood() -> None:
    request = decode(messages=[{"role": "user", "content": "a"}, {"role": "system", "content": "b"}])
    assert [message.role for message in request.messages] == ["user", "system"]


def test_results_come_first_and_apart() -> None:
    turn = [
        {"type": "text", "text": "And?"},
        {"type": "tool_result", "tool_use_id": "a", "content": "1", "is_error": True},
        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "2"}]},
        {"type": "tool_result", "tool_use_id": "c"},
    ]
    results, rest = decode(messages=[{"role": "user", "content": turn}]).messages
    assert results.role == "tool"
    assert results.parts == [
        ToolResult(call_id="a", content=[Text(text="1")], failed=True),
        ToolResult(call_id="b", content=[Text(text="2")]),
        ToolResult(call_id="c"),
    ]
    assert rest.parts == [Text(text="And?")]


def test_calls_keep_the_words_of_their_input() -> None:
    body = (
        b'{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f",'
        b'"input":{"b": 1.0, "a": 1e2}}]}]}'
    )
    assert DIALECT.decode_request(body).messages[0].parts == [
        ToolCall(id="t", name="f", arguments='{"b": 1.0, "a": 1e2}')
    ]


def test_thinking_without_words_survives() -> None:
    content = [
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {"type": "thinking", "thinking": "hm", "signature": ""},
    ]
    assert decode(messages=[{"role": "assistant", "content": content}]).messages[0].parts == [
        Reasoning(state=State("c2ln", "signature")),
        Reasoning(state=State("ZGF0YQ==", "redacted")),
        Reasoning(text="hm"),
    ]


def test_state_is_unsealed_to_where_it_belongs() -> None:
    own, beside = State("x", "encrypted", "openai"), State("y", "signature", "google", on_previous=True)
    content = [
        {"type": "redacted_thinking", "data": seal(own)},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        {"type": "thinking", "thinking": "", "signature": seal(beside)},
    ]
    parts = decode(messages=[{"role": "assistant", "content": content}]).messages[0].parts
    state = State("y", "signature", "google")
    assert parts == [Reasoning(state=own), ToolCall(id="t", name="f", arguments="{}", state=state)]


def test_media() -> None:
    sources = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "image", "source": {"type": "url", "url": "https://e.org/a.png"}},
        {"type": "document", "source": {"type": "file", "file_id": "f1"}, "title": "T"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "more"}]}},
        {
            "type": "search_result",
            "source": "s",
            "title": "R",
            "content": [{"type": "text", "text": "found"}],
        },
        {"type": "container_upload", "file_id": "f2"},
    ]
    parts = decode(messages=[{"role": "user", "content": sources}]).messages[0].parts
    assert parts[:4] == [
        Media(kind="image", mime_type="image/png", data="AAAA"),
        Media(kind="image", url="https://e.org/a.png"),
        Media(kind="document", file_id="f1", name="T"),
        Media(kind="document", mime_type="text/plain", text="words"),
    ]
    assert [part.text for part in parts[4:6] if isinstance(part, Media)] == ["more", "found"]
    assert isinstance(parts[6], Foreign)
    assert parts[6].kind == "container_upload"


def test_tools_and_choice() -> None:
    request = decode(
        tools=[
            {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True},
            {"type": "custom", "name": "g", "input_schema": {"type": "object"}, "defer_loading": True},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        ],
        tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    )
    function, other, hosted = request.tools
    assert function == Tool(name="f", description="d", schema=b'{"type":"object"}', strict=True)
    assert isinstance(other, Tool)
    assert list(other.extra) == ["defer_loading"]
    assert isinstance(hosted, HostedTool)
    assert hosted.kind == "web_search_20250305"
    assert request.tool_choice == ToolChoice(mode="named", names=("f",))
    assert request.parallel_tool_calls is False


def test_reasoning_and_form() -> None:
    request = decode(
        thinking={"type": "enabled", "budget_tokens": 2000, "display": "omitted"},
        output_config={
            "effort": "low",
            "format": {"type": "json_schema", "schema": {"type": "object"}},
            "x": 1,
        },
        metadata={"user_id": "u", "y": 2},
        service_tier="standard_only",
        container="c",
    )
    assert request.reasoning == ReasoningWish(effort="low", budget=2000, mode="enabled", shown=False)
    assert request.response_format is not None
    assert request.response_format.schema == b'{"type":"object"}'
    assert (request.user, request.metadata, request.service_tier) == ("u", b'{"y":2}', "standard_only")
    assert request.extra == {"output_config": msgspec.Raw(b'{"x":1}'), "container": msgspec.Raw(b'"c"')}


def test_the_older_name_of_the_form() -> None:
    request = decode(output_format={"type": "json_schema", "schema": {"type": "object"}})
    assert request.response_format is not None
    assert request.response_format.kind == "schema"


def test_a_request_to_count_has_no_bound() -> None:
    assert decode_count_request(b'{"model":"m","messages":[]}').max_tokens is None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b"{}", "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[{"role":"owner","content":""}]}', "messages[0].role"),
        (b'{"model":"m","messages":[{"role":"user","content":[{}]}]}', "messages[0].content[0].type"),
        (b'{"model":"m","messages":[],"max_tokens":"x"}', "max_tokens"),
        (b'{"model":"m","messages":[],"tool_choice":{"type":"x"}}', "tool_choice.type"),
    ],
)
def test_what_is_refused_names_its_field(body: bytes, param: str | None) -> None:
    with pytest.raises(BadRequest) as caught:
        DIALECT.decode_request(body)
    assert caught.value.param == param


json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["", "text", "user", "tool_use", "auto"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "role", "content", "text", "source", "input", "id", "name", "signature"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.binary(max_size=60) | json.map(msgspec.json.encode), json, json, json)
def test_nothing_else_is_raised(body: bytes, content: Any, tools: Any, thinking: Any) -> None:
    fields = {
        "model": "m",
        "system": content,
        "messages": [{"role": "user", "content": content}],
        "tools": tools,
        "thinking": thinking,
        "tool_choice": thinking,
        "output_config": thinking,
    }
    for given_body in (body, msgspec.json.encode(fields)):
        with suppress(BadRequest):
            DIALECT.decode_request(given_body)
