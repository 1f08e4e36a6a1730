"""Requests of openai-chat: what is read, what is written, and what is declared lost."""

from __future__ import annotations

import json

import msgspec
import pytest
from openai_chat_samples import assistant, decoded, encoded, foreign, user

from freehold.core.errors import BadRequest
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
from freehold.core.request import HostedTool, ReasoningWish, ResponseFormat, Tool, ToolChoice
from freehold.wire.openai_chat.dialect import DIALECT
from freehold.wire.sealing import seal

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": '}}
PIXEL = "iVBORw0KGgo="


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b'"\xff"', None),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[]}', "messages"),
        (b'{"model":"","messages":[{"role":"user","content":"x"}]}', "model"),
        (b'{"model":"m","messages":[{"role":"robot","content":"x"}]}', "messages[0].role"),
        (b'{"model":"m","messages":[{"role":"user","content":7}]}', "messages[0].content"),
        (
            b'{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}',
            "messages[0].content[0].text",
        ),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":"hot"}', "temperature"),
    ],
)
def test_a_field_that_is_wrong_is_named(body: bytes, param: str | None) -> None:
    with pytest.raises(BadRequest) as caught:
        DIALECT.decode_request(body)
    assert caught.value.param == param


def test_invalid_arguments_survive() -> None:
    messages = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "seen"},
    ]
    body, losses = encoded(decoded(messages=messages))
    assert body["messages"] == messages
    assert losses == ()


