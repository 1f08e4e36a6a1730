"""Anthropic's dialect as clouds host it: bodies, and streams of wrapped events."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import msgspec
import pytest
from event_frames import event, failure
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import exchanges, needs_recordings

from freehold.core.errors import BadRequest, ThreadUnsupported
from freehold.core.events import ErrorSeen
from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.wire.anthropic.dialect import DIALECT
from freehold.wire.anthropic.hosted import Hosted, host_count, host_request, own_count, own_error
from freehold.wire.anthropic.invoked import InvokedSplitter
from freehold.wire.dialect import Hosting, NotAnAnswer
from freehold.wire.sse import EventSplitter

HOSTS: tuple[Hosting, ...] = ("bedrock", "vertex")


def fields(**more: Any) -> Fields:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **more}
    return msgspec.json.decode(msgspec.json.encode(body), type=Fields)


def hosted(given: Fields, host: Hosting, **headers: str) -> tuple[Any, Hosted]:
    made = host_request(
        given, host, {name.replace("_", "-"): value for name, value in headers.items()}, Losses()
    )
    return json.loads(made.body), made


NAMES = st.text(st.characters(codec="ascii", categories=["L", "Pc"]), min_size=1, max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
CHANGED = {"model", "stream", "thread", "anthropic_version", "anthropic_beta"}


@settings(max_examples=100)
@given(
    st.dictionaries(NAMES.filter(lambda name: name not in CHANGED), VALUES, max_size=6),
    st.sampled_from(HOSTS),
    st.booleans(),
)
def test_every_other_field_stays_as_it_is(more: dict[str, Any], host: Hosting, stream: bool) -> None:
    given = fields(**more, stream=stream)
    body, made = hosted(given, host)
    assert (host == "vertex") == (body.pop("stream", None) is not None)
    assert body.pop("anthropic_version") in ("bedrock-2023-05-31", "vertex-2023-10-16")
    rest = msgspec.json.decode(made.body, type=Fields)
    assert {name: bytes(rest[name]) for name in body} == {
        name: bytes(raw) for name, raw in given.items() if name not in CHANGED
    }


def test_betas_join_those_of_the_body() -> None:
    given = fields(anthropic_beta=["a", "b"])
    body, made = hosted(given, "bedrock", anthropic_beta=" b, c,,a , d")
    assert (body["anthropic_beta"], made.headers) == (["a", "b", "c", "d"], {})
    body, made = hosted(fields(), "vertex", anthropic_beta=" b, c")
    assert ("anthropic_beta" in body, made.headers) == (False, {"anthropic-beta": "b,c"})
    with pytest.raises(BadRequest, match="anthropic_beta"):
        hosted(fields(anthropic_beta="a"), "bedrock", anthropic_beta="b")


def test_versions() -> None:
    for said, bedrock, vertex, lost in (
        ("2023-06-01", "bedrock-2023-05-31", "vertex-2023-10-16", ()),
        ("2026-10-21", "bedrock-2023-05-31", "2026-10-21", ()),
        ("2031-01-01", "bedrock-2023-05-31", "2031-01-01", ("field.anthropic-version",)),
    ):
        assert hosted(fields(), "vertex", anthropic_version=said)[0]["anthropic_version"] == vertex
        losses = Losses()
        made = host_request(fields(), "bedrock", {"anthropic-version": said}, losses)
        assert json.loads(made.body)["anthropic_version"] == bedrock
        assert losses.names == lost


@pytest.mark.parametrize("host", HOSTS)
def test_a_thread_is_held_by_anthropic_alone(host: Hosting) -> None:
    with pytest.raises(ThreadUnsupported):
        hosted(fields(thread={"type": "create"}), host)
    assert "thread" not in hosted(fields(thread=None), host)[0]


@needs_recordings
def test_recorded_requests_for_bedrock_come_out_as_they_were() -> None:
    asked = answered = 0
    for one in exchanges(lambda found: "/model/" in found.uri and b'"anthropic_version"' in found.request):
        body = json.loads(one.request)
        given = fields(**{name: value for name, value in body.items() if name != "anthropic_version"})
        assert hosted(given, "bedrock")[0] == body
        assert DIALECT.decode_answer(one.response).choices[0].stop is not None
        asked += 1
    for one in exchanges(lambda found: b'"invokeModel"' in found.request):
        inner = json.loads(base64.b64decode(json.loads(one.request)["input"]["invokeModel"]["body"]))
        betas = ",".join(inner.pop("anthropic_beta", []))
        given = fields(**{name: value for name, value in inner.items() if name != "anthropic_version"})
        sent = host_count(given, "bedrock", {"anthropic-beta": betas}, Losses())
        told = json.loads(base64.b64decode(json.loads(sent.body)["input"]["invokeModel"]["body"]))
        assert told == inner | ({"anthropic_beta": betas.split(",")} if betas else {})
        if one.status == 200:
            assert json.loads(own_count(one.response, "bedrock"))["input_tokens"] > 0
            answered += 1
        else:
            assert json.loads(own_error(one.status, one.response))["error"]["type"] == "invalid_request_error"
    assert (asked, answered) == (3, 1)


def test_requests_to_count() -> None:
    asked = fields(thinking={"type": "enabled", "budget_tokens": 2000})
    del asked["max_tokens"]
    made = host_count(asked, "bedrock", {}, Losses())
    inner = json.loads(base64.b64decode(json.loads(made.body)["input"]["invokeModel"]["body"]))
    assert inner["max_tokens"] > 2000, "Bedrock refuses a bound below that of the reasoning"
    assert (inner["anthropic_version"], "model" in inner) == ("bedrock-2023-05-31", False)
    made = host_count(asked, "vertex", {}, Losses())
    assert json.loads(made.body)["model"] == "m"
    assert "max_tokens" not in json.loads(made.body)
    assert own_count(b'{"inputTokens":7}', "bedrock") == b'{"input_tokens":7}'
    assert own_count(b'{"input_tokens":7}', "vertex") == b'{"input_tokens":7}'
    with pytest.raises(NotAnAnswer):
        own_count(b'{"input_tokens":7}', "bedrock")


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, b'{"message":"Too long."}', "invalid_request_error", "Too long."),
        (403, b'{"Message":"User is not authorized."}', "permission_error", "User is not authorized."),
        (
            429,
            b'{"error":{"code":429,"message":"Quota.","status":"X"}}',
            "rate_limit_error",
            "Quota.",
        ),
        (
            404,
            b'[{"error":{"code":404,"message":"None such."}}\n]',
            "not_found_error",
            "None such.",
        ),
    ],
)
def test_errors_of_hosts_become_anthropic_s(status: int, body: bytes, kind: str, words: str) -> None:
    told = json.loads(own_error(status, body))
    assert (told["type"], told["error"]["type"], told["error"]["message"]) == ("error", kind, words)
    assert own_error(status, own_error(status, body)) == own_error(status, body)
    assert own_error(502, b"<html>") == b"<html>"


STREAM = [
    b'{"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":3}}}',
    b'{"type":"ping"}',
    b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Zürich"}}'.encode(),
    b'{\n  "index": 0,\n  "type": "content_block_stop"\n}',
    b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}',
    b'{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":3}}',
]


def chunk(data: bytes) -> bytes:
    return event("chunk", {"bytes": base64.b64encode(data).decode(), "p": "abcdef"})


WRAPPED = b"".join(map(chunk, STREAM))


@settings(max_examples=150)
@given(st.lists(st.integers(0, len(WRAPPED)), max_size=6))
def test_wrapped_events_are_those_that_anthropic_would_have_sent(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WRAPPED)]
    splitter = InvokedSplitter()
    frames = [one for start, end in itertools.pairwise(places) for one in splitter.feed(WRAPPED[start:end])]
    plain = b"".join(
        b"event: %b\ndata: %b\n\n" % (json.loads(data)["type"].encode(), data.replace(b"\n", b""))
        for data in STREAM
    )
    assert frames == EventSplitter().feed(plain)
    reader, own = DIALECT.decode_stream(), DIALECT.decode_stream()
    assert [reader.read(one) for one in frames] == [own.read(one) for one in EventSplitter().feed(plain)]


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("throttlingException", "rate_limit_error"),
        ("ValidationException", "invalid_request_error"),
        ("modelTimeoutException", "timeout_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("somethingNewException", "api_error"),
    ],
)
def test_a_failure_is_an_error_event(word: str, kind: str) -> None:
    for payload, message in (
        ({"message": "Sorry."}, "Sorry."),
        ({"originalMessage": "Oh."}, "Oh."),
        ([], word),
    ):
        (frame,) = InvokedSplitter().feed(failure(word, payload))
        (seen,) = DIALECT.decode_stream().read(frame)
        assert isinstance(seen, ErrorSeen)
        assert (seen.kind, seen.message) == (kind, message)


@pytest.mark.parametrize(
    "wrapped",
    [
        event("chunk", {}),
        event("chunk", {"bytes": "***"}),
        event("chunk", {"bytes": 3}),
        event("chunk", []),
        chunk(b"nonsense"),
        chunk(b"{}"),
        chunk(b'{"type":"two words"}'),
        chunk(b'{"type":"a\\nb"}'),
        chunk(b'{"type":3}'),
        chunk(b"\xff"),
    ],
)
def test_what_holds_no_event_is_no_answer(wrapped: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        InvokedSplitter().feed(wrapped)


@pytest.mark.parametrize("bad", [chunk(b"nonsense"), chunk(b"{}")[:-1] + b"!"])
def test_events_before_a_bad_one_are_given_first(bad: bytes) -> None:
    splitter = InvokedSplitter()
    assert len(splitter.feed(WRAPPED + bad + WRAPPED)) == len(STREAM)
    for ask in (lambda: splitter.feed(WRAPPED), splitter.take_rest):
        with pytest.raises(NotAnAnswer):
            ask()


def test_other_messages_say_nothing_yet() -> None:
    splitter = InvokedSplitter()
    assert splitter.feed(event("initial-response", {}) + WRAPPED[:50]) == []
    assert splitter.take_rest() == b"", "half a message"
