"""Requests written for Cohere's chat: what is sent, and what is declared as lost."""

from __future__ import annotations

import contextlib
from typing import Any

import any_request
import msgspec
import pytest
from cohere.types import ChatMessageV2, ResponseFormatV2, Thinking, ToolV2
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.core.parts import (
    CacheMark,
    Citation,
    Foreign,
    Media,
    Message,
    Part,
    Reasoning,
    State,
    Text,
    ToolCall,
    ToolResult,
)
from freehold.core.request import ChatRequest, HostedTool, ReasoningWish, ResponseFormat, Tool, ToolChoice
from freehold.wire.cohere.answer_in import PLAN
from freehold.wire.cohere.dialect import DIALECT
from freehold.wire.dialect import Quirks, Recipient

PLAIN = "command-r7b-12-2024"
THINKING = "command-a-reasoning-08-2025"
HELLO = Message(role="user", parts=[Text(text="hello")])
TOOL = Tool(name="f", description="does", schema=b'{"type":"object"}')

_messages: TypeAdapter[list[ChatMessageV2]] = TypeAdapter(list[ChatMessageV2])
_tools: TypeAdapter[list[ToolV2]] = TypeAdapter(list[ToolV2])


def _judge(body: dict[str, Any]) -> None:
    """The SDK's own types read what is sent and find nothing that they do not know."""
    parsed = _messages.validate_python(body["messages"], strict=False)
    for one in parsed:
        assert not one.model_extra, one.model_extra
    for tool in _tools.validate_python(body.get("tools", [])):
        assert not tool.model_extra
    if "thinking" in body:
        assert not Thinking.model_validate(body["thinking"]).model_extra
    if "response_format" in body:
        TypeAdapter(ResponseFormatV2).validate_python(body["response_format"])


def _sent(
    request: ChatRequest, model: str = PLAIN, quirks: Quirks | None = None
) -> tuple[dict[str, Any], set[str]]:
    losses = Losses()
    recipient = Recipient(model=model, origin="here", quirks=quirks or Quirks())
    body = msgspec.json.decode(DIALECT.encode_request(request, recipient, losses))
    _judge(body)
    return body, set(losses.names)


def _asked(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest(model="route", messages=list(messages) or [HELLO], dialect="openai-chat", **fields)


def _user(*parts: Part) -> Message:
    return Message(role="user", parts=list(parts))


def _assistant(*parts: Part) -> Message:
    return Message(role="assistant", parts=list(parts))


def test_a_plain_request() -> None:
    system = Message(role="developer", parts=[Text(text="be kind")])
    body, lost = _sent(_asked(system, HELLO, max_tokens=5, stop=["x"], seed=1, temperature=0.3, stream=True))
    assert body == {
        "model": PLAIN,
        "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}],
        "stream": True,
        "max_tokens": 5,
        "temperature": 0.3,
        "seed": 1,
        "stop_sequences": ["x"],
    }
    assert not lost


def test_pictures_go_along_as_addresses_or_data() -> None:
    body, lost = _sent(
        _asked(
            _user(
                Text(text="look"),
                Media(kind="image", url="https://example.com/a.png", detail="low"),
                Media(kind="image", mime_type="image/jpeg", data="QUJD"),
                Media(kind="audio", data="QUJD"),
                Media(kind="image", file_id="f"),
            )
        )
    )
    assert body["messages"][0]["content"][1:] == [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QUJD"}},
    ]
    assert lost == {"audio", "file"}


def test_documents_of_text_are_told_beside_the_messages() -> None:
    body, lost = _sent(
        _asked(
            _user(
                Text(text="?"),
                Media(kind="document", mime_type="application/pdf", data="QUJD"),
                Media(kind="document", mime_type="text/plain", data="aGk=", name="a.txt"),
            )
        )
    )
    assert body["documents"] == [{"id": "doc:1", "data": {"text": "hi", "title": "a.txt"}}]
    assert lost == {"document"}


def test_a_call_and_its_result() -> None:
    body, lost = _sent(
        _asked(
            HELLO,
            _assistant(Text(text="I look it up."), ToolCall(id="a", name="f", arguments='{"x": 1.50}')),
            _assistant(ToolCall(id="b", name="f")),
            Message(
                role="tool",
                parts=[
                    ToolResult(call_id="a", content=[Text(text='{"n":1}')], structured=True),
                    ToolResult(call_id="b", content=[Media(kind="image", data="QUJD")], failed=True),
                ],
            ),
            tools=[TOOL],
        )
    )
    assert body["messages"][1] == {
        "role": "assistant",
        "tool_plan": "I look it up.",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1.50}'}},
            {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ],
    }
    assert body["messages"][2] == {
        "role": "tool",
        "tool_call_id": "a",
        "content": [{"type": "document", "document": {"data": {"n": 1}}}],
    }
    assert body["messages"][3] == {"role": "tool", "tool_call_id": "b", "content": "."}
    assert lost == {"tool_result.media", "tool_result.failed", "message.blank"}