def test_empty_arguments_are_an_object() -> None:
    body, _ = encoded(foreign(assistant(ToolCall(id="c", name="f"))))
    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_legacy_functions_are_tools_whose_calls_are_paired() -> None:
    request = decoded(
        messages=[
            {"role": "user", "content": "look"},
            {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
            {"role": "function", "name": "look", "content": "seen"},
        ],
        functions=[{"name": "look", "parameters": {"type": "object"}}],
        function_call={"name": "look"},
    )
    assert request.legacy
    body, losses = encoded(request)
    call_id = body["messages"][1]["tool_calls"][0]["id"]
    assert body["messages"][2] == {"role": "tool", "tool_call_id": call_id, "content": "seen", "name": "look"}
    assert body["tools"] == [
        {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert "functions" not in body
    assert losses == ()


def test_every_kind_of_part_goes_through() -> None:
    content = [
        {"type": "text", "text": "see", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "reference", "reference_ids": [1]},
    ]
    request = decoded(messages=[{"role": "user", "content": content}])
    kinds = [type(part) for part in request.messages[0].parts]
    assert kinds == [Text, Media, Media, Media, Media, Media, Media, Foreign]
    body, losses = encoded(request)
    assert body["messages"][0]["content"] == content
    assert losses == ()


def test_the_developer_is_the_system_to_those_who_know_no_other() -> None:
    request = decoded(
        messages=[{"role": "developer", "content": "be brief"}, {"role": "user", "content": "x"}]
    )
    assert encoded(request)[0]["messages"][0]["role"] == "developer"
    assert encoded(request, developer_role=False)[0]["messages"][0]["role"] == "system"


def test_pictures_in_results_follow_the_results() -> None:
    picture = Media(kind="image", mime_type="image/png", data=PIXEL)
    request = foreign(
        assistant(ToolCall(id="a", name="f"), ToolCall(id="b", name="f")),
        Message(
            role="tool",
            parts=[
                ToolResult(call_id="a", content=[Text(text="see"), picture], failed=True),
                ToolResult(call_id="b", content=[Text(text="ok")]),
            ],
        ),
        user(Text(text="and?")),
    )
    body, losses = encoded(request)
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["assistant", "tool", "tool", "user", "user"]
    assert body["messages"][1]["content"] == "see"
    assert body["messages"][3]["content"][1]["image_url"]["url"] == f"data:image/png;base64,{PIXEL}"
    assert set(losses) == {"tool_result.media", "tool_result.failed"}


def test_what_has_no_place_is_a_loss() -> None:
    request = foreign(
        Message(role="system", parts=[Text(text="s", cache=CacheMark()), Media(kind="image", url="u")]),
        user(
            Text(text="x", extra={"odd": msgspec.Raw(b"1")}),
            Media(kind="image", file_id="f"),
            Media(kind="audio", url="https://example.org/a.wav"),
            Media(kind="document", url="https://example.org/a.pdf"),
            Media(kind="image", url="u", detail="ultra"),
            Foreign(dialect="gemini", kind="executableCode", raw=b"{}"),
        ),
        assistant(Reasoning(text="hm"), Text(text="y", citations=[Citation(kind="url", url="u")])),
        tools=[
            HostedTool(dialect="gemini", kind="googleSearch", raw=b"{}"),
            Tool(name="f", cache=CacheMark()),
        ],
        cache=CacheMark(),
        safety_settings=b"[]",
        logit_bias=b'{"1":2}',
        service_tier="odd",
        extra={"container": msgspec.Raw(b"1")},
    )
    _, losses = encoded(request)
    assert set(losses) == {
        "audio",
        "cache",
        "citations",
        "document",
        "field.container",
        "field.odd",
        "file",
        "image",
        "image.detail",
        "logit_bias",
        "part.executableCode",
        "reasoning",
        "safety_settings",
        "service_tier",
        "tool.googleSearch",
    }


def test_what_a_provider_does_not_take_is_left_out() -> None:
    request = decoded(
        seed=1, n=2, top_k=3, prompt_cache_key="k", parallel_tool_calls=True, reasoning_effort="low"
    )
    unsupported = ("seed", "n", "top_k", "cache_key", "parallel_tool_calls", "reasoning", "logit_bias")
    body, losses = encoded(request, unsupported=unsupported)
    assert set(body) == {"model", "messages"}
    assert set(losses) == {"seed", "n", "top_k", "cache", "reasoning.effort"}


def test_unknown_fields_are_passed_on_within_the_dialect() -> None:
    request = decoded(
        web_search_options={"search_context_size": "low"},
        stream=True,
        stream_options={"include_usage": False, "include_obfuscation": False},
        chat_template_kwargs={"enable_thinking": False, "tone": "dry"},
    )
    body, losses = encoded(request, reasoning_wish="template")
    assert body["web_search_options"] == {"search_context_size": "low"}
    assert body["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert body["chat_template_kwargs"] == {"enable_thinking": False, "tone": "dry"}
    assert losses == ()


@pytest.mark.parametrize(
    "choice",
    [
        "auto",
        "none",
        "required",
        {"type": "function", "function": {"name": "f"}},
        {"type": "custom", "custom": {"name": "c"}},
        {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [
                    {"type": "function", "function": {"name": "f"}},
                    {"type": "custom", "custom": {"name": "c"}},
                ],
            },
        },
    ],
)
def test_choices_of_tools(choice: object) -> None:
    tools = [
        {"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}},
        {
            "type": "custom",
            "custom": {
                "name": "c",
                "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}},
            },
        },
    ]
    request = decoded(tools=tools, tool_choice=choice, parallel_tool_calls=False)
    body, losses = encoded(request)
    assert (body["tools"], body["tool_choice"]) == (tools, choice)
    assert body["parallel_tool_calls"] is False
    assert losses == ()
    assert isinstance(request.tools[1], Tool)
    assert json.loads(request.tools[1].format or b"") == {
        "type": "grammar",
        "syntax": "lark",
        "definition": "start: A",
    }


def test_a_limited_choice_of_another_dialect_leaves_tools_out() -> None:
    request = foreign(
        tools=[Tool(name="a"), Tool(name="b"), Tool(name="c")],
        tool_choice=ToolChoice(mode="named", names=("a", "b")),
    )
    body, losses = encoded(request)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["a", "b"]
    assert body["tool_choice"] == "required"
    assert losses == ()


def test_a_choice_without_tools_is_not_sent() -> None:
    body, _ = encoded(foreign(tool_choice=ToolChoice(mode="auto"), parallel_tool_calls=False))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(body)


def test_free_text_is_asked_for_as_json_where_only_functions_are_known() -> None:
    request = decoded(
        tools=[{"type": "custom", "custom": {"name": "c"}}],
        tool_choice={"type": "custom", "custom": {"name": "c"}},
        messages=[
            {"role": "user", "content": "x"},
            {
                "role": "assistant",
                "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "c", "input": 'a "b"'}}],
            },
        ],
    )
    body, losses = encoded(request, custom_tools=False)
    assert body["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "c"}}
    call = body["messages"][1]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == {"input": 'a "b"'}
    assert losses == ("tool.custom",)


def test_ids_that_do_not_fit_are_replaced_alike() -> None:
    long = "chatcmpl-tool-" + "0" * 32
    request = foreign(
        assistant(ToolCall(id=long, name="f")), Message(role="tool", parts=[ToolResult(call_id=long)])
    )
    for form, length in (("any", 40), ("nine", 9)):
        messages = encoded(request, call_ids=form)[0]["messages"]
        sent = messages[0]["tool_calls"][0]["id"]
        assert sent == messages[1]["tool_call_id"]
        assert len(sent) <= length


def test_calls_without_ids_are_paired_by_order() -> None:
    call = {"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    request = decoded(
        messages=[
            {"role": "assistant", "tool_calls": [call, call]},
            {"role": "tool", "tool_call_id": "", "content": "1"},
            {"role": "tool", "tool_call_id": "", "content": "2"},
        ]
    )
    first, second = request.messages[0].parts
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    results = [part for message in request.messages[1:] for part in message.parts]
    assert [getattr(one, "call_id", "") for one in results] == [first.id, second.id]
    assert first.id != second.id


WISHES = [
    ({"reasoning_effort": "high"}, "effort", {"reasoning_effort": "high"}, ()),
    ({"reasoning_effort": "high"}, "object", {"reasoning": {"effort": "high"}}, ()),
    (
        {"reasoning_effort": "high"},
        "thinking",
        {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
        (),
    ),
    (
        {"reasoning_effort": "high"},
        "template",
        {"chat_template_kwargs": {"enable_thinking": True}},
        ("reasoning.effort",),
    ),
    ({"reasoning_effort": "high"}, "none", {}, ("reasoning.effort",)),
    ({"reasoning": {"max_tokens": 5000}}, "object", {"reasoning": {"max_tokens": 5000}}, ()),
    ({"reasoning": {"max_tokens": 5000}}, "effort", {"reasoning_effort": "medium"}, ("reasoning.budget",)),
    ({"reasoning": {"enabled": False}}, "effort", {"reasoning_effort": "none"}, ()),
    ({"reasoning": {"exclude": True}}, "effort", {}, ()),
    (
        {"thinking": {"type": "disabled"}},
        "template",
        {"chat_template_kwargs": {"enable_thinking": False}},
        (),
    ),
    (
        {"thinking": {"type": "enabled", "clear_thinking": False}},
        "thinking",
        {"thinking": {"type": "enabled", "clear_thinking": False}},
        (),
    ),
    ({"enable_thinking": True}, "thinking", {"thinking": {"type": "enabled"}}, ()),
    ({"thinking": {"type": "adaptive"}}, "effort", {}, ()),
]


@pytest.mark.parametrize(("told", "form", "expected", "lost"), WISHES)
def test_wishes_for_reasoning(told: dict, form: str, expected: dict, lost: tuple[str, ...]) -> None:  # type: ignore[type-arg]
    body, losses = encoded(decoded(**told), reasoning_wish=form)
    assert {name: body[name] for name in body if name not in ("model", "messages")} == expected
    assert losses == lost


def test_a_budget_of_another_dialect_is_an_effort() -> None:
    request = foreign(reasoning=ReasoningWish(mode="enabled", budget=20000, effort="max"))
    body, losses = encoded(request)
    assert body["reasoning_effort"] == "xhigh"
    assert set(losses) == {"reasoning.budget", "reasoning.effort"}


def test_a_schema_is_asked_for_in_words_where_it_must() -> None:
    request = foreign(
        Message(role="system", parts=[Text(text="s")]),
        user(Text(text="x")),
        response_format=ResponseFormat(kind="schema", schema=b'{"type":"object"}'),
    )
    assert encoded(request)[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }
    body, losses = encoded(request, schema=False)
    assert body["response_format"] == {"type": "json_object"}
    assert [message["role"] for message in body["messages"]] == ["system", "system", "user"]
    assert '{"type":"object"}' in body["messages"][1]["content"]
    assert losses == ("response_format",)
    assert "response_format" not in encoded(request, schema=False, json=False)[0]


def test_a_form_that_only_some_server_knows_is_passed_on() -> None:
    body, losses = encoded(decoded(response_format={"type": "grammar", "grammar": "x"}))
    assert body["response_format"] == {"type": "grammar", "grammar": "x"}
    assert losses == ()


def test_reasoning_goes_back_where_the_provider_takes_it() -> None:
    request = decoded(messages=[{"role": "assistant", "content": "4", "reasoning_content": "2+2"}])
    for field in ("reasoning_content", "reasoning"):
        message = encoded(request, reasoning_replay=field)[0]["messages"][0]
        assert message == {"role": "assistant", "content": "4", field: "2+2"}
    message = encoded(request, reasoning_replay="content")[0]["messages"][0]
    assert message["content"][0] == {"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]}
    body, losses = encoded(request)
    assert body["messages"] == [{"role": "assistant", "content": "4"}]
    assert losses == ("reasoning",)


def test_state_goes_back_to_its_maker_alone() -> None:
    sealed = seal(State(data="sig", kind="signature", origin="there"))
    request = decoded(
        messages=[
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "hm",
                "reasoning_details": [{"type": "reasoning.text", "signature": sealed, "index": 0}],
                "tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": sealed}}}],
            }
        ]
    )
    reasoning = request.messages[0].parts[0]
    assert reasoning == Reasoning(text="hm", state=State(data="sig", kind="signature", origin="there"))
    body, losses = encoded(request)
    message = body["messages"][0]
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "sig", "index": 0}
    ]
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "sig"}}
    assert losses == ()
    body, losses = encoded(request, origin="elsewhere", reasoning_replay="reasoning")
    message = body["messages"][0]
    assert message["reasoning"] == "hm"
    assert "sig" not in json.dumps(body)
    assert losses == ("reasoning.state",)


