"""Whole answers and errors of openai-chat."""

from __future__ import annotations

import json

import msgspec
import pytest
from openai_chat_samples import answer_of, decoded, encoded, written

from freehold.core.answer import Answer, Choice, Stop
from freehold.core.parts import Citation, Foreign, Media, Part, Reasoning, Refusal, State, Text, ToolCall
from freehold.core.usage import Usage
from freehold.wire.dialect import NotAnAnswer, WireError
from freehold.wire.openai_chat.dialect import DIALECT

HOURS = {"name": "hours", "arguments": "{}"}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"choices":[]}', b'{"error":{"message":"no"}}', b'{"choices":[7]}', b'{"a":"\xff"}'],
)
def test_what_is_no_answer_is_told(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        DIALECT.decode_answer(body)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"reasoning_content": "hm", "content": "4"}, [Reasoning(text="hm"), Text(text="4")]),
        ({"reasoning": "hm", "content": "4"}, [Reasoning(text="hm"), Text(text="4")]),
        ({"reasoning": "hm", "reasoning_content": "hm", "content": ""}, [Reasoning(text="hm")]),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "4"},
                ]
            },
            [Reasoning(text="hm"), Text(text="4")],
        ),
        (
            {
                "content": None,
                "reasoning_details": [{"type": "reasoning.text", "text": "", "signature": "s"}],
            },
            [Reasoning(state=State(data="s", kind="signature"))],
        ),
        (
            {"content": None, "reasoning_details": [{"type": "reasoning.encrypted", "data": "d", "id": "r"}]},
            [Reasoning(state=State(data="d", kind="encrypted"), item_id="r")],
        ),
        ({"content": None, "refusal": "no"}, [Refusal(text="no")]),
        (
            {"content": None, "function_call": {"name": "", "arguments": ""}},
            [],
        ),
        (
            {"content": "x", "extra_content": {"google": {"thought_signature": "s"}}},
            [Text(text="x", state=State(data="s", kind="signature"))],
        ),
        (
            {
                "content": None,
                "images": [
                    {"type": "image_url", "index": 0, "image_url": {"url": "data:image/png;base64,AA"}}
                ],
            },
            [Media(kind="image", mime_type="image/png", data="AA")],
        ),
    ],
)
def test_every_vendor_s_form_is_read(message: dict, expected: list) -> None:  # type: ignore[type-arg]
    assert answer_of(message).choices[0].parts == expected


def test_arguments_may_be_an_object_and_ids_may_be_missing() -> None:
    calls = [
        {"id": "", "function": {"name": "f", "arguments": {"a": 1}}},
        {"function": {"name": "g", "arguments": None}},
    ]
    first, second = answer_of({"content": "", "tool_calls": calls}).choices[0].parts
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert json.loads(first.arguments) == {"a": 1}
    assert first.id.startswith("call_")
    assert first.id != second.id
    assert second.arguments == ""


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("model_length", "context"),
        ("function_call", "tool_calls"),
        ("content_filter: PROHIBITED_CONTENT", "content_filter"),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", "malformed_tool_call"),
        ("sensitive", "content_filter"),
        ("insufficient_system_resource", "error"),
        ("something", "other"),
        ("", "stop"),
        (None, "stop"),
    ],
)
def test_words_for_stopping(word: str | None, reason: str) -> None:
    assert answer_of({"content": "x"}, word).choices[0].stop == Stop(reason=reason, raw=word or None)  # type: ignore[arg-type]


def test_calls_are_the_reason_whatever_is_said() -> None:
    stop = (
        answer_of({"content": None, "tool_calls": [{"id": "1", "function": HOURS}]}, "stop").choices[0].stop
    )
    assert stop == Stop(reason="tool_calls", raw="stop")


