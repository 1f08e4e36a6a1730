"""Streamed answers of Converse in the internal form."""

from __future__ import annotations

import msgspec
import pytest
from event_frames import event, failure, frame, words
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.answer import Answer
from freehold.core.events import Begin, End, ErrorSeen, Event, Grow, PartBegin, PartEnd
from freehold.core.gathering import Gathering
from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Reasoning, State, Text, ToolCall
from freehold.core.request import ChatRequest
from freehold.wire.bedrock.dialect import DIALECT
from freehold.wire.dialect import Addressee, NotAnAnswer
from freehold.wire.dialects import dialect_of


def _events(*frames: bytes) -> list[Event]:
    decoder = DIALECT.decode_stream()
    return [one for each in frames for one in decoder.read(each)] + decoder.finish()


def _gathered(*frames: bytes) -> Answer:
    gathering = Gathering()
    for one in _events(*frames):
        gathering.add(one)
    return gathering.finish()


def _delta(index: int, **delta: object) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta, "p": "abc"})


def _start(index: int, **start: object) -> bytes:
    return event("contentBlockStart", {"contentBlockIndex": index, "start": start})


def _stop(index: int) -> bytes:
    return event("contentBlockStop", {"contentBlockIndex": index})


BEGIN = event("messageStart", {"role": "assistant"})
USAGE = event(
    "metadata",
    {"usage": {"inputTokens": 2, "outputTokens": 3, "totalTokens": 5}, "metrics": {"latencyMs": 1}},
)


def _over(reason: str = "end_turn") -> bytes:
    return event("messageStop", {"stopReason": reason})


def test_a_text() -> None:
    events = _events(BEGIN, _delta(0, text="Hel"), _delta(0, text="lo"), _stop(0), _over(), USAGE)
    assert events[0] == Begin(dialect="bedrock-converse")
    assert events[1] == PartBegin(0, 0, Text())
    assert events[2:5] == [Grow(0, 0, "Hel"), Grow(0, 0, "lo"), PartEnd(0, 0)]
    assert isinstance(events[-1], End)
    answer = _gathered(BEGIN, _delta(0, text="Hel"), _delta(0, text="lo"), _stop(0), _over(), USAGE)
    assert answer.usage.input_tokens == 2


def test_usage_before_the_reason_to_stop_ends_nothing() -> None:
    events = _events(_delta(0, text="a"), _stop(0), USAGE, _over())
    assert isinstance(events[-1], End)
    assert sum(isinstance(one, End) for one in events) == 1


def test_an_answer_without_usage_is_complete_all_the_same() -> None:
    assert isinstance(_events(BEGIN, _delta(0, text="a"), _stop(0), _over())[-1], End)


def test_what_is_told_beside_the_answer_comes_with_its_end() -> None:
    more = {"stop_sequence": "X", "logits": [1]}
    over = event("messageStop", {"stopReason": "stop_sequence", "additionalModelResponseFields": more})
    told = {
        "usage": {"inputTokens": 2, "outputTokens": 3, "totalTokens": 5},
        "metrics": {"latencyMs": 1},
        "trace": {"guardrail": {"actionReason": "none"}},
        "performanceConfig": {"latency": "optimized"},
        "serviceTier": {"type": "priority"},
        "p": "abcdefgh",
    }
    frames = (BEGIN, _delta(0, text="a"), _stop(0), over, event("metadata", told))
    (choice,) = _gathered(*frames).choices
    assert choice.stop is not None
    assert choice.stop.sequence == "X"
    assert {name: msgspec.json.decode(raw) for name, raw in choice.extra.items()} == {
        "additionalModelResponseFields": {"logits": [1]},
        "trace": told["trace"],
        "performanceConfig": told["performanceConfig"],
        "serviceTier": "priority",
    }
    for client in ("openai-chat", "openai-responses", "anthropic-messages", "gemini"):
        losses = Losses()
        asked = Addressee(request=ChatRequest(model="m", messages=[]), id="call_1", created=0)
        writer = dialect_of(client).encode_stream(asked, losses)
        for one in _events(*frames):
            writer.write(one)
        assert {
            "answer.additionalModelResponseFields",
            "answer.trace",
            "answer.performanceConfig",
            "answer.serviceTier",
        } <= set(losses.names), client
    quiet = {**told, "serviceTier": {"type": "default"}, "trace": None, "performanceConfig": None}
    (choice,) = _gathered(BEGIN, _delta(0, text="a"), _over(), event("metadata", quiet)).choices
    assert choice.extra == {}


def test_a_cut_stream_has_no_end() -> None:
    assert not any(isinstance(one, End) for one in _events(BEGIN, _delta(0, text="a"), _stop(0)))


def test_parallel_calls_keep_their_order_and_numbers() -> None:
    answer = _gathered(
        BEGIN,
        _delta(0, text="Let me see."),
        _start(1, toolUse={"toolUseId": "a", "name": "f"}),
        _start(2, toolUse={"toolUseId": "b", "name": "g"}),
        _delta(2, toolUse={"input": '{"y":'}),
        _delta(1, toolUse={"input": '{"x":1}'}),
        _delta(2, toolUse={"input": "2}"}),
        _stop(1),
        _stop(2),
        _over("tool_use"),
        USAGE,
    )
    assert answer.choices[0].parts == [
        Text(text="Let me see."),
        ToolCall(id="a", name="f", arguments='{"x":1}'),
        ToolCall(id="b", name="g", arguments='{"y":2}'),
    ]


@pytest.mark.parametrize("pieces", [[], [_delta(0, toolUse={"input": ""})]])
def test_a_call_without_arguments_has_a_piece_of_them(pieces: list[bytes]) -> None:
    events = _events(
        BEGIN, _start(0, toolUse={"toolUseId": "a", "name": "f"}), *pieces, _stop(0), _over("tool_use")
    )
    assert [one for one in events if isinstance(one, Grow)] == [Grow(0, 0, "{}")]