def test_calls_come_with_reasoning_to_those_who_insist() -> None:
    body, _ = encoded(foreign(assistant(ToolCall(id="c", name="f"))), reasoning_replay="reasoning_content")
    assert body["messages"][0]["reasoning_content"] == ""


def test_caching_is_asked_for_where_it_can_be() -> None:
    request = foreign(user(Text(text="x", cache=CacheMark(ttl="1h"))))
    assert encoded(request)[1] == ("cache",)
    body, losses = encoded(request, cache_control=True)
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert losses == ()


def test_documents_take_the_provider_s_form() -> None:
    request = foreign(user(Media(kind="document", url="https://example.org/a.pdf", name="a")))
    part = encoded(request, documents="document_url")[0]["messages"][0]["content"][0]
    assert part == {"type": "document_url", "document_url": "https://example.org/a.pdf", "document_name": "a"}
    text = foreign(user(Media(kind="document", text="words", name="a")))
    assert encoded(text)[0]["messages"][0]["content"] == "a\n\nwords"


def test_an_answer_spoken_earlier_is_named_by_its_id() -> None:
    request = decoded(messages=[{"role": "assistant", "audio": {"id": "audio_1"}}])
    assert encoded(request)[0]["messages"][0] == {
        "role": "assistant",
        "content": None,
        "audio": {"id": "audio_1"},
    }
    spoken = foreign(assistant(Media(kind="audio", data="AAAA", transcript="hi")))
    body, losses = encoded(spoken)
    assert body["messages"][0]["content"] == "hi"
    assert losses == ("audio",)


def test_refusals_stay_refusals() -> None:
    body, losses = encoded(foreign(assistant(Refusal(text="no"))))
    assert body["messages"][0] == {"role": "assistant", "content": None, "refusal": "no"}
    assert losses == ()


def test_one_tool_that_must_be_called_leaves_the_others_in_sight() -> None:
    request = foreign(
        tools=[Tool(name="a"), Tool(name="b")], tool_choice=ToolChoice(mode="named", names=("b",))
    )
    body, losses = encoded(request)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["a", "b"]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "b"}}
    assert losses == ()