@pytest.mark.parametrize(
    ("reason", "word", "lost"),
    [
        ("stop", "stop", ()),
        ("tool_calls", "tool_calls", ()),
        ("content_filter", "content_filter", ()),
        ("stop_sequence", "stop", ("stop.reason",)),
        ("context", "length", ("stop.reason",)),
        ("refusal", "content_filter", ("stop.reason",)),
        ("pause", "length", ("stop.reason",)),
    ],
)
def test_the_nearest_word_is_told(reason: str, word: str, lost: tuple[str, ...]) -> None:
    answer = Answer(choices=[Choice(stop=Stop(reason=reason))], dialect="anthropic-messages")  # type: ignore[arg-type]
    body, losses = written(answer)
    assert body["choices"][0]["finish_reason"] == word
    assert losses == lost


def test_sealed_state_comes_back_through_the_client() -> None:
    parts: list[Part] = [
        Reasoning(text="first"),
        Reasoning(text="hm", state=State(data="sig", kind="signature", origin="claude")),
        Reasoning(state=State(data="red", kind="redacted", origin="claude")),
        Reasoning(
            summary=["a", "b"], state=State(data="enc", kind="encrypted", origin="claude"), item_id="rs_1"
        ),
        Text(text="x", state=State(data="txt", kind="signature", origin="claude")),
        ToolCall(
            id="c", name="f", arguments="{}", state=State(data="gem", kind="signature", origin="claude")
        ),
    ]
    body, losses = written(Answer(choices=[Choice(parts=list(parts))], dialect="anthropic-messages"))
    message = body["choices"][0]["message"]
    assert message["reasoning_content"] == "first\n\nhm\n\na\n\nb"
    assert "sig" not in [one.get("signature") for one in message["reasoning_details"]]
    assert losses == ()
    request = decoded(messages=[{"role": "user", "content": "x"}, message])
    parts[3] = msgspec.structs.replace(parts[3], summary=["a\n\nb"])
    assert request.messages[1].parts == parts
    assert encoded(request, origin="gpt", reasoning_replay="reasoning")[1] == ("reasoning.state",)
    sent = json.dumps(encoded(request, origin="claude")[0])
    assert all(f'"{data}"' in sent for data in ("sig", "red", "enc", "txt", "gem"))


def test_reasoning_alone_needs_no_details() -> None:
    message = written(answer_of({"content": "x", "reasoning": "hm"}))[0]["choices"][0]["message"]
    assert message["reasoning_content"] == "hm"
    assert "reasoning_details" not in message


def test_citations_move_with_their_text() -> None:
    parts: list[Part] = [
        Text(text="one ", citations=[Citation(kind="url", url="a", start=0, end=3)]),
        Text(
            text="two",
            citations=[Citation(kind="url", url="b", start=0, end=3), Citation(kind="document", document=0)],
        ),
    ]
    body, losses = written(Answer(choices=[Choice(parts=list(parts))]))
    annotations = body["choices"][0]["message"]["annotations"]
    assert [one["url_citation"]["start_index"] for one in annotations] == [0, 4]
    assert losses == ("citations",)


def test_legacy_clients_get_a_legacy_call() -> None:
    request = decoded(functions=[{"name": "hours"}])
    calls = [{"id": "1", "function": HOURS}, {"id": "2", "function": HOURS}]
    body, losses = written(answer_of({"content": None, "tool_calls": calls}, "length"), request)
    assert body["choices"][0]["message"]["function_call"] == HOURS
    body, losses = written(
        Answer(choices=[Choice(parts=[ToolCall(id="1", name="h")], stop=Stop(reason="tool_calls"))]), request
    )
    assert body["choices"][0]["finish_reason"] == "function_call"
    assert body["choices"][0]["message"]["function_call"] == {"name": "h", "arguments": "{}"}
    assert losses == ()


def test_free_text_that_came_as_json_is_text_again() -> None:
    request = decoded(tools=[{"type": "custom", "custom": {"name": "c"}}])
    call = {"id": "1", "function": {"name": "c", "arguments": '{"input":"print(1)"}'}}
    body, _ = written(answer_of({"content": None, "tool_calls": [call]}), request)
    assert body["choices"][0]["message"]["tool_calls"] == [
        {"id": "1", "type": "custom", "custom": {"name": "c", "input": "print(1)"}}
    ]


