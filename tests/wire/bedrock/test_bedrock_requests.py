"""Requests written for Converse: what is sent, and what is declared as lost."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import any_request
import msgspec
import pytest
from converse_shapes import problems_of
from hypothesis import given, settings
from hypothesis import strategies as st

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
from freehold.wire.bedrock.dialect import DIALECT
from freehold.wire.dialect import Quirks, Recipient
from freehold.wire.tool_names import fit_tool_names

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SONNET_46 = "us.anthropic.claude-sonnet-4-6"
OPUS_48 = "us.anthropic.claude-opus-4-8"
NOVA = "us.amazon.nova-lite-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
LLAMA = "us.meta.llama4-maverick-17b-instruct-v1:0"
GPT = "openai.gpt-oss-120b-1:0"
QWEN = "qwen.qwen3-32b-v1:0"
OWN = "arn:aws:bedrock:us-east-1:1:application-inference-profile/x"
MODELS = (SONNET, SONNET_46, OPUS_48, NOVA, NOVA_2, LLAMA, GPT, QWEN, OWN)
HELLO = Message(role="user", parts=[Text(text="hello")])
TOOL = Tool(name="f", schema=b'{"type":"object"}')


def _sent(
    request: ChatRequest, model: str = SONNET, quirks: Quirks | None = None
) -> tuple[dict[str, Any], set[str]]:
    losses = Losses()
    recipient = Recipient(model=model, origin="here", quirks=quirks or Quirks())
    body = msgspec.json.decode(DIALECT.encode_request(request, recipient, losses))
    assert not problems_of(body)
    return body, set(losses.names)


def _asked(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest(model="route", messages=list(messages) or [HELLO], dialect="openai-chat", **fields)


def _user(*parts: Part) -> Message:
    return Message(role="user", parts=list(parts))


def _assistant(*parts: Part) -> Message:
    return Message(role="assistant", parts=list(parts))


def _results(*parts: Part) -> Message:
    return Message(role="tool", parts=list(parts))


def test_a_plain_request() -> None:
    body, lost = _sent(
        _asked(Message(role="system", parts=[Text(text="be kind")]), HELLO, max_tokens=5, stop=["x"])
    )
    assert body == {
        "system": [{"text": "be kind"}],
        "messages": [{"role": "user", "content": [{"text": "hello"}]}],
        "inferenceConfig": {"maxTokens": 5, "stopSequences": ["x"]},
        "additionalModelResponseFieldPaths": ["/stop_sequence"],
    }
    assert not lost


def test_turns_of_one_side_become_one_and_results_come_first() -> None:
    body, lost = _sent(
        _asked(
            HELLO,
            _user(Text(text="again")),
            _assistant(Text(text="wait")),
            _assistant(ToolCall(id="a", name="f", arguments='{"x": 1.50}'), ToolCall(id="b", name="f")),
            _user(Text(text="and?")),
            _results(ToolResult(call_id="a", content=[Text(text="1")]), ToolResult(call_id="b", failed=True)),
            tools=[TOOL],
        )
    )
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"][1] == {
        "toolUse": {"toolUseId": "a", "name": "f", "input": {"x": 1.5}}
    }
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "a", "content": [{"text": "1"}]}},
        {"toolResult": {"toolUseId": "b", "content": [{"text": "."}], "status": "error"}},
        {"text": "and?"},
    ]
    assert lost == {"message.blank"}


def test_a_later_word_of_the_system_is_moved_and_said_to_be() -> None:
    body, lost = _sent(_asked(HELLO, Message(role="developer", parts=[Text(text="now in French")])))
    assert body["system"] == [{"text": "now in French"}]
    assert lost == {"system.position"}


def test_what_begins_with_the_assistant_and_what_is_empty_is_still_taken() -> None:
    body, _ = _sent(_asked(_assistant(Text(text="hi")), _user(Text(text="  "))))
    assert body["messages"] == [
        {"role": "user", "content": [{"text": "."}]},
        {"role": "assistant", "content": [{"text": "hi"}]},
        {"role": "user", "content": [{"text": "."}]},
    ]


def test_a_request_of_the_system_alone() -> None:
    body, lost = _sent(_asked(Message(role="system", parts=[Text(text="say hi")])))
    assert body["messages"] == [{"role": "user", "content": [{"text": "say hi"}]}]
    assert lost == {"system.position"}


@pytest.mark.parametrize("arguments", ["{not json", "[1]", '"text"'])
def test_arguments_that_are_no_object_survive(arguments: str) -> None:
    body, lost = _sent(
        _asked(HELLO, _assistant(ToolCall(id="a", name="f", arguments=arguments)), tools=[TOOL])
    )
    assert body["messages"][1]["content"][0]["toolUse"]["input"] == {"INVALID_JSON": arguments}
    assert lost == {"field.arguments"}


def test_ids_that_are_not_allowed_are_put_another_way_in_both_places() -> None:
    body, _ = _sent(
        _asked(
            HELLO, _assistant(ToolCall(id="a b|" * 30, name="f")), _results(ToolResult(call_id="a b|" * 30))
        )
    )
    call = body["messages"][1]["content"][0]["toolUse"]["toolUseId"]
    assert body["messages"][2]["content"][0]["toolResult"]["toolUseId"] == call
    assert re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", call)


def test_earlier_calls_demand_tools_even_when_none_are_offered() -> None:
    body, lost = _sent(
        _asked(HELLO, _assistant(ToolCall(id="a", name="f")), _results(ToolResult(call_id="a")))
    )
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["f"]
    assert lost == {"message.blank"}


def test_a_result_may_hold_json_pictures_and_documents() -> None:
    result = ToolResult(
        call_id="a",
        structured=True,
        content=[Text(text='{"a":1}'), Media(kind="image", mime_type="image/png", data="QUJD")],
    )
    body, lost = _sent(_asked(HELLO, _assistant(ToolCall(id="a", name="f")), _results(result)))
    content = body["messages"][2]["content"][0]["toolResult"]["content"]
    assert content == [{"json": {"a": 1}}, {"image": {"format": "png", "source": {"bytes": "QUJD"}}}]
    assert not lost


def test_a_mark_for_the_cache_within_a_result_is_a_loss() -> None:
    result = ToolResult(call_id="a", content=[Text(text="1", cache=CacheMark())], cache=CacheMark())
    body, lost = _sent(_asked(HELLO, _assistant(ToolCall(id="a", name="f")), _results(result)))
    assert body["messages"][2]["content"][1] == {"cachePoint": {"type": "default"}}
    assert lost == {"cache"}


def test_media_are_sent_as_bytes_and_an_address_is_a_loss() -> None:
    body, lost = _sent(
        _asked(
            _user(
                Text(text="look"),
                Media(kind="image", url="data:image/jpeg;base64,/9j/4A=="),
                Media(kind="image", data="iVBORw0KGgo="),
                Media(kind="video", url="s3://bucket-a/film.mp4"),
                Media(kind="audio", mime_type="audio/wav", data="QUJD"),
                Media(kind="image", url="https://example.com/a.png"),
                Media(kind="document", file_id="file-1"),
                Media(kind="image", mime_type="image/tiff", data="QUJD"),
            )
        )
    )
    content = body["messages"][0]["content"]
    assert content[1:] == [
        {"image": {"format": "jpeg", "source": {"bytes": "/9j/4A=="}}},
        {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
        {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket-a/film.mp4"}}}},
        {"audio": {"format": "wav", "source": {"bytes": "QUJD"}}},
    ]
    assert lost == {"image", "file"}


def test_documents_have_names_that_are_allowed_and_differ() -> None:
    def document(name: str | None) -> Media:
        return Media(kind="document", mime_type="application/pdf", data="QUJD", name=name)

    body, lost = _sent(
        _asked(
            _user(
                document("John's  report_v1.pdf"),
                document("John s report v1"),
                document(None),
                document("분기.pdf"),
            )
        )
    )
    content = body["messages"][0]["content"]
    # A document is not taken without words beside it.
    assert content[0] == {"text": "."}
    names = [block["document"]["name"] for block in content[1:]]
    assert names == ["John s report v1", "John s report v1 2", "Document 1", "Document 2"]
    assert lost == {"message.blank"}


def test_text_documents_and_claudes_citations() -> None:
    media = Media(
        kind="document", text="green", name="a.txt", extra={"citations": msgspec.Raw(b'{"enabled":true}')}
    )
    request = _asked(_user(Text(text="?"), media))
    assert _sent(request)[1] == {"field.citations"}
    request.dialect = "anthropic-messages"
    block = _sent(request)[0]["messages"][0]["content"][1]["document"]
    assert block == {
        "format": "txt",
        "name": "a",
        "source": {"bytes": "Z3JlZW4="},
        "citations": {"enabled": True},
    }


def test_media_that_a_provider_does_not_take_are_losses() -> None:
    media = Media(kind="image", mime_type="image/png", data="QUJD")
    body, lost = _sent(_asked(_user(media)), quirks=Quirks(input_media=("document",)))
    assert body["messages"][0]["content"] == [{"text": "."}]
    assert lost == {"image", "message.blank"}


def test_reasoning_goes_back_to_where_it_is_from_alone() -> None:
    def turn(origin: str | None, kind: Any = "signature") -> ChatRequest:
        part = Reasoning(text="hm", state=State(data="c2ln", kind=kind, origin=origin))
        return _asked(HELLO, _assistant(part, Text(text="4")), HELLO)

    mine, lost = _sent(turn("here"))
    assert mine["messages"][1]["content"][0] == {
        "reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}
    }
    assert not lost
    redacted, _ = _sent(turn("here", "redacted"))
    assert redacted["messages"][1]["content"][0] == {"reasoningContent": {"redactedContent": "c2ln"}}
    for origin in ("elsewhere", None):
        other, lost = _sent(turn(origin))
        assert other["messages"][1]["content"] == [{"text": "4"}]
        assert lost == {"reasoning", "reasoning.state"}
    assert _sent(turn("here", "encrypted"))[1] == {"reasoning", "reasoning.state"}


def test_a_signature_without_words_survives() -> None:
    part = Reasoning(state=State(data="s", kind="signature", origin="here"))
    body, lost = _sent(_asked(HELLO, _assistant(part, Text(text="4")), HELLO))
    assert body["messages"][1]["content"][0] == {
        "reasoningContent": {"reasoningText": {"text": "", "signature": "s"}}
    }
    assert not lost


def test_marks_for_the_cache_stand_where_they_stood() -> None:
    mark = CacheMark(ttl="1h")
    request = _asked(
        Message(role="system", parts=[Text(text="a", cache=mark), Text(text="b")]),
        _user(Text(text="c", cache=CacheMark())),
        tools=[Tool(name="f", cache=mark)],
        cache=CacheMark(),
    )
    body, lost = _sent(request)
    assert body["system"] == [{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}, {"text": "b"}]
    point = {"cachePoint": {"type": "default"}}
    assert body["messages"][0]["content"] == [{"text": "c"}, point, point]
    assert body["toolConfig"]["tools"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert not lost
    body, lost = _sent(request, NOVA)
    assert body["system"][1] == point
    assert len(body["toolConfig"]["tools"]) == 1
    assert lost == {"cache"}
    assert "cachePoint" not in msgspec.json.encode(_sent(request, LLAMA)[0]).decode()


@pytest.mark.parametrize(
    ("choice", "model", "sent", "lost"),
    [
        (ToolChoice(mode="auto"), SONNET, None, set()),
        (ToolChoice(mode="required"), SONNET, {"any": {}}, set()),
        (ToolChoice(mode="named", names=("f",)), SONNET, {"tool": {"name": "f"}}, set()),
        (ToolChoice(mode="named", names=("f", "g")), SONNET, {"any": {}}, set()),
        (ToolChoice(mode="required"), LLAMA, None, {"tool_choice"}),
        (ToolChoice(mode="named", names=("f",)), "mistral.mistral-large-3", {"any": {}}, {"tool_choice"}),
    ],
)
def test_which_tools_must_be_called(choice: ToolChoice, model: str, sent: Any, lost: set[str]) -> None:
    body, declared = _sent(_asked(tools=[TOOL, Tool(name="g"), Tool(name="h")], tool_choice=choice), model)
    assert body["toolConfig"].get("toolChoice") == sent
    assert declared == lost
    limited = len(choice.names) > 1
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == (
        ["f", "g"] if limited else ["f", "g", "h"]
    )


def test_no_tools_may_be_called() -> None:
    request = _asked(HELLO, tools=[TOOL], tool_choice=ToolChoice(mode="none"))
    body, lost = _sent(request)
    assert "toolConfig" not in body
    assert not lost
    request.messages += [_assistant(ToolCall(id="a", name="f")), _results(ToolResult(call_id="a"))]
    body, lost = _sent(request)
    assert "toolConfig" in body
    assert lost == {"tool_choice", "message.blank"}


def test_tools_of_others_and_free_text() -> None:
    body, lost = _sent(
        _asked(
            tools=[
                HostedTool(dialect="openai-responses", kind="web_search", raw=b"{}"),
                Tool(name="c", custom=True),
            ]
        )
    )
    assert lost == {"tool.web_search", "tool.custom"}
    assert body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]["required"] == ["input"]


def test_the_form_of_the_answer() -> None:
    schema = b'{"type":"object","properties":{"a":{"type":"integer","minimum":1}}}'
    request = _asked(response_format=ResponseFormat(kind="schema", name="n", schema=schema, strict=True))
    body, lost = _sent(request)
    said = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert msgspec.json.decode(said["schema"]) == {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "additionalProperties": False,
    }
    assert lost == {"schema.minimum"}
    body, lost = _sent(request, NOVA)
    assert "outputConfig" not in body
    assert schema.decode() in body["system"][0]["text"]
    assert lost == {"response_format"}
    assert _sent(_asked(response_format=ResponseFormat(kind="json")))[1] == {"response_format"}


def _budget(tokens: int) -> dict[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


def _nova(effort: str) -> dict[str, Any]:
    return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}}


@pytest.mark.parametrize(
    ("wish", "model", "fields", "lost"),
    [
        (
            ReasoningWish(mode="enabled", budget=2000),
            SONNET,
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            set(),
        ),
        (
            ReasoningWish(effort="low"),
            SONNET,
            _budget(2048),
            set(),
        ),
        (ReasoningWish(effort="none"), SONNET, None, set()),
        (ReasoningWish(mode="adaptive"), SONNET_46, {"thinking": {"type": "adaptive"}}, set()),
        (
            ReasoningWish(effort="high"),
            SONNET_46,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
            set(),
        ),
        (ReasoningWish(mode="disabled"), SONNET_46, {"thinking": {"type": "disabled"}}, set()),
        (
            ReasoningWish(mode="enabled", budget=9000),
            OPUS_48,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
            {"reasoning.budget"},
        ),
        (
            ReasoningWish(effort="xhigh", summary="auto"),
            OPUS_48,
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "xhigh"}},
            set(),
        ),
        (
            ReasoningWish(effort="low"),
            NOVA_2,
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
            set(),
        ),
        (ReasoningWish(effort="high"), NOVA, None, {"reasoning.effort"}),
        (ReasoningWish(effort="medium"), GPT, {"reasoning_effort": "medium"}, set()),
        (
            ReasoningWish(effort="minimal"),
            QWEN,
            {"reasoning_config": "low"},
            {"reasoning.effort"},
        ),
        (ReasoningWish(budget=500), LLAMA, None, {"reasoning.budget"}),
        (
            ReasoningWish(mode="enabled", budget=1024),
            OWN,
            _budget(1024),
            set(),
        ),
    ],
)
def test_each_family_is_asked_to_think_in_its_own_words(
    wish: ReasoningWish, model: str, fields: Any, lost: set[str]
) -> None:
    body, declared = _sent(_asked(reasoning=wish), model)
    assert body.get("additionalModelRequestFields") == fields
    assert declared == lost


def test_thinking_that_claude_would_refuse_is_given_up() -> None:
    wish = ReasoningWish(mode="enabled", budget=2000)
    forced, lost = _sent(_asked(tools=[TOOL], tool_choice=ToolChoice(mode="required"), reasoning=wish))
    assert "additionalModelRequestFields" not in forced
    assert lost == {"reasoning.effort", "reasoning.budget"}
    calling = [HELLO, _assistant(ToolCall(id="a", name="f")), _results(ToolResult(call_id="a"))]
    midst, lost = _sent(_asked(*calling, reasoning=wish))
    assert "additionalModelRequestFields" not in midst
    assert lost == {"reasoning.effort", "reasoning.budget", "message.blank"}
    short, lost = _sent(_asked(reasoning=wish, max_tokens=500))
    assert "additionalModelRequestFields" not in short
    assert lost == {"reasoning.effort", "reasoning.budget"}
    tight, lost = _sent(_asked(reasoning=wish, max_tokens=1500))
    assert tight["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 1499
    assert lost == {"reasoning.budget"}


def test_sampling_within_what_each_family_takes() -> None:
    body, lost = _sent(_asked(temperature=1.5, top_p=0.9, top_k=3))
    assert body["inferenceConfig"] == {"temperature": 1.0}
    assert body["additionalModelRequestFields"] == {"top_k": 3}
    assert lost == {"temperature", "top_p"}
    body, lost = _sent(_asked(temperature=0.5, top_p=0.9, top_k=3), NOVA)
    assert body["inferenceConfig"] == {"temperature": 0.5, "topP": 0.9}
    assert body["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 3}}
    assert not lost
    assert _sent(_asked(temperature=0.5, top_p=0.9, top_k=3), OPUS_48)[1] == {"temperature", "top_p", "top_k"}
    assert _sent(_asked(temperature=1), OPUS_48)[1] == set()


def test_labels_and_tier() -> None:
    body, lost = _sent(_asked(metadata='{"team":"a","läbel":"b"}'.encode(), service_tier="flex"))
    assert body["requestMetadata"] == {"team": "a"}
    assert body["serviceTier"] == {"type": "flex"}
    assert lost == {"metadata"}
    assert _sent(_asked(service_tier="scale"))[1] == {"service_tier"}


LOST: dict[str, Any] = {
    "audio": b"{}",
    "cache_key": "k",
    "frequency_penalty": 0.5,
    "logit_bias": b"{}",
    "logprobs": True,
    "min_p": 0.1,
    "modalities": ["text", "audio"],
    "n": 2,
    "prediction": b"{}",
    "presence_penalty": 0.5,
    "safety_key": "k",
    "safety_settings": b"[]",
    "seed": 1,
    "store": True,
    "top_logprobs": 2,
    "user": "u",
    "verbosity": "low",
}


@pytest.mark.parametrize("name", LOST)
def test_what_has_no_place_is_declared(name: str) -> None:
    body, lost = _sent(_asked(**{name: LOST[name]}))
    assert set(body) == {"messages"}
    assert len(lost) == 1


def test_the_smaller_things_without_a_place_are_declared() -> None:
    message = Message(
        role="user",
        name="ann",
        extra={"x": msgspec.Raw(b"1")},
        parts=[
            Text(text="a", citations=[Citation()], state=State(data="s", kind="signature", origin="here")),
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
        "reasoning.state",
        "part.executableCode",
        "parallel_tool_calls",
        "field.top_a",
    }


def test_what_a_provider_does_not_take_is_left_out() -> None:
    quirks = Quirks(unsupported=("temperature", "reasoning", "nonsense", "messages"))
    body, lost = _sent(_asked(temperature=0.5, reasoning=ReasoningWish(effort="low")), quirks=quirks)
    assert set(body) == {"messages"}
    assert lost == {"temperature", "reasoning.effort"}


@settings(max_examples=200, deadline=None)
@given(any_request.requests(), st.sampled_from(MODELS))
def test_any_request_is_one_that_awss_own_client_would_send(request: ChatRequest, model: str) -> None:
    with contextlib.suppress(BadRequest):
        body, _ = _sent(fit_tool_names(request, "bedrock-converse")[0], model)
        roles = [message["role"] for message in body["messages"]]
        assert roles == [("user", "assistant")[number % 2] for number in range(len(roles))]
        assert all(message["content"] for message in body["messages"])
        blocks = [block for message in body["messages"] for block in message["content"]]
        assert all(block["text"].strip() for block in blocks if "text" in block)