def test_arguments_that_are_not_json_survive() -> None:
    body, lost = _sent(_asked(HELLO, _assistant(ToolCall(id="a", name="f", arguments="{not json"))))
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{not json"
    assert not lost


@pytest.mark.parametrize(
    ("choice", "sent", "offered"),
    [
        (ToolChoice(mode="auto"), None, ["f", "g"]),
        (ToolChoice(mode="none"), "NONE", ["f", "g"]),
        (ToolChoice(mode="required"), "REQUIRED", ["f", "g"]),
        (ToolChoice(mode="named", names=("g",)), "REQUIRED", ["g"]),
        (ToolChoice(mode="auto", names=("g",)), None, ["g"]),
    ],
)
def test_which_tools_must_be_called(choice: ToolChoice, sent: str | None, offered: list[str]) -> None:
    body, lost = _sent(_asked(tools=[TOOL, Tool(name="g")], tool_choice=choice))
    assert body.get("tool_choice") == sent
    assert [tool["function"]["name"] for tool in body["tools"]] == offered
    assert not lost


def test_strict_tools_are_all_or_none() -> None:
    strict = Tool(name="f", strict=True)
    assert _sent(_asked(tools=[strict]))[0]["strict_tools"] is True
    body, lost = _sent(_asked(tools=[strict, Tool(name="g")]))
    assert "strict_tools" not in body
    assert lost == {"strict"}


def test_tools_of_others_and_free_text() -> None:
    hosted = HostedTool(dialect="gemini", kind="google_search", raw=b"{}")
    _, lost = _sent(_asked(tools=[hosted, Tool(name="c", custom=True, cache=CacheMark())]))
    assert lost == {"tool.google_search", "tool.custom", "cache"}


def test_reasoning_goes_back_to_models_that_reason() -> None:
    turn = [HELLO, _assistant(Reasoning(text="hm"), Text(text="4")), HELLO]
    body, lost = _sent(_asked(*turn), THINKING)
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "4"},
    ]
    assert not lost
    body, lost = _sent(_asked(*turn))
    assert body["messages"][1]["content"] == "4"
    assert lost == {"reasoning"}


def test_a_plan_goes_back_as_a_plan() -> None:
    call = ToolCall(id="a", name="f")
    for model in (PLAIN, THINKING):
        body, lost = _sent(
            _asked(HELLO, _assistant(Reasoning(text="I will.", extra=dict(PLAN)), call)), model
        )
        assert body["messages"][1]["tool_plan"] == "I will."
        assert not lost


def test_state_of_others_is_a_loss() -> None:
    part = Reasoning(text="hm", state=State(data="s", kind="signature"))
    assert _sent(_asked(HELLO, _assistant(part)), THINKING)[1] == {"reasoning.state"}