def test_what_the_client_s_dialect_has_no_place_for_is_a_loss() -> None:
    parts: list[Part] = [
        Foreign(dialect="anthropic-messages", kind="server_tool_use", raw=b"{}"),
        Media(kind="video", url="u"),
        Text(text="x", extra={"odd": msgspec.Raw(b"1")}),
    ]
    usage = Usage(input_tokens=5, output_tokens=7, cache_write_1h_tokens=2, source="provider")
    answer = Answer(
        choices=[Choice(parts=list(parts))],
        usage=usage,
        raw_usage=b'{"input_tokens":5}',
        dialect="anthropic-messages",
        extra={"container": msgspec.Raw(b"1")},
    )
    body, losses = written(answer)
    assert body["usage"] == {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    assert set(losses) == {
        "answer.server_tool_use",
        "answer.video",
        "answer.odd",
        "answer.container",
        "usage.cache_write_1h_tokens",
    }


def test_unknown_is_not_zero() -> None:
    assert "usage" not in written(answer_of({"content": "x"}))[0]
    body, losses = written(Answer(choices=[Choice()], usage=Usage(output_tokens=3, source="counted")))
    assert body["usage"] == {
        "prompt_tokens": 0,
        "completion_tokens": 3,
        "total_tokens": 3,
    }  # as its types demand
    assert losses == ("usage.unknown",)


def test_details_of_usage_by_kind() -> None:
    raw = {
        "prompt_tokens": 10,
        "completion_tokens": 9,
        "prompt_tokens_details": {"image_tokens": 3, "video_tokens": 2, "cached_tokens": 1},
        "completion_tokens_details": {"image_tokens": 4},
    }
    usage = DIALECT.decode_usage(json.dumps(raw).encode())
    assert (usage.input_image_tokens, usage.input_video_tokens, usage.output_image_tokens) == (3, 2, 4)
    body, _ = written(Answer(choices=[Choice()], usage=usage))
    assert body["usage"] == {**raw, "total_tokens": 19}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"error":{"message":"no","type":"invalid_request_error","param":"x","code":"c"}}',
            WireError(status=400, message="no", kind="invalid_request_error", param="x", code="c"),
        ),
        (b'{"error":"no"}', WireError(status=400, message="no")),
        (
            b'{"object":"error","message":"no","type":"Bad","code":400}',
            WireError(status=400, message="no", kind="Bad"),
        ),
        (
            b'[{"error":{"code":400,"message":"no","status":"INVALID","details":[{"retryDelay":"3.5s"}]}}]',
            WireError(status=400, message="no", kind="INVALID", retry_after=3.5),
        ),
        (b'{"detail":"no"}', WireError(status=400, message="no")),
        (
            b'{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"too long"}}}',
            WireError(status=400, message="Provider returned error: too long"),
        ),
        (b"Bad Gateway", WireError(status=400, message="Bad Gateway")),
        (b"", WireError(status=400, message="The provider answered with status 400.")),
        (b"[]", WireError(status=400, message="The provider answered with status 400.")),
    ],
)
def test_errors_of_every_form(body: bytes, expected: WireError) -> None:
    assert DIALECT.decode_error(400, body) == expected


def test_errors_are_told_in_the_dialect_s_words() -> None:
    body = json.loads(DIALECT.encode_error(WireError(status=529, message="busy", kind="overloaded_error")))
    assert body == {
        "error": {"message": "busy", "type": "api_error", "param": None, "code": "overloaded_error"}
    }
    body = json.loads(DIALECT.encode_error(WireError(status=429, message="slow", kind="rate_limit_error")))
    assert body["error"]["type"] == "rate_limit_error"
    assert body["error"]["code"] is None
