"""Answers of Cohere's chat in the internal form, whole and streamed."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.answer import Answer
from freehold.core.events import End, ErrorSeen, Event, Grow
from freehold.core.gathering import Gathering
from freehold.core.parts import Foreign, Reasoning, Text, ToolCall
from freehold.core.usage import NO_USAGE
from freehold.wire.cohere.dialect import DIALECT
from freehold.wire.cohere.usage import decode_counted
from freehold.wire.dialect import NotAnAnswer

CITATION = {
    "start": 3,
    "end": 8,
    "text": "green",
    "type": "TEXT_CONTENT",
    "sources": [
        {
            "type": "document",
            "id": "doc:1",
            "document": {"id": "doc:1", "title": "a.txt", "text": "it is green"},
        },
        {"type": "tool", "id": "call:0", "tool_output": {"content": "green"}},
    ],
}


def _answer(message: dict[str, Any], **fields: Any) -> Answer:
    body = {"id": "1", "finish_reason": "COMPLETE", "message": {"role": "assistant", **message}, **fields}
    return DIALECT.decode_answer(msgspec.json.encode(body))


def _frame(kind: str, **fields: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode({"type": kind, **fields})


def _said(kind: str, index: int = 0, **message: Any) -> bytes:
    return _frame(kind, index=index, delta={"message": message})


def _events(*frames: bytes) -> list[Event]:
    decoder = DIALECT.decode_stream()
    return [one for each in frames for one in decoder.read(each)] + decoder.finish()


def _gathered(*frames: bytes) -> Answer:
    gathering = Gathering()
    for one in _events(*frames):
        gathering.add(one)
    return gathering.finish()


START = _frame(
    "message-start", id="m", delta={"message": {"role": "assistant", "content": [], "tool_calls": []}}
)
END = _frame(
    "message-end", delta={"finish_reason": "COMPLETE", "usage": {"billed_units": {"input_tokens": 3}}}
)


def test_a_plan_thinking_text_and_calls() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x": 1.50}'}}
    answer = _answer(
        {
            "tool_plan": "I will.",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ok"}],
            "tool_calls": [call],
        },
        finish_reason="TOOL_CALL",
    )
    plan, thought, text, called = answer.choices[0].parts
    assert isinstance(plan, Reasoning)
    assert (plan.text, list(plan.extra)) == ("I will.", ["tool_plan"])
    assert (thought, text) == (Reasoning(text="hm"), Text(text="ok"))
    assert called == ToolCall(id="c", name="f", arguments='{"x": 1.50}')
    assert answer.choices[0].stop is not None
    assert answer.choices[0].stop.reason == "tool_calls"
    assert answer.id == "1"


@pytest.mark.parametrize("arguments", ["null", "", None])
def test_a_call_without_arguments(arguments: str | None) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    assert _answer({"tool_calls": [call]}).choices[0].parts == [ToolCall(id="c", name="f", arguments="{}")]


def test_each_source_of_a_citation_is_a_citation() -> None:
    (part,) = (
        _answer({"content": [{"type": "text", "text": "is green"}], "citations": [CITATION]}).choices[0].parts
    )
    assert isinstance(part, Text)
    first, second = part.citations
    assert (first.kind, first.document, first.title, first.start, first.end) == ("document", 1, "a.txt", 3, 8)
    assert (second.kind, second.start) == ("other", 3)
    assert "tool_output" in second.extra


def test_unknown_content_is_kept() -> None:
    (part,) = _answer({"content": [{"type": "video", "a": 1}]}).choices[0].parts
    assert isinstance(part, Foreign)
    assert (part.kind, msgspec.json.decode(part.raw)) == ("video", {"type": "video", "a": 1})


def test_log_probabilities_in_openais_form() -> None:
    raw = _answer({}, logprobs=[{"text": "hi", "token_ids": [1], "logprobs": [-0.5]}]).choices[0].logprobs
    assert raw is not None
    assert msgspec.json.decode(raw) == {
        "content": [{"token": "hi", "logprob": -0.5, "bytes": [104, 105], "top_logprobs": []}]
    }


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop_sequence"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_calls"),
        ("ERROR", "error"),
        ("TIMEOUT", "error"),
        ("ERROR_TOXIC", "content_filter"),
        ("NEW", "other"),
    ],
)
def test_every_reason_to_stop(word: str, reason: str) -> None:
    stop = _answer({}, finish_reason=word).choices[0].stop
    assert stop is not None
    assert (stop.reason, stop.raw) == (reason, word)


def test_usage_is_what_is_billed() -> None:
    billed = b'{"input_tokens":51.0,"output_tokens":13}'
    raw = b'{"billed_units":' + billed + b',"tokens":{"input_tokens":1533},"cached_tokens":1440}'
    usage = DIALECT.decode_usage(raw)
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (51, 13, 0)
    long = b'{"billed_units":{"input_tokens":900},"tokens":{"input_tokens":1400},"cached_tokens":1300}'
    assert DIALECT.decode_usage(long).cache_read_tokens == 800  # 500 of the 1300 may be Cohere's own prompt
    untold = b'{"billed_units":{"input_tokens":900},"tokens":{"input_tokens":1400}}'
    assert DIALECT.decode_usage(untold).cache_read_tokens is None
    counted = decode_counted(raw)
    assert (counted.input_tokens, counted.output_tokens, counted.cache_read_tokens) == (1533, None, 1440)
    assert DIALECT.decode_usage(b'{"tokens":{"input_tokens":4}}').input_tokens == 4
    for nothing in (None, b"", b"null", b"{}", b"[", b'{"billed_units":{"search_units":1}}'):
        assert DIALECT.decode_usage(nothing) == NO_USAGE


def test_errors_keep_their_status_and_words() -> None:
    error = DIALECT.decode_error(404, b'{"id":"1","message":"no such model"}')
    assert (error.status, error.message) == (404, "no such model")
    assert DIALECT.decode_error(502, b"<html>").message == "<html>"


def test_a_streamed_text_with_citations_that_come_late() -> None:
    answer = _gathered(
        START,
        _said("content-start", content={"type": "text", "text": ""}),
        _said("content-delta", content={"text": "is "}),
        _said("content-delta", content={"text": "green"}),
        _frame("content-end", index=0),
        _said("citation-start", citations=CITATION),
        _frame("citation-end", index=0),
        END,
    )
    (part,) = answer.choices[0].parts
    assert isinstance(part, Text)
    assert (part.text, len(part.citations)) == ("is green", 2)
    assert answer.usage.input_tokens == 3
    assert answer.id == "m"


def test_a_streamed_plan_and_parallel_calls() -> None:
    events = _events(
        START,
        _said("tool-plan-delta", tool_plan="I "),
        _said("tool-plan-delta", tool_plan="will."),
        _said(
            "tool-call-start",
            tool_calls={"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        ),
        _said("tool-call-delta", tool_calls={"function": {"arguments": '{"x"'}}),
        _said("tool-call-delta", tool_calls={"function": {"arguments": ":1}"}}),
        _frame("tool-call-end", index=0),
        _said("tool-call-start", 1, tool_calls={"id": "b", "function": {"name": "g"}}),
        _frame("tool-call-end", index=1),
        END,
    )
    gathering = Gathering()
    for one in events:
        gathering.add(one)
    plan, first, second = gathering.finish().choices[0].parts
    assert isinstance(plan, Reasoning)
    assert plan.text == "I will."
    assert first == ToolCall(id="a", name="f", arguments='{"x":1}')
    assert second == ToolCall(id="b", name="g", arguments="{}")
    assert [one.index for one in events if isinstance(one, Grow)] == [0, 0, 1, 1, 2]
    assert isinstance(events[-1], End)


def test_streamed_thinking_and_log_probabilities() -> None:
    answer = _gathered(
        START,
        _said("content-start", content={"type": "thinking", "thinking": "H"}),
        _said("content-delta", content={"thinking": "m"}),
        _frame("content-end", index=0),
        _said("content-start", 1, content={"type": "text", "text": ""}),
        _frame(
            "content-delta",
            index=1,
            delta={"message": {"content": {"text": "4"}}},
            logprobs={"text": "4", "token_ids": [9], "logprobs": [-1.0]},
        ),
        END,
    )
    assert answer.choices[0].parts == [Reasoning(text="Hm"), Text(text="4")]
    assert answer.choices[0].logprobs is not None


def test_an_error_ends_the_stream() -> None:
    (*_, error) = _events(
        START, _frame("message-end", delta={"finish_reason": "ERROR", "error": "broken"}), END
    )
    assert isinstance(error, ErrorSeen)
    assert (error.message, error.kind) == ("broken", "ERROR")
    (error,) = _events(b'data: {"message":"too many"}')
    assert isinstance(error, ErrorSeen)
    assert error.message == "too many"


def test_pings_and_events_that_came_later_are_passed_over() -> None:
    assert _events(b": ping", b"data: [DONE]", _frame("something-new", a=1)) == []


def test_a_cut_stream_has_no_end() -> None:
    assert not any(
        isinstance(one, End) for one in _events(START, _said("content-delta", content={"text": "a"}))
    )


@pytest.mark.parametrize(
    "frame",
    [
        b"data: {",
        b"data: []",
        b"data: {}",
        _frame("content-delta"),
        _said("tool-call-start", tool_calls={"id": "a"}),
        _said("tool-call-delta", tool_calls={"function": {"arguments": "{}"}}),
        b"data: \xff",
    ],
)
def test_what_is_not_of_this_dialect_is_no_answer(frame: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        _events(frame)


_NAMES = (
    "delta",
    "message",
    "content",
    "text",
    "thinking",
    "tool_calls",
    "id",
    "function",
    "name",
    "arguments",
    "type",
)
_MORE = (
    "citations",
    "sources",
    "document",
    "usage",
    "error",
    "finish_reason",
    "tool_plan",
    "logprobs",
    "start",
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from((*_NAMES, *_MORE)), inner, max_size=4)
    ),
    max_leaves=12,
)
_KINDS = (
    "message-start",
    "content-start",
    "content-delta",
    "tool-plan-delta",
    "tool-call-start",
    "citation-start",
)
_kinds = st.sampled_from((*_KINDS, "message-end"))


@settings(max_examples=200)
@given(st.lists(st.tuples(_kinds, _json), max_size=5))
def test_streams_of_anything_are_read_or_no_answers(frames: list[tuple[str, Any]]) -> None:
    gathering, decoder = Gathering(), DIALECT.decode_stream()
    with contextlib.suppress(NotAnAnswer):
        for kind, value in frames:
            for one in decoder.read(_frame(kind, delta={"message": value})) + decoder.read(
                _frame(kind, delta=value)
            ):
                gathering.add(one)
    gathering.finish()


@settings(max_examples=200)
@given(_json | st.binary(max_size=30))
def test_anything_is_an_answer_or_none(value: Any) -> None:
    body = value if isinstance(value, bytes) else msgspec.json.encode({"message": value, "usage": value})
    with contextlib.suppress(NotAnAnswer):
        DIALECT.decode_answer(body)
    DIALECT.decode_error(500, body)
    DIALECT.decode_usage(body)


def test_the_clients_half_is_not_there() -> None:
    with pytest.raises(NotImplementedError):
        DIALECT.decode_request(b"{}")
