"""Whole answers of Converse in the internal form."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.answer import Answer
from freehold.core.parts import Foreign, Media, Part, Reasoning, State, Text, ToolCall
from freehold.core.usage import NO_USAGE
from freehold.wire.bedrock.dialect import DIALECT
from freehold.wire.dialect import NotAnAnswer


def _answer(*content: object, **fields: object) -> Answer:
    body = {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": "end_turn",
        "metrics": {"latencyMs": 3},
        **fields,
    }
    return DIALECT.decode_answer(msgspec.json.encode(body))


def _parts(*content: object) -> list[Part]:
    return _answer(*content).choices[0].parts


def test_a_plain_answer() -> None:
    answer = _answer({"text": "Hi"}, usage={"inputTokens": 3, "outputTokens": 2, "totalTokens": 5})
    assert answer.choices[0].parts == [Text(text="Hi")]
    assert answer.choices[0].stop is not None
    assert answer.choices[0].stop.reason == "stop"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 2)
    assert answer.raw_usage is not None
    assert answer.extra == {}


def test_a_call_keeps_its_arguments_as_they_were_written() -> None:
    body = (
        b'{"output":{"message":{"content":[{"toolUse":{"toolUseId":"t1","name":"f","input":{"n": 1.50}}}]}}}'
    )
    assert DIALECT.decode_answer(body).choices[0].parts == [
        ToolCall(id="t1", name="f", arguments='{"n": 1.50}')
    ]


def test_reasoning_with_a_signature_and_without_words() -> None:
    assert _parts({"reasoningContent": {"reasoningText": {"text": "", "signature": "sig"}}}) == [
        Reasoning(state=State(data="sig", kind="signature"))
    ]


def test_redacted_reasoning() -> None:
    assert _parts({"reasoningContent": {"redactedContent": "UkVE"}}) == [
        Reasoning(state=State(data="UkVE", kind="redacted"))
    ]


def test_text_without_words_says_nothing() -> None:
    assert _parts({"text": ""}, {"text": "a"}) == [Text(text="a")]


def test_what_bedrock_ran_itself_is_kept_whole() -> None:
    call = {
        "toolUse": {"toolUseId": "t", "name": "nova_code_interpreter", "input": {}, "type": "server_tool_use"}
    }
    result = {"toolResult": {"toolUseId": "t", "content": [{"json": {"a": 1}}], "status": "success"}}
    first, second = _parts(call, result)
    assert isinstance(first, Foreign)
    assert isinstance(second, Foreign)
    assert (first.kind, second.kind) == ("server_tool_use", "toolResult")
    assert msgspec.json.decode(first.raw) == call
    assert msgspec.json.decode(second.raw) == result


def test_a_picture() -> None:
    assert _parts({"image": {"format": "png", "source": {"bytes": "QUJD"}}}) == [
        Media(kind="image", mime_type="image/png", data="QUJD")
    ]


def test_citations_of_documents_and_of_the_web() -> None:
    (part,) = _parts(
        {
            "citationsContent": {
                "content": [{"text": "The grass is green."}],
                "citations": [
                    {
                        "title": "My Document",
                        "sourceContent": [{"text": "green"}],
                        "location": {"documentPage": {"documentIndex": 1, "start": 2, "end": 3}},
                    },
                    {"location": {"web": {"url": "https://a.example", "domain": "a.example"}}},
                    {"location": {"searchResultLocation": {"searchResultIndex": 0}}},
                ],
            }
        }
    )
    assert isinstance(part, Text)
    document, web, other = part.citations
    assert part.text == "The grass is green."
    assert (document.kind, document.document, document.source_start, document.source_end, document.unit) == (
        "document",
        1,
        2,
        3,
        "pages",
    )
    assert (document.quote, document.title) == ("green", "My Document")
    assert (web.kind, web.url) == ("url", "https://a.example")
    assert other.kind == "other"
    assert "location" in other.extra


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop_sequence"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("malformed_model_output", "error"),
        ("malformed_tool_use", "malformed_tool_call"),
        ("model_context_window_exceeded", "context"),
        ("brand_new", "other"),
    ],
)
def test_every_reason_to_stop(word: str, reason: str) -> None:
    stop = _answer(stopReason=word).choices[0].stop
    assert stop is not None
    assert (stop.reason, stop.raw) == (reason, word)


def test_the_stop_sequence_is_told_where_it_was_asked_for() -> None:
    answer = _answer(
        stopReason="stop_sequence", additionalModelResponseFields={"stop_sequence": "END", "x": 1}
    )
    assert answer.choices[0].stop is not None
    assert answer.choices[0].stop.sequence == "END"
    assert answer.extra["additionalModelResponseFields"] == msgspec.Raw(b'{"x":1}')


def test_what_nobody_knows_is_kept() -> None:
    answer = _answer(
        trace={"guardrail": {}}, serviceTier={"type": "flex"}, performanceConfig={"latency": "optimized"}
    )
    assert answer.service_tier == "flex"
    assert set(answer.extra) == {"trace", "performanceConfig"}


def test_usage_counts_what_the_cache_read_and_wrote() -> None:
    usage = DIALECT.decode_usage(
        b'{"inputTokens":10,"outputTokens":5,"totalTokens":115,"cacheReadInputTokens":70,"cacheWriteInputTokens":30,'
        b'"cacheDetails":[{"ttl":"1h","inputTokens":20},{"ttl":"5m","inputTokens":10}]}'
    )
    assert usage.input_tokens == 110
    assert usage.output_tokens == 5
    assert (usage.cache_read_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens) == (70, 30, 20)


@pytest.mark.parametrize("raw", [None, b"", b"null", b"[]", b"{", b'{"inputTokens":"x"}', b"{}"])
def test_usage_that_is_not_understood_is_none(raw: bytes | None) -> None:
    assert DIALECT.decode_usage(raw) == NO_USAGE


def test_errors_keep_their_status_and_words() -> None:
    error = DIALECT.decode_error(429, b'{"message":"Too many requests"}')
    assert (error.status, error.message, error.kind) == (429, "Too many requests", "ThrottlingException")
    error = DIALECT.decode_error(403, b'{"__type":"com.amazon#AccessDeniedException","Message":"no"}')
    assert (error.message, error.kind) == ("no", "AccessDeniedException")
    assert DIALECT.decode_error(502, b"<html>").message == "<html>"
    assert DIALECT.decode_error(500, b"").message


@settings(max_examples=150)
@given(
    st.binary(max_size=40) | st.recursive(st.none() | st.text(max_size=5), st.lists).map(msgspec.json.encode)
)
def test_arbitrary_bytes_are_no_answer(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        DIALECT.decode_answer(body)
    DIALECT.decode_error(500, body)
    DIALECT.decode_usage(body)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                (
                    "text",
                    "toolUse",
                    "reasoningContent",
                    "citationsContent",
                    "citations",
                    "content",
                    "image",
                    "location",
                )
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(_values)
def test_an_answer_with_anything_in_it_is_read_or_none(content: object) -> None:
    with contextlib.suppress(NotAnAnswer):
        _answer(content)


def test_the_clients_half_is_not_there() -> None:
    with pytest.raises(NotImplementedError):
        DIALECT.decode_request(b"{}")
