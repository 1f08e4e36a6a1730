"""What damaged input once did to a decoder or encoder, kept small: `fuzz.py` beside this file found each of them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from freehold.core.errors import BadRequest
from freehold.core.events import Begin, Event, Grow, LogProbs, PartBegin, PartEnd
from freehold.core.gathering import Gathering
from freehold.core.losses import Losses
from freehold.core.parts import Text
from freehold.core.request import ChatRequest
from freehold.wire.dialect import Addressee, DialectName, NotAnAnswer, Recipient
from freehold.wire.dialects import NAMES, dialect_of

CLIENTS: tuple[DialectName, ...] = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
ADDRESSEE = Addressee(request=ChatRequest(model="m", messages=[]), id="call_1", created=1)
BROKEN = (b"\xff", b"\xed\xa0\x80")
"""No UTF-8: no character begins so, and half of a surrogate pair."""


def seconds_of(request: dict[str, Any], source: DialectName) -> float:
    """Processor time of decoding and encoding for every provider."""
    body = json.dumps({"model": "m", **request}).encode()
    begun = time.thread_time()
    decoded = dialect_of(source).decode_request(body)
    for name in NAMES:
        dialect_of(name).encode_request(decoded, Recipient(model="m", origin="o"), Losses())
    return time.thread_time() - begun


@pytest.mark.parametrize("broken", BROKEN)
def test_arguments_that_are_no_utf8(broken: bytes) -> None:
    call = b'{"type":"tool_use","id":"a","name":"f","input":{"a":"%b"}}' % broken
    with pytest.raises(BadRequest, match="UTF-8"):
        dialect_of("anthropic-messages").decode_request(
            b'{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[%b]}]}' % call
        )
    with pytest.raises(NotAnAnswer, match="UTF-8"):
        dialect_of("anthropic-messages").decode_answer(b'{"type":"message","content":[%b]}' % call)
    part = b'{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":"%b"}}}]}}' % broken
    with pytest.raises(NotAnAnswer, match="UTF-8"):
        dialect_of("gemini").decode_answer(b'{"candidates":[%b]}' % part)
    with pytest.raises(NotAnAnswer, match="UTF-8"):
        dialect_of("gemini").decode_stream().read(b'data: {"candidates":[%b]}' % part)


@pytest.mark.parametrize("source", NAMES)
def test_answers_that_are_no_utf8(source: DialectName) -> None:
    with pytest.raises(NotAnAnswer):
        dialect_of(source).decode_answer(b'{"id":"\xff"}')


@pytest.mark.parametrize("logprobs", [b'[{"token":"a"}]', b'{"content":true}', b'{"content":{"a":[1]}}'])
def test_log_probabilities_of_another_form(logprobs: bytes) -> None:
    gathering = Gathering()
    gathering.add(LogProbs(0, logprobs))
    gathering.add(LogProbs(0, b'{"content":[{"token":"a"}]}'))
    assert gathering.finish().choices[0].logprobs == b'{"content":[{"token":"a"}]}'


def test_citations_beside_the_choices_that_are_no_list() -> None:
    chunk = b'data: {"id":"c","object":"chat.completion.chunk","citations":1,"choices":[]}'
    with pytest.raises(NotAnAnswer):
        dialect_of("openai-chat").decode_stream().read(chunk)


@pytest.mark.parametrize("target", CLIENTS)
def test_a_thousand_parts_open_at_once(target: DialectName) -> None:
    parts = range(1500)
    events: list[Event] = [Begin(), *(PartBegin(0, at, Text()) for at in parts)]
    events += [Grow(0, at, f"t{at} ") for at in parts]
    events += [PartEnd(0, at) for at in (*parts[1:], 0)]
    writer = dialect_of(target).encode_stream(ADDRESSEE, Losses())
    written = b"".join(writer.write(event) for event in events)
    assert all(f"t{at} ".encode() in written for at in parts)


def test_many_results_of_one_call_take_no_longer_each() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}]
    result = {"role": "tool", "tool_call_id": "a", "content": "x"}
    seconds_of({"messages": [*turn, result]}, "openai-chat")
    assert seconds_of({"messages": turn + [result] * 8000}, "openai-chat") < 2


def test_many_items_of_reasoning_take_no_longer_each() -> None:
    thought = {
        "type": "reasoning",
        "id": "r",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "x"}],
    }
    said = [{"role": "user", "content": "x"}]
    seconds_of({"input": [*said, thought]}, "openai-responses")
    assert seconds_of({"input": said + [thought] * 8000}, "openai-responses") < 2


def test_many_documents_without_names_take_no_longer_each() -> None:
    document = {"inlineData": {"mimeType": "text/plain", "data": "eA=="}}
    seconds_of({"contents": [{"role": "user", "parts": [document]}]}, "gemini")
    assert seconds_of({"contents": [{"role": "user", "parts": [document] * 6000}]}, "gemini") < 2


@pytest.mark.parametrize("name", ["description", "format"])
def test_schemas_whose_words_are_lists(name: str) -> None:
    schema = {"type": "object", name: ["a"], "minLength": 3}
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": schema}}
    seconds_of({"messages": [{"role": "user", "content": "x"}], "tools": [tool]}, "openai-chat")
