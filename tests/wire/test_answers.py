"""Whole answers: facts, and what is not an answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.core.usage import NO_USAGE, Usage
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.facts import Facts
from freehold.wire.openai_answer import read_chat_answer, read_embeddings_answer

CHAT = {
    "id": "c",
    "object": "chat.completion",
    "model": "m-1",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Grüße 🎉"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}
EMBEDDINGS = {
    "object": "list",
    "model": "e-1",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}


def test_the_facts_of_a_chat_answer() -> None:
    facts = read_chat_answer(json.dumps(CHAT).encode())
    raw = json.dumps(CHAT["usage"]).encode()
    assert facts == Facts("m-1", "stop", Usage(3, 4, source="provider"), raw)


def test_the_facts_of_an_embeddings_answer() -> None:
    facts = read_embeddings_answer(json.dumps(EMBEDDINGS).encode())
    raw = json.dumps(EMBEDDINGS["usage"]).encode()
    assert facts == Facts("e-1", None, Usage(3, 0, source="provider"), raw)


@pytest.mark.parametrize("usage", ["", ',"usage":null', ',"usage":{}', ',"usage":7'])
def test_usage_may_be_missing(usage: str) -> None:
    assert read_chat_answer(b'{"choices":[{}]%b}' % usage.encode()).usage is NO_USAGE
    assert read_embeddings_answer(b'{"data":[{}]%b}' % usage.encode()).usage is NO_USAGE


def test_white_space_before_an_answer_is_how_some_keep_a_connection_alive() -> None:
    assert read_chat_answer(b"\n\n  \n" + json.dumps(CHAT).encode()).stop_reason == "stop"


def test_what_a_message_says_is_not_judged() -> None:
    body = b'{"choices":[{"message":{"content":"\\ud83d","x":[1e999]},"finish_reason":"stop"}]}'
    assert read_chat_answer(body).stop_reason == "stop"


NOT_ANSWERS = [
    b'{"choices":[{"message":{"content":"\xff"}}],"data":[{"x":"\xff"}]}',
    b"",
    b" ",
    b"null",
    b"{}",
    b"[]",
    b'"x"',
    b"<html>",
    b'{"error":{"message":"no"}}',
    b'{"choices":[],"data":[]}',
    b'{"choices":{},"data":{}}',
    b'{"choices":[1],"data":1}',
    b'{"choices":[{}],"data":[{}],"model":"\xff"}',
    b'{"choices":[{}],"data":[{}],"model":5}',
    b'{"choices":[{}],"data":[{}]',
    b'{"choices":[{}],"data":[{}]} {}',
    b'{"choices":[{"x":' + b"[" * 10_000 + b"]" * 10_000 + b'}],"data":[{"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}]}",
]  # fmt: skip


@pytest.mark.parametrize("body", NOT_ANSWERS)
def test_what_is_not_an_answer_is_refused(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        read_chat_answer(body)
    with pytest.raises(NotAnAnswer):
        read_embeddings_answer(body)


@examples
@given(at=st.integers(0, 400), noise=st.binary(max_size=4), length=st.integers(0, 400))
def test_damaged_answers_raise_nothing_else(at: int, noise: bytes, length: int) -> None:
    for sample, read in ((CHAT, read_chat_answer), (EMBEDDINGS, read_embeddings_answer)):
        data = json.dumps(sample, ensure_ascii=False).encode()
        damaged = (data[:at] + noise + data[at + len(noise) :])[: max(1, len(data) - length % 3)]
        try:
            facts = read(damaged)
        except NotAnAnswer:
            continue
        assert isinstance(facts, Facts)
