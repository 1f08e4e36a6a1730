"""Reasoning state in answers that pass through: sealed, and nothing else of them changes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_samples import cut, cuts

from examples import examples
from freehold.core.parts import State
from freehold.wire.dialect import DialectName
from freehold.wire.dialects import dialect_of
from freehold.wire.openai_stream import ChatStream
from freehold.wire.passing_state import Sealer
from freehold.wire.request import read_chat_request, read_gemini_request, read_messages_request
from freehold.wire.sealing import last_sealed, opened, seal

SIGNATURE = "Eq+/sig=="
HIDDEN = "c2VjcmV0"


def sealer_of(dialect: DialectName) -> Sealer:
    return Sealer(dialect_of(dialect).state, origin="account", model="m")


def sealed(data: str, kind: Any) -> str:
    return seal(State(data=data, kind=kind, origin="account", model="m"))


THINKING = {"type": "thinking", "thinking": "Hm", "signature": SIGNATURE}
REDACTED = {"type": "redacted_thinking", "data": HIDDEN}
CALL = {"type": "tool_use", "id": "t", "name": "sign", "input": {"signature": "J. Doe", "data": "x"}}
ITEM = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": HIDDEN}
SPOKEN = {"type": "message", "content": [{"type": "output_text", "text": '"encrypted_content":"x"'}]}
SIGNED_CALL = {"functionCall": {"name": "sign", "args": {"signature": "J. Doe"}}, "thoughtSignature": HIDDEN}
DETAILS = [
    {"type": "reasoning.text", "text": "Hm", "signature": SIGNATURE, "format": "anthropic-claude-v1"},
    {"type": "reasoning.encrypted", "data": HIDDEN, "format": "anthropic-claude-v1"},
    {"type": "reasoning.encrypted", "data": HIDDEN, "format": "openai-responses-v1"},
]
GOOGLE = {"google": {"thought_signature": SIGNATURE}}
TOOL_CALL = {
    "id": "c",
    "type": "function",
    "function": {"name": "f", "arguments": '{"signature":"x"}'},
    "extra_content": GOOGLE,
}
MESSAGE = {
    "content": [{"type": "thinking", "thinking": [], "signature": SIGNATURE}],
    "reasoning_details": DETAILS,
    "tool_calls": [TOOL_CALL],
    "extra_content": GOOGLE,
}
MESSAGE_KINDS = ["signature", "signature", "redacted", "encrypted", "signature", "signature"]

ANSWERS: list[tuple[DialectName, Any, list[str]]] = [
    ("anthropic-messages", {"content": [THINKING, REDACTED, CALL]}, ["signature", "redacted"]),
    ("anthropic-messages", {"type": "content_block_start", "content_block": REDACTED}, ["redacted"]),
    (
        "anthropic-messages",
        {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": SIGNATURE}},
        ["signature"],
    ),
    (
        "anthropic-messages",
        {"type": "content_block_start", "content_block": {**THINKING, "signature": ""}},
        [],
    ),
    ("openai-responses", {"output": [ITEM, SPOKEN]}, ["encrypted"]),
    ("openai-responses", {"type": "response.output_item.done", "item": ITEM}, ["encrypted"]),
    (
        "openai-responses",
        {"type": "response.completed", "response": {"output": [ITEM, SPOKEN]}},
        ["encrypted"],
    ),
    ("openai-responses", {"output": [{**ITEM, "encrypted_content": None}]}, []),
    ("gemini", {"candidates": [{"content": {"parts": [{"text": "a"}, SIGNED_CALL]}}]}, ["signature"]),
    ("openai-chat", {"choices": [{"message": MESSAGE}]}, MESSAGE_KINDS),
    ("openai-chat", {"choices": [{"delta": MESSAGE}, {"delta": {"content": 'signature": '}}]}, MESSAGE_KINDS),
]


def states_in(body: bytes) -> list[State]:
    found = re.findall(rb'"freehold([A-Za-z0-9+/=]+)"', body)
    return [State(**json.loads(base64.b64decode(one))) for one in found]


@pytest.mark.parametrize(("dialect", "answer", "kinds"), ANSWERS)
@pytest.mark.parametrize("indent", [None, 1])
def test_state_alone_is_sealed(
    dialect: DialectName, answer: Any, kinds: list[str], indent: int | None
) -> None:
    body = json.dumps(answer, indent=indent, ensure_ascii=False).encode()
    told = sealer_of(dialect).answer(body)
    states = states_in(told)
    assert sorted(state.kind for state in states) == sorted(kinds)
    assert {(state.origin, state.model) for state in states} == ({("account", "m")} if kinds else set())
    restored = opened(told, lambda state: state.origin == "account")
    assert restored is not None
    assert json.loads(restored) == answer
    if not kinds:
        assert told == body


@pytest.mark.parametrize(("dialect", "answer", "kinds"), ANSWERS)
def test_frames_keep_their_lines(dialect: DialectName, answer: Any, kinds: list[str]) -> None:
    data = json.dumps(answer).encode()
    sealer = sealer_of(dialect)
    told = sealer.frame(b": a comment\nevent: x\ndata: " + data)
    assert told == b": a comment\nevent: x\ndata: " + sealer.answer(data)
    # A server may write one event's data in several lines.
    spread = json.dumps(answer, indent=1).encode().replace(b"\n", b"\ndata: ")
    told = sealer.frame(b"event: x\ndata: " + spread)
    assert told.startswith(b"event: x\n")
    assert len(states_in(told)) == len(kinds)


@pytest.mark.parametrize("dialect", ["anthropic-messages", "openai-responses", "gemini", "openai-chat"])
@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"[DONE]",
        b'{"content":"signature"}',
        b'{"content":[1,null,"\\"signature\\":"],"item":3,"candidates":{},"choices":[[]],"signature":1}',
        b'{"choices":[{"delta":{"reasoning_details":[{"signature":3}]}}]}',
        b'{"item":{"encrypted_content":"\\ud800"}}',
        b'{"delta":{"type":"signature_delta","signature":"x"',
        b'{"content":' + b"[" * 3000,
    ],
)
def test_what_is_not_understood_is_left_as_it_is(dialect: DialectName, odd: bytes) -> None:
    assert sealer_of(dialect).answer(odd) == odd


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(SIGNATURE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["signature", "data", "type", "thoughtSignature", "encrypted_content", "text"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@examples
@given(extra=values, texts=st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=3))
def test_whatever_stands_beside_it_is_untouched(extra: Any, texts: list[str]) -> None:
    blocks = [{"type": "thinking", "thinking": "Hm", "signature": text} for text in texts]
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"anything": extra}}
    answer = {"id": "msg_1", "content": [*blocks, call], "extra": extra}
    told = json.loads(sealer_of("anthropic-messages").answer(json.dumps(answer).encode()))
    assert told["content"][-1] == call
    assert told["extra"] == extra
    assert [block["signature"] for block in told["content"][:-1]] == [
        sealed(one, "signature") for one in texts
    ]
    restored = opened(json.dumps(told).encode(), lambda _: True)
    assert restored is not None
    assert json.loads(restored) == answer


def chat_event(**delta: Any) -> bytes:
    return b"data: " + json.dumps({"model": "m", "choices": [{"index": 0, "delta": delta}]}).encode()


@examples
@given(positions=cuts, ending=st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r"]), words=st.integers(0, 6))
def test_cuts_make_no_difference_to_what_is_sealed(positions: list[int], ending: bytes, words: int) -> None:
    plain = [chat_event(content="word") for _ in range(words)]
    signed = chat_event(reasoning_details=[{"type": "reasoning.text", "signature": SIGNATURE}])
    events = [chat_event(role="assistant"), *plain, signed, *plain, b"data: [DONE]"]
    data = b"".join(event + ending for event in events)

    def read(pieces: Iterable[bytes]) -> bytes:
        stream = ChatStream(hide_usage=False, sealer=sealer_of("openai-chat"))
        return b"".join([*map(stream.feed, pieces), stream.finish()])

    once = read([data])
    assert once == read(cut(data, positions)) == read([data[at : at + 1] for at in range(len(data))])
    assert [state.data for state in states_in(once)] == [SIGNATURE]
    parts = once.split(ending)
    assert len(parts) == len(events) + 1
    assert [one for one in parts if b"freehold" not in one] == [*(e for e in events if e != signed), b""]


def test_a_last_event_without_its_end_is_sealed_too() -> None:
    stream = ChatStream(hide_usage=False, sealer=sealer_of("openai-chat"))
    signed = chat_event(extra_content=GOOGLE)
    assert stream.feed(chat_event(content="word") + b"\n\n" + signed) == chat_event(content="word") + b"\n\n"
    assert [state.data for state in states_in(stream.finish())] == [SIGNATURE]


# Requests


def test_a_request_for_its_maker_holds_the_original_bytes() -> None:
    original = (
        rb'{"model":"m","messages":[{"content":[ {"signature":"a/b+c=="} ,{"text":"freehold\"x"}]}],"x":1.50}'
    )
    token = json.dumps(sealed("a/b+c==", "signature")).encode()
    for written in (
        token,
        token.replace(b"/", rb"\/"),
        token.replace(b"=", rb"\u003d"),
        token.rstrip(b'="') + b'"',
    ):
        request = read_chat_request(original.replace(b'"a/b+c=="', written))
        found = request.opened(lambda state: state.origin == "account")
        assert found is not None
        assert {name: bytes(raw) for name, raw in found.fields.items()} == {
            name: bytes(raw) for name, raw in read_chat_request(original).fields.items()
        }
        assert request.opened(lambda state: state.origin == "another") is None


def test_a_request_that_only_speaks_of_it_is_not_looked_into() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"freehold is a word"},{"content":"freehold"}]}'
    request = read_messages_request(body)
    assert request.holds_state
    found = request.opened(lambda _: False)
    assert found is not None
    assert found.fields == request.fields
    assert request.last_state() is None


def test_the_last_state_is_the_newest() -> None:
    first, second = sealed("one", "signature"), sealed("two", "signature")
    parts = [{"thoughtSignature": first}, {"thoughtSignature": second}, {"text": "freeholder"}]
    body = json.dumps({"contents": [{"role": "model", "parts": parts}]}).encode()
    state = read_gemini_request(body, "m", stream=False).last_state()
    assert state is not None
    assert (state.data, state.origin, state.model) == ("two", "account", "m")


@examples
@given(text=st.text(max_size=40), more=values)
def test_no_text_is_mistaken_for_state(text: str, more: Any) -> None:
    body = json.dumps({"a": [text, {"b": more}], "freehold" + text: "freehold" + text}).encode()
    assert last_sealed(body) is None
    assert opened(body, lambda _: False) == body


@examples
@given(data=st.text(min_size=1, max_size=60))
def test_any_state_comes_back_as_it_was(data: str) -> None:
    text = sealed(data, "encrypted")
    quoted = json.dumps({"cited": json.dumps({"signature": text})}).encode()
    assert opened(quoted, lambda _: False) == quoted  # a word of a text, not state
    body = json.dumps({"signature": text}).encode()
    restored = opened(body, lambda _: True)
    assert restored is not None
    assert json.loads(restored) == {"signature": data}
