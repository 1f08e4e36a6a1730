"""Requests of this dialect: what a client asks is what a provider gets, and what is lost is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given as holds_for
from hypothesis import settings
from hypothesis import strategies as st
from spoken_responses import passed, read, sent

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.core.parts import (
    CacheMark,
    Citation,
    Foreign,
    Media,
    Message,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    ToolResult,
)
from freehold.core.request import ChatRequest, HostedTool, ReasoningWish, ResponseFormat, Tool, ToolChoice
from freehold.wire import sealing
from freehold.wire.dialect import Quirks, Recipient
from freehold.wire.responses.dialect import DIALECT

FUNCTION = {
    "type": "function",
    "name": "get",
    "description": "d",
    "parameters": {"type": "object", "properties": {"a": {"type": "string"}}},
    "strict": True,
}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get", "arguments": '{"a":'}
MESSAGE = {
    "type": "message",
    "role": "assistant",
    "id": "msg_1",
    "status": "completed",
    "content": [{"type": "output_text", "text": "hm", "annotations": []}],
    "phase": "commentary",
}


def spoken(*messages: Message, **fields: Any) -> ChatRequest:
    """A request that came in another dialect."""
    return ChatRequest(model="m", messages=list(messages), dialect="openai-chat", **fields)


USER = Message(role="user", parts=[Text(text="hi")], plain=True)


def test_a_string_is_a_user_message() -> None:
    request = read(input="hi", instructions="be kind")
    assert [(m.role, m.plain) for m in request.messages] == [("system", True), ("user", True)]
    body = passed(input="hi", instructions="be kind")
    assert body == {
        "model": "theirs",
        "instructions": "be kind",
        "input": [{"type": "message", "role": "user", "content": "hi"}],
        "store": False,
    }


def test_leading_system_messages_are_instructions_and_later_ones_stay() -> None:
    system = Message(role="system", parts=[Text(text="one")])
    body, losses = sent(
        spoken(system, system, USER, system, Message(role="developer", parts=[Text(text="two")]))
    )
    assert body["instructions"] == "one\n\none"
    assert [item["role"] for item in body["input"]] == ["user", "system", "developer"]
    assert losses == ()


def test_parts_of_messages_go_through() -> None:
    parts = [
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBO", "detail": "high"},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
        {"type": "input_image", "file_id": "file-1", "detail": "auto"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        {"type": "input_file", "file_id": "file-2"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"type": "input_video", "video_url": "https://example.com/a.mp4"},
        {"type": "sketch", "strokes": 3},
    ]
    item = {"type": "message", "role": "user", "content": parts}
    assert passed(input=[item])["input"] == [item]
    read_parts = read(input=[item]).messages[0].parts
    image = read_parts[1]
    assert isinstance(image, Media)
    assert (image.mime_type, image.data, image.url) == ("image/png", "iVBO", None)


def test_a_turn_keeps_its_order_and_its_ids() -> None:
    result = {"type": "function_call_output", "call_id": "call_1", "output": "21"}
    second = {**MESSAGE, "id": "msg_2", "phase": "final_answer"}
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
    items = [REASONING, search, MESSAGE, CALL, result, {**REASONING, "id": "rs_2"}, MESSAGE, second]
    request = read(input=items)
    assert [m.role for m in request.messages] == ["assistant", "tool", "assistant", "assistant"]
    assert passed(input=items)["input"] == items


def test_calls_of_a_turn_are_one_message_even_when_something_is_said_between_them() -> None:
    items = [CALL, REASONING, MESSAGE, {**CALL, "call_id": "call_2", "id": "fc_2"}]
    assert len(read(input=items).messages) == 1
    assert passed(input=items)["input"] == items


def test_a_plain_message_in_a_turn_does_not_make_the_others_plain() -> None:
    plain = {"type": "message", "role": "assistant", "content": "well"}
    cited = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    content = [{"type": "output_text", "text": "hm", "annotations": [cited]}]
    items = [plain, CALL, {**MESSAGE, "content": content}]
    assert len(read(input=items).messages) == 1
    assert passed(input=items)["input"] == items


def test_results_of_tools() -> None:
    parts = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBO"},
    ]
    items = [
        {"type": "function_call_output", "call_id": "call_1", "output": parts},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "free text"},
    ]
    request = read(input=items)
    assert [m.role for m in request.messages] == ["tool"]
    assert passed(input=items)["input"] == items


def test_hosted_items_and_references_go_through_and_are_losses_elsewhere() -> None:
    items: list[dict[str, Any]] = [
        {"type": "item_reference", "id": "msg_9"},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"},
        {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
    ]
    request = read(input=items)
    assert passed(input=items)["input"] == items
    kinds = [part.kind for m in request.messages for part in m.parts if isinstance(part, Foreign)]
    assert kinds == ["item_reference", "compaction", "mcp_approval_response"]
    elsewhere = Message(role="assistant", parts=[Foreign(dialect="gemini", kind="executableCode", raw=b"{}")])
    assert sent(spoken(USER, elsewhere))[1] == ("part.executableCode",)


def test_an_item_without_a_type_is_a_message_or_a_reference() -> None:
    request = read(input=[{"role": "user", "content": "a"}, {"id": "msg_1"}])
    assert [m.role for m in request.messages] == ["user", "user"]


def test_tools_and_the_choice_among_them() -> None:
    tools = [
        FUNCTION,
        {"type": "custom", "name": "sql", "format": GRAMMAR},
        {"type": "web_search", "search_context_size": "low"},
    ]
    for choice in (
        "auto",
        "none",
        "required",
        {"type": "function", "name": "get"},
        {"type": "custom", "name": "sql"},
        {"type": "web_search"},
        {"type": "mcp", "server_label": "s", "name": "n"},
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "get"}, {"type": "custom", "name": "sql"}],
        },
        {
            "type": "allowed_tools",
            "mode": "auto",
            "tools": [{"type": "function", "name": "get"}, {"type": "mcp"}],
        },
    ):
        body = passed(tools=tools, tool_choice=choice, parallel_tool_calls=False)
        assert body["tools"] == tools
        assert body["tool_choice"] == choice
        assert body["parallel_tool_calls"] is False
    request = read(tools=tools, tool_choice={"type": "function", "name": "get"})
    assert request.tool_choice == ToolChoice(mode="named", names=("get",))
    assert [type(tool) for tool in request.tools] == [Tool, Tool, HostedTool]


def test_tools_of_other_dialects_are_not_made_strict() -> None:
    grammar = b'{"type":"grammar","grammar":{"syntax":"regex","definition":"x"}}'
    body, losses = sent(
        spoken(
            USER,
            tools=[
                Tool(name="a"),
                Tool(name="b", custom=True, format=grammar),
                HostedTool(dialect="gemini", kind="googleSearch", raw=b"{}"),
            ],
        )
    )
    assert body["tools"] == [
        {
            "type": "function",
            "name": "a",
            "parameters": {"type": "object", "properties": {}},
            "strict": False,
        },
        {"type": "custom", "name": "b", "format": {"type": "grammar", "syntax": "regex", "definition": "x"}},
    ]
    assert losses == ("tool.googleSearch",)


def test_settings_go_through() -> None:
    fields = {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 8,
        "top_logprobs": 3,
        "include": ["web_search_call.action.sources", "message.output_text.logprobs"],
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "user": "u",
        "truncation": "auto",
        "background": True,
        "conversation": {"id": "conv_1"},
        "previous_response_id": "resp_1",
        "reasoning": {"effort": "none", "context": "auto"},
        "text": {
            "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True},
            "verbosity": "low",
        },
        "stream": True,
    }
    body = passed(**fields)
    assert {name: body[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("asked", "dialect", "kept"),
    [(True, "openai-responses", True), (None, "openai-responses", False), (True, "openai-chat", False)],
)
def test_only_a_client_of_this_dialect_can_have_answers_kept(
    asked: bool | None, dialect: str, kept: bool
) -> None:
    request = ChatRequest(model="m", messages=[USER], store=asked, dialect=dialect)
    body, losses = sent(request)
    assert body["store"] is kept
    assert losses == (("store",) if asked and not kept else ())


def test_encrypted_reasoning_is_asked_for_where_nothing_is_kept_and_the_model_reasons() -> None:
    encrypted = ["reasoning.encrypted_content"]
    assert passed(reasoning={"effort": "low"})["include"] == encrypted
    assert passed(include=encrypted)["include"] == encrypted
    assert passed(input=[REASONING, CALL])["include"] == encrypted
    assert "include" not in passed(reasoning={"effort": "none"})
    assert "include" not in passed()
    assert "include" not in passed(reasoning={"effort": "low"}, store=True)


def test_state_goes_to_its_maker_alone() -> None:
    sealed = sealing.seal(State(data="gAAA", kind="encrypted", origin="mine"))
    request = read(input=[{**REASONING, "encrypted_content": sealed}, CALL])
    body, losses = sent(request, origin="mine")
    assert body["input"] == [REASONING, CALL]
    assert losses == ()
    body, losses = sent(request, origin="other")
    # Nor do the ids go, by which a provider would know that the reasoning is missing.
    assert body["input"] == [{name: value for name, value in CALL.items() if name != "id"}]
    assert losses == ("reasoning.state", "reasoning")
    assert "include" not in body


def test_a_signature_is_no_encrypted_reasoning() -> None:
    state = State(data="sig", kind="signature", origin="p")
    request = spoken(
        USER, Message(role="assistant", parts=[Reasoning(text="x", state=state), Text(text="y")])
    )
    body, losses = sent(request, origin="p")
    assert [item["type"] for item in body["input"]] == ["message", "message"]
    assert losses == ("reasoning.state", "reasoning")


def test_reasoning_in_plain_words_goes_to_who_takes_it() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm"}],
    }
    request = read(input=[item, CALL])
    assert sent(request)[1] == ("reasoning",)
    body, losses = sent(request, quirks=Quirks(reasoning_replay="reasoning_content"))
    assert body["input"] == [item, CALL]
    assert losses == ()


def test_reasoning_that_the_provider_keeps_needs_no_state() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    assert passed(input=[item, CALL], store=True)["input"] == [item, CALL]


def test_what_the_dialect_cannot_say_is_lost_aloud() -> None:
    request = spoken(
        Message(
            role="user",
            name="ann",
            parts=[
                Text(text="a", cache=CacheMark()),
                Media(kind="video", url="https://example.com/v"),
                Media(kind="image", file_id="f"),
            ],
        ),
        Message(
            role="assistant",
            parts=[ToolCall(id="c" * 70, name="n", state=State(data="x", kind="signature", origin="g"))],
        ),
        Message(
            role="tool",
            parts=[
                ToolResult(
                    call_id="c" * 70,
                    failed=True,
                    content=[Text(text="no"), Media(kind="audio", data="AA", mime_type="audio/wav")],
                )
            ],
        ),
        top_k=1,
        min_p=0.1,
        presence_penalty=0.1,
        frequency_penalty=0.1,
        stop=["x"],
        seed=1,
        n=2,
        logit_bias=b"{}",
        modalities=["text", "audio"],
        prediction=b"{}",
        cache=CacheMark(),
        safety_settings=b"[]",
        max_tokens=1,
        service_tier="standard_only",
        extra={"odd": b"1"},
    )
    body, losses = sent(request)
    assert set(losses) == {
        "message.name", "cache", "video", "file", "reasoning.state", "tool_result.failed", "tool_result.media",
        "top_k", "min_p", "presence_penalty", "frequency_penalty", "stop", "seed", "n", "logit_bias",
        "modalities", "prediction", "safety_settings", "max_tokens", "service_tier", "field.odd",
    }  # fmt: skip
    call, result = body["input"][1:]
    assert len(call["call_id"]) <= 64
    assert call["call_id"] == result["call_id"]
    assert call["arguments"] == "{}"
    assert body["max_output_tokens"] == 16


def test_fields_that_a_provider_does_not_take_are_left_out() -> None:
    quirks = Quirks(unsupported=("temperature", "reasoning", "tools", "user"), schema=False, input_media=())
    request = read(
        input=[{"role": "user", "content": [{"type": "input_image", "image_url": "https://example.com/i"}]}],
        temperature=1,
        reasoning={"effort": "low"},
        tools=[FUNCTION],
        user="u",
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
    )
    body, losses = sent(request, quirks=quirks)
    assert set(losses) == {
        "temperature",
        "reasoning.effort",
        "tool.function",
        "user",
        "response_format",
        "image",
    }
    assert not {"temperature", "reasoning", "tools", "user"} & set(body)
    assert body["text"] == {"format": {"type": "json_object"}}
    assert '{"type":"object"}' in body["instructions"].replace(" ", "")


def test_a_provider_that_knows_nothing_of_keeping_is_not_told() -> None:
    body, losses = sent(read(), quirks=Quirks(unsupported=("store",)))
    assert "store" not in body
    assert losses == ()


def test_of_an_assistants_sound_its_words_go_through() -> None:
    sound = Media(kind="audio", data="AA", transcript="hello")
    body, losses = sent(spoken(USER, Message(role="assistant", parts=[sound])))
    assert body["input"][1]["content"] == [{"type": "output_text", "text": "hello", "annotations": []}]
    assert losses == ("audio",)


def test_a_budget_is_put_as_an_effort() -> None:
    body, losses = sent(spoken(USER, reasoning=ReasoningWish(budget=4096, mode="enabled", shown=True)))
    assert body["reasoning"] == {"effort": "medium", "summary": "auto"}
    assert losses == ("reasoning.budget",)
    assert sent(spoken(USER, reasoning=ReasoningWish(mode="disabled")))[0]["reasoning"] == {"effort": "none"}


def test_an_assistants_citations_and_refusals_go_through() -> None:
    content = [
        {
            "type": "output_text",
            "text": "a",
            "annotations": [
                {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1},
                {"type": "file_citation", "file_id": "f", "filename": "n", "index": 3},
                {"type": "file_path", "file_id": "f", "index": 0},
                {
                    "type": "container_file_citation",
                    "container_id": "c",
                    "file_id": "f",
                    "filename": "n",
                    "start_index": 0,
                    "end_index": 1,
                },
                {"type": "odd", "x": 1},
            ],
        },
        {"type": "refusal", "refusal": "no"},
    ]
    item = {"type": "message", "role": "assistant", "content": content}
    assert passed(input=[item])["input"] == [item]
    uncited = Message(
        role="assistant", parts=[Text(text="a", citations=[Citation(document=0)]), Refusal(text="b")]
    )
    assert sent(spoken(uncited))[1] == ("citations",)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"input": 3}, "input"),
        ({"input": [{"type": "message", "role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"content": "x"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": 3}]}, "input[0].content"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"temperature": "hot"}, "temperature"),
    ],
)
def test_what_is_wrong_is_named_as_the_client_wrote_it(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(**fields)
    assert caught.value.param == param
    assert f"`{param}`" in str(caught.value)


def test_halves_of_characters_are_replaced() -> None:
    request = DIALECT.decode_request(b'{"model":"m","input":"a\\ud83d b \\ud83d\\ude00"}')
    text = request.messages[0].parts[0]
    assert isinstance(text, Text)
    assert text.text == "a\N{REPLACEMENT CHARACTER} b \N{GRINNING FACE}"


_names = st.text("abcdefgh_", min_size=1, max_size=8)
_ids = st.none() | _names
_said = st.builds(Text, text=st.text(max_size=20), item_id=_ids) | st.builds(
    Refusal, text=st.text(max_size=20), item_id=_ids
)
_call = st.builds(
    ToolCall, id=_names, name=_names, arguments=st.text(min_size=1, max_size=20), custom=st.booleans()
)
_thought = st.builds(
    Reasoning,
    text=st.text(max_size=20),
    summary=st.lists(st.text(max_size=10), max_size=3),
    state=st.builds(State, data=st.text("abc", min_size=1), kind=st.just("encrypted")),
    item_id=_ids,
)
_picture = st.builds(
    Media, kind=st.just("image"), mime_type=st.just("image/png"), data=st.text("abcd", max_size=8)
)
_result = st.builds(
    ToolResult,
    call_id=_names,
    content=st.lists(st.builds(Text, text=st.text(max_size=10)) | _picture, min_size=1, max_size=3),
)
_turn = st.one_of(
    st.builds(
        Message,
        role=st.sampled_from(["user", "developer"]),
        parts=st.lists(st.builds(Text, text=st.text(max_size=20)) | _picture, min_size=1, max_size=3),
        id=_ids,
    ),
    st.builds(
        Message, role=st.just("assistant"), parts=st.lists(_said | _call | _thought, min_size=1, max_size=4)
    ),
    st.builds(Message, role=st.just("tool"), parts=st.lists(_result, min_size=1, max_size=2)),
)


def _flat(request: ChatRequest) -> list[Any]:
    """All parts with the roles they have, however they are joined to messages."""
    return [(message.role, part) for message in request.messages for part in message.parts]


@settings(max_examples=100, deadline=None)
@holds_for(st.lists(_turn, max_size=5))
def test_conversations_survive_the_way_through_the_wire(messages: list[Message]) -> None:
    request = ChatRequest(model="m", messages=messages, dialect=DIALECT.name)
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                for other in (p for m in messages for p in m.parts if isinstance(p, ToolResult)):
                    other.custom = other.custom or (part.custom and other.call_id == part.id)
    body, losses = sent(request)
    assert losses == ()
    again = DIALECT.decode_request(json.dumps({**body, "model": "m"}).encode())
    before, after = _flat(request), _flat(again)
    assert [(role, type(part)) for role, part in after] == [(role, type(part)) for role, part in before]
    for (_, part), (_, other) in zip(before, after, strict=True):
        if isinstance(part, Text | Refusal):
            # Neighbours without ids may be one item with those that have one.
            assert part.text == other.text
        elif isinstance(part, ToolCall):
            assert (part.id, part.name, part.arguments, part.custom) == (
                other.id,
                other.name,
                other.arguments,
                other.custom,
            )
        else:
            assert part == other
    assert sent(again)[0]["input"] == body["input"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "role", "content", "text", "id", "name", "output", "summary", "call_id", "image_url"]
            )
            | st.text(max_size=3),
            inner
            | st.sampled_from(
                ["message", "reasoning", "function_call", "assistant", "user", "input_text", "input_image"]
            ),
            max_size=4,
        )
    ),
    max_leaves=12,
)
_fields = st.sampled_from(
    [
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "text",
        "reasoning",
        "include",
        "stream_options",
        "metadata",
    ]
)


@settings(max_examples=100, deadline=None)
@holds_for(
    st.binary(max_size=60)
    | st.dictionaries(_fields, _json, max_size=3).map(
        lambda fields: json.dumps({"model": "m", **fields}).encode()
    )
)
def test_no_bytes_do_worse_than_a_bad_request(body: bytes) -> None:
    try:
        request = DIALECT.decode_request(body)
    except BadRequest:
        return
    sent(request)


def test_a_response_format_of_another_dialect() -> None:
    form = ResponseFormat(kind="schema", schema=b'{"type":"object"}')
    body, losses = sent(spoken(USER, response_format=form, verbosity="low"))
    assert body["text"] == {
        "format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}},
        "verbosity": "low",
    }
    assert losses == ()


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("gpt-5.2", True),
        ("openai/o3", True),
        ("ft:o4-mini:acme", True),
        ("grok-4-fast-reasoning", True),
        ("grok-4-fast-non-reasoning", False),
        ("gpt-4o", False),
        ("gpt-5-chat-latest", False),
        ("llama-4", False),
    ],
)
def test_the_state_of_models_that_reason_unasked_comes_along(model: str, asked: bool) -> None:
    losses = Losses()
    body = DIALECT.encode_request(spoken(USER), Recipient(model=model, origin="openai"), losses)
    assert json.loads(body).get("include", []) == (["reasoning.encrypted_content"] if asked else [])
    assert not losses
