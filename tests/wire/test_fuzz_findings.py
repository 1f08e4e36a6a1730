"""What damaged input once did to a decoder or encoder, kept small: `python -m benchmarks.fuzz` found each of them."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reality.aws_frames import aws_frame
from freehold.core.answer import Answer, Stop
from freehold.core.errors import BadRequest
from freehold.core.events import Begin, End, Event, Grow, LogProbs, PartBegin, PartEnd, Sign, StopSeen
from freehold.core.gathering import Gathering
from freehold.core.losses import Losses
from freehold.core.parts import Text, ToolCall
from freehold.core.request import ChatRequest
from freehold.wire.dialect import Addressee, DialectName, NotAnAnswer, Recipient
from freehold.wire.dialects import NAMES, dialect_of
from freehold.wire.embeddings import decode_embeddings
from freehold.wire.gemini.ruler import Ruler
from freehold.wire.responses.kept_answer import Said, retold, retold_event

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


def events_in(source: DialectName, *frames: bytes) -> list[Event]:
    """What a stream of these frames says."""
    reader = dialect_of(source).decode_stream()
    return [event for frame in frames for event in reader.read(frame)] + reader.finish()


def test_a_second_message_in_a_stream_of_cohere() -> None:
    begun = b'data: {"id":"%b","type":"message-start","delta":{"message":{"role":"assistant"}}}'
    said = b'data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"x"}}}}'
    events = events_in("cohere", begun % b"a", said, begun % b"a", said)
    assert [type(event) for event in events] == [Begin, PartBegin, Grow, Grow]
    with pytest.raises(NotAnAnswer, match="spliced"):
        events_in("cohere", begun % b"a", said, begun % b"b")


@pytest.mark.parametrize(
    ("source", "frame"),
    [
        ("anthropic-messages", {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}}),
        (
            "openai-responses",
            {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "x"},
        ),
    ],
)
def test_streams_without_their_first_event_begin_all_the_same(
    source: DialectName, frame: dict[str, Any]
) -> None:
    events = events_in(source, b"data: " + json.dumps(frame).encode())
    assert isinstance(events[0], Begin)
    assert events[0].dialect == source
    assert not any(isinstance(event, Begin) for event in events[1:])


def test_an_answer_that_says_nothing_is_a_choice_of_chat_all_the_same() -> None:
    chat = dialect_of("openai-chat")
    told = json.loads(chat.encode_answer(Answer(choices=[]), ADDRESSEE, Losses()))
    assert told["choices"][0]["message"]["role"] == "assistant"
    writer = chat.encode_stream(ADDRESSEE, Losses())
    frames = b"".join(writer.write(event) for event in (Begin(), End())).split(b"\n\n")
    assert json.loads(frames[0].removeprefix(b"data: "))["choices"] == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert frames[1:] == [b"data: [DONE]", b""]


def test_a_stream_of_chat_says_of_each_choice_that_it_stopped() -> None:
    events: list[Event] = [
        Begin(),
        PartBegin(0, 0, Text()),
        Grow(0, 0, "a"),
        PartBegin(1, 0, ToolCall(id="c", name="f")),
        Grow(1, 0, "{}"),
        StopSeen(0, Stop(reason="length")),
        End(),
    ]
    writer = dialect_of("openai-chat").encode_stream(ADDRESSEE, Losses())
    written = b"".join(writer.write(event) for event in events).split(b"\n\n")
    chunks = [json.loads(frame.removeprefix(b"data: ")) for frame in written if frame.startswith(b"data: {")]
    words = {one["index"]: one["finish_reason"] for chunk in chunks for one in chunk["choices"]}
    assert words == {0: "length", 1: "tool_calls"}


def test_as_many_candidates_in_a_whole_answer_of_gemini_as_in_a_stream() -> None:
    candidate = {"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}
    gemini = dialect_of("gemini")
    assert len(gemini.decode_answer(json.dumps({"candidates": [candidate] * 128}).encode()).choices) == 128
    with pytest.raises(NotAnAnswer, match="128"):
        gemini.decode_answer(json.dumps({"candidates": [candidate] * 129}).encode())


def test_half_a_character_costs_no_whole_one() -> None:
    text = rb"\ud83d\ude00 \\ud800 \ud800!"
    body = b'{"id":"x","choices":[{"message":{"content":"%b"},"finish_reason":"stop"}]}' % text
    (part,) = dialect_of("openai-chat").decode_answer(body).choices[0].parts
    assert isinstance(part, Text)
    assert part.text == "\U0001f600 \\ud800 \ufffd!"


def test_half_a_character_in_a_kept_answer() -> None:
    answer = rb'{"id":"resp_1","output":[],"\udfff":1}'
    assert json.loads(retold(answer, Said(kept=True, continues=None))) == {
        "id": "resp_1",
        "output": [],
        "\ufffd": 1,
        "store": True,
        "previous_response_id": None,
    }
    event = rb'data: {"type":"response.completed","response":{"id":"resp_1","a":"\udfff"}}'
    assert rb'"store":true' in retold_event(event, Said(kept=True, continues=None))


def test_redacted_reasoning_in_many_pieces_takes_no_longer_each() -> None:
    begun = aws_frame("messageStart", b'{"role":"assistant"}')
    piece = {"contentBlockIndex": 0, "delta": {"reasoningContent": {"redactedContent": "QUFB" * 200}}}
    frame = aws_frame("contentBlockDelta", json.dumps(piece).encode())
    started = time.thread_time()
    events = events_in(
        "bedrock-converse",
        begun,
        *[frame] * 4000,
        aws_frame("contentBlockStop", b'{"contentBlockIndex":0}'),
    )
    assert time.thread_time() - started < 2
    (sign,) = [event for event in events if isinstance(event, Sign)]
    assert sign.state.data == "QUFB" * 200 * 4000


def test_many_citations_of_a_long_text_take_no_longer_each() -> None:
    support = {"segment": {"startIndex": 100_000, "endIndex": 390_000}, "groundingChunkIndices": [0]}
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a.example"}}],
        "groundingSupports": [support] * 4000,
    }
    candidate = {
        "content": {"parts": [{"text": "\u00e9" * 200_000}]},
        "finishReason": "STOP",
        "groundingMetadata": grounding,
    }
    gemini = dialect_of("gemini")
    body = json.dumps({"candidates": [candidate]}).encode()
    started = time.thread_time()
    answer = gemini.decode_answer(body)
    written = gemini.encode_answer(msgspec.structs.replace(answer, dialect=""), ADDRESSEE, Losses())
    assert time.thread_time() - started < 2
    assert len(written) < 2 * len(body)
    (part,) = answer.choices[0].parts
    assert isinstance(part, Text)
    assert (len(part.citations), part.citations[0].start, part.citations[0].end) == (4000, 50_000, 195_000)


@given(st.text(alphabet=st.sampled_from("a\u00e9\u20ac\U0001f600"), max_size=50), st.integers(0, 300))
def test_places_in_bytes_and_characters(text: str, place: int) -> None:
    long = text * 60
    ruler = Ruler(long)
    assert ruler.bytes_at(place) == len(long[:place].encode())
    at = min(place, len(long.encode()))
    assert ruler.characters_at(at) == len(long.encode()[:at].decode(errors="ignore"))
    last = len(long)
    assert ruler.characters_at(ruler.bytes_at(last)) == last


def test_counts_of_tokens_that_add_up_to_no_number() -> None:
    one = {"embeddings": {"values": [0.5], "statistics": {"token_count": 1e308}}}
    answer = decode_embeddings([json.dumps({"predictions": [one, one]}).encode()], "gemini")
    assert (len(answer.vectors), answer.usage.input_tokens) == (2, None)