def test_reasoning_and_its_signature() -> None:
    answer = _gathered(
        BEGIN,
        _delta(0, reasoningContent={"text": "Hm"}),
        _delta(0, reasoningContent={"text": "m."}),
        _delta(0, reasoningContent={"signature": "sig"}),
        _stop(0),
        _delta(1, text="4"),
        _stop(1),
        _over(),
        USAGE,
    )
    assert answer.choices[0].parts == [
        Reasoning(text="Hmm.", state=State(data="sig", kind="signature")),
        Text(text="4"),
    ]


def test_reasoning_of_a_signature_alone_and_redacted_reasoning() -> None:
    answer = _gathered(
        BEGIN,
        _delta(0, reasoningContent={"signature": "sig"}),
        _stop(0),
        _delta(1, reasoningContent={"redactedContent": "QQ=="}),
        _delta(1, reasoningContent={"redactedContent": "Qg=="}),
        _stop(1),
        _over(),
    )
    assert answer.choices[0].parts == [
        Reasoning(state=State(data="sig", kind="signature")),
        Reasoning(state=State(data="QUI=", kind="redacted")),
    ]


def test_citations_belong_to_their_text() -> None:
    place = {"documentChar": {"documentIndex": 0, "start": 1, "end": 2}}
    answer = _gathered(
        BEGIN, _delta(0, text="a"), _delta(0, citation={"title": "t", "location": place}), _stop(0), _over()
    )
    (part,) = answer.choices[0].parts
    assert isinstance(part, Text)
    assert [one.title for one in part.citations] == ["t"]


def test_what_bedrock_ran_itself_comes_whole() -> None:
    answer = _gathered(
        BEGIN,
        _start(0, toolUse={"toolUseId": "t", "name": "code", "type": "server_tool_use"}),
        _delta(0, toolUse={"input": '{"a"'}),
        _delta(0, toolUse={"input": ":1}"}),
        _stop(0),
        _start(1, toolResult={"toolUseId": "t", "status": "success", "type": "code_result"}),
        _delta(1, toolResult=[{"text": "ok"}]),
        _stop(1),
        _start(2, image={"format": "png"}),
        _delta(2, image={"source": {"bytes": "QUJD"}}),
        _stop(2),
        _over(),
    )
    call, result, picture = answer.choices[0].parts
    assert isinstance(call, Foreign)
    assert isinstance(result, Foreign)
    assert (call.kind, result.kind) == ("server_tool_use", "code_result")
    assert msgspec.json.decode(call.raw)["toolUse"]["input"] == {"a": 1}
    assert msgspec.json.decode(result.raw)["toolResult"]["content"] == [{"text": "ok"}]
    assert picture == Media(kind="image", mime_type="image/png", data="QUJD")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("throttlingException", 429),
        ("modelStreamErrorException", 424),
        ("internalServerException", 500),
        ("serviceUnavailableException", 503),
        ("validationException", 400),
        ("somethingNewException", None),
    ],
)
def test_a_failure_ends_the_stream(kind: str, status: int | None) -> None:
    events = _events(BEGIN, _delta(0, text="a"), failure(kind, {"message": "no"}), _delta(0, text="b"), USAGE)
    last = events[-1]
    assert isinstance(last, ErrorSeen)
    assert (last.kind, last.status, last.message) == (kind, status, "no")
    assert msgspec.json.decode(last.raw) == {"message": "no"}


def test_a_failing_model_says_its_own_status() -> None:
    sample = failure(
        "modelStreamErrorException", {"message": "m", "originalStatusCode": 529, "originalMessage": "o"}
    )
    (error,) = _events(sample)
    assert isinstance(error, ErrorSeen)
    assert error.status == 529


def test_an_error_in_headers() -> None:
    headers = words({":message-type": "error", ":error-code": "InternalError", ":error-message": "broken"})
    (error,) = _events(frame(headers, b""))
    assert isinstance(error, ErrorSeen)
    assert (error.kind, error.message) == ("InternalError", "broken")
    assert msgspec.json.decode(error.raw) == {"message": "broken"}


def test_events_that_came_later_than_this_reader_are_passed_over() -> None:
    assert _events(event("somethingNew", {"a": 1})) == []


@pytest.mark.parametrize(
    "sample",
    [
        b"",
        b"data: {}",
        event("contentBlockDelta", []),
        event("contentBlockDelta", {"delta": "x"}),
        event("contentBlockStart", {"start": {"toolUse": {}}}),
        event("contentBlockDelta", {"delta": {"toolUse": {"input": "{}"}}}),
        event("messageStop", {}),
    ],
)
def test_what_is_not_of_this_dialect_is_no_answer(sample: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        _events(sample)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                (
                    "delta",
                    "start",
                    "text",
                    "toolUse",
                    "toolUseId",
                    "name",
                    "type",
                    "input",
                    "toolResult",
                    "image",
                    "citation",
                    "contentBlockIndex",
                    "reasoningContent",
                    "redactedContent",
                    "stopReason",
                    "usage",
                    "source",
                    "bytes",
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_kinds = st.sampled_from(
    ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata")
)


@settings(max_examples=200)
@given(st.lists(st.tuples(_kinds, _json), max_size=6))
def test_streams_of_anything_are_read_or_no_answers(frames: list[tuple[str, object]]) -> None:
    decoder = DIALECT.decode_stream()
    gathering = Gathering()
    try:
        for kind, value in frames:
            for one in decoder.read(event(kind, value)):
                gathering.add(one)
    except NotAnAnswer:
        pass
    gathering.finish()