@pytest.mark.parametrize(
    ("wish", "model", "sent", "lost"),
    [
        (
            ReasoningWish(mode="enabled", budget=500),
            THINKING,
            {"type": "enabled", "token_budget": 500},
            set(),
        ),
        (ReasoningWish(effort="none"), THINKING, {"type": "disabled"}, set()),
        (ReasoningWish(effort="high"), THINKING, {"type": "enabled"}, {"reasoning.effort"}),
        (ReasoningWish(effort="none"), PLAIN, None, set()),
        (ReasoningWish(mode="enabled", budget=500), PLAIN, None, {"reasoning.effort", "reasoning.budget"}),
    ],
)
def test_how_much_to_think(wish: ReasoningWish, model: str, sent: Any, lost: set[str]) -> None:
    body, declared = _sent(_asked(reasoning=wish), model)
    assert body.get("thinking") == sent
    assert declared == lost


def test_the_form_of_the_answer() -> None:
    schema = b'{"type":"object"}'
    form = ResponseFormat(kind="schema", name="n", schema=schema)
    body, lost = _sent(_asked(response_format=form))
    assert body["response_format"] == {"type": "json_object", "json_schema": {"type": "object"}}
    assert not lost
    assert _sent(_asked(response_format=ResponseFormat(kind="json")))[0]["response_format"] == {
        "type": "json_object"
    }
    body, lost = _sent(_asked(response_format=form, tools=[TOOL]))
    assert "response_format" not in body
    assert schema.decode() in body["messages"][0]["content"]
    assert lost == {"response_format"}


def test_sampling_within_what_is_taken() -> None:
    body, lost = _sent(
        _asked(top_p=1.0, top_k=900, frequency_penalty=2.0, presence_penalty=-1.0, stop=list("abcdefg"))
    )
    assert (body["p"], body["k"], body["frequency_penalty"], body["presence_penalty"]) == (0.99, 500, 1, 0)
    assert body["stop_sequences"] == list("abcde")
    assert lost == {"top_p", "top_k", "frequency_penalty", "presence_penalty", "stop"}


LOST: dict[str, Any] = {
    "audio": b"{}",
    "cache": CacheMark(),
    "cache_key": "k",
    "logit_bias": b"{}",
    "metadata": b"{}",
    "min_p": 0.1,
    "modalities": ["audio"],
    "n": 2,
    "prediction": b"{}",
    "safety_key": "k",
    "safety_settings": b"[]",
    "service_tier": "flex",
    "store": True,
    "top_logprobs": 2,
    "user": "u",
    "verbosity": "low",
}


@pytest.mark.parametrize("name", LOST)
def test_what_has_no_place_is_declared(name: str) -> None:
    body, lost = _sent(_asked(**{name: LOST[name]}))
    assert set(body) == {"model", "messages", "stream"}
    assert len(lost) == 1


def test_the_smaller_things_without_a_place_are_declared() -> None:
    message = Message(
        role="user",
        name="ann",
        extra={"x": msgspec.Raw(b"1")},
        parts=[
            Text(
                text="a", citations=[Citation()], cache=CacheMark(), state=State(data="s", kind="signature")
            ),
            Foreign(dialect="gemini", kind="executableCode", raw=b"{}"),
        ],
    )
    _, lost = _sent(
        _asked(message, parallel_tool_calls=False, tools=[TOOL], extra={"top_a": msgspec.Raw(b"1")})
    )
    assert lost == {
        "message.name",
        "field.x",
        "citations",
        "cache",
        "reasoning.state",
        "part.executableCode",
        "parallel_tool_calls",
        "field.top_a",
    }


def test_fields_of_coheres_own_are_passed_on() -> None:
    request = _asked(extra={"safety_mode": msgspec.Raw(b'"STRICT"'), "documents": msgspec.Raw(b'["a"]')})
    request.dialect = "cohere"
    body, lost = _sent(request)
    assert (body["safety_mode"], body["documents"]) == ("STRICT", ["a"])
    assert not lost


@settings(max_examples=200, deadline=None)
@given(any_request.requests(), st.sampled_from((PLAIN, THINKING)))
def test_any_request_is_one_that_the_sdk_knows(request: ChatRequest, model: str) -> None:
    with contextlib.suppress(BadRequest):
        body, _ = _sent(request, model)
        assert body["messages"]
        assert all(message.get("content", ".") for message in body["messages"])
