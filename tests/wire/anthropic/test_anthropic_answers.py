"""Answers and streams: of this dialect and of others, judged by the official SDK."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message as SdkMessage
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from freehold.core.answer import Answer, Choice, Stop
from freehold.core.events import (
    Begin,
    Cite,
    End,
    ErrorSeen,
    Event,
    Grow,
    LogProbs,
    PartBegin,
    PartEnd,
    Sign,
    StopSeen,
    UsageSeen,
)
from freehold.core.gathering import Gathering, events_of
from freehold.core.losses import Losses
from freehold.core.parts import Citation, Foreign, Media, Part, Reasoning, Refusal, State, Text, ToolCall
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.wire.anthropic.dialect import DIALECT
from freehold.wire.dialect import Addressee, NotAnAnswer
from freehold.wire.sse import EventSplitter

EVENTS: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
ADDRESSEE = Addressee(request=ChatRequest(model="asked", messages=[]), id="call_0123", created=1)
CITATION = Citation(
    kind="url", url="https://e.org", title="E", start=0, end=1, extra={"index": msgspec.Raw(b"1")}
)
USAGE = Usage(input_tokens=10, output_tokens=5, cache_read_tokens=4, source="provider")


def whole(answer: Answer) -> tuple[SdkMessage, tuple[str, ...]]:
    losses = Losses()
    body = DIALECT.encode_answer(answer, ADDRESSEE, losses)
    return SdkMessage.model_validate_json(body, strict=True), losses.names


def stream(events: list[Event]) -> tuple[bytes, tuple[str, ...]]:
    losses = Losses()
    writer = DIALECT.encode_stream(ADDRESSEE, losses)
    return b"".join(writer.write(event) for event in events), losses.names


def sdk_events(body: bytes) -> list[RawMessageStreamEvent]:
    """What the SDK makes of the bytes, each checked against its types."""
    assert body.endswith(b"\n\n")
    events = []
    for frame in body.removesuffix(b"\n\n").split(b"\n\n"):
        name, data = frame.split(b"\n")
        event = EVENTS.validate_json(data.removeprefix(b"data: "))
        assert name == b"event: " + event.type.encode()
        events.append(event)
    return events


def sdk_message(body: bytes) -> SdkMessage:
    """The SDK's own accumulation, with what it takes for granted: one block after the other."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    opened, closed = 0, 0
    for event in sdk_events(body):
        if event.type == "content_block_start":
            assert event.index == opened == closed
            opened += 1
        elif event.type == "content_block_stop":
            assert event.index == closed
            closed += 1
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    assert opened == closed
    return SdkMessage.model_validate(snapshot.to_dict())


def answer_of(*parts: Part, stop: Stop | None = None, dialect: str = "openai-chat") -> Answer:
    choice = Choice(parts=list(parts), stop=stop or Stop(reason="stop", raw="stop"))
    return Answer(id="chatcmpl-1", model="gpt", choices=[choice], usage=USAGE, dialect=dialect)


def content(message: SdkMessage) -> list[dict[str, Any]]:
    return [block.model_dump(exclude_none=True) for block in message.content]


def test_an_answer_of_another_dialect() -> None:
    parts: list[Part] = [
        Reasoning(text="Hm."),
        Text(text="Hello"),
        ToolCall(id="call:1", name="f", arguments='{"a": 1}'),
        ToolCall(id="b", name="g"),
    ]
    answer = answer_of(*parts, stop=Stop(reason="tool_calls", raw="tool_calls"))
    message, lost = whole(answer)
    assert message.id == "msg_0123"
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (6, 4)
    first, second, call, last = content(message)
    assert first == {"type": "thinking", "thinking": "Hm.", "signature": ""}
    assert second == {"type": "text", "text": "Hello"}
    assert (call["input"], last["input"]) == ({"a": 1}, {})
    assert lost == ()
    body, lost_in_stream = stream(list(events_of(answer)))
    assert content(sdk_message(body)) == content(message)
    assert lost_in_stream == lost
    assert body.count(b"input_json_delta") == 2


def test_state_comes_back_to_where_it_was() -> None:
    parts: list[Part] = [
        Reasoning(text="Hm.", state=State("one", "signature", "google")),
        Reasoning(state=State("two", "encrypted", "openai")),
        Text(text="Hello", state=State("three", "signature", "google")),
        ToolCall(id="a", name="f", arguments="{}", state=State("four", "signature", "google")),
    ]
    answer = answer_of(*parts)
    message, lost = whole(answer)
    body, _ = stream(list(events_of(answer)))
    for blocks in (content(message), content(sdk_message(body))):
        request = {"model": "m", "messages": [{"role": "assistant", "content": blocks}]}
        decoded = DIALECT.decode_request(msgspec.json.encode(request))
        assert decoded.messages[0].parts == parts
    assert lost == ()


def test_state_without_an_origin_cannot_be_carried_beside_its_part() -> None:
    answer = answer_of(ToolCall(id="a", name="f", state=State("x", "signature")))
    assert whole(answer)[1] == stream(list(events_of(answer)))[1] == ("reasoning.state",)


def test_what_has_no_place_is_a_loss() -> None:
    answer = answer_of(
        Media(kind="audio", data="AAAA", transcript="spoken"),
        Foreign(dialect="gemini", kind="executableCode", raw=b"{}"),
        Text(text="x", citations=[CITATION]),
        stop=Stop(reason="content_filter", raw="SAFETY"),
    )
    answer.choices[0].logprobs = b'{"content":[]}'
    answer.choices.append(Choice(parts=[Text(text="other")], stop=Stop(reason="stop")))
    answer.extra = {"citations": msgspec.Raw(b"[]")}
    message, lost = whole(answer)
    assert message.stop_reason == "refusal"
    assert [block["text"] for block in content(message)] == ["spoken", "x"]
    expected = {
        *("n", "logprobs", "answer.audio", "part.executableCode", "citations"),
        *("stop.reason", "answer.citations", "answer.index"),
    }
    assert set(lost) == expected
    body, lost_in_stream = stream(list(events_of(answer)))
    assert content(sdk_message(body)) == content(message)
    assert set(lost_in_stream) == expected


def test_a_refusal() -> None:
    answer = answer_of(Refusal(text="I will not."))
    message, lost = whole(answer)
    assert (message.stop_reason, content(message)) == ("refusal", [{"type": "text", "text": "I will not."}])
    assert sdk_message(stream(list(events_of(answer)))[0]).stop_reason == "refusal"
    assert lost == ()


@pytest.mark.parametrize(
    ("reason", "word", "lost"),
    [
        ("stop", "end_turn", ()),
        ("stop_sequence", "stop_sequence", ()),
        ("length", "max_tokens", ()),
        ("context", "model_context_window_exceeded", ()),
        ("tool_calls", "tool_use", ()),
        ("refusal", "refusal", ()),
        ("pause", "pause_turn", ()),
        ("content_filter", "refusal", ("stop.reason",)),
        ("malformed_tool_call", "end_turn", ("stop.reason",)),
        ("error", "end_turn", ("stop.reason",)),
        ("other", "end_turn", ("stop.reason",)),
    ],
)
def test_stop_reasons(reason: Any, word: str, lost: tuple[str, ...]) -> None:
    message, found = whole(answer_of(Text(text="x"), stop=Stop(reason=reason, raw="?")))
    assert (message.stop_reason, found) == (word, lost)


def test_a_word_of_the_dialect_is_kept() -> None:
    body = (
        b'{"type":"message","content":[],"stop_reason":"%s","usage":{"input_tokens":1,"output_tokens":1},'
        b'"stop_details":{"type":"refusal","category":"cyber"}}'
    )
    for word in (b"compaction", b"refusal", b"a_new_one"):
        losses = Losses()
        again = DIALECT.encode_answer(DIALECT.decode_answer(body % word), ADDRESSEE, losses)
        assert msgspec.json.decode(again)["stop_reason"] == word.decode()
        assert msgspec.json.decode(again)["stop_details"]["category"] == "cyber"
        assert not losses


def test_parts_that_grow_at_the_same_time_come_one_after_the_other() -> None:
    events: list[Event] = [
        Begin(model="gpt"),
        PartBegin(0, 0, Text()),
        Grow(0, 0, "A"),
        PartBegin(0, 1, ToolCall(id="a", name="f")),
        PartBegin(0, 2, ToolCall(id="b", name="g")),
        Grow(0, 2, '{"x":'),
        Grow(0, 1, '{"y":'),
        Grow(0, 0, "B"),
        Grow(0, 2, "1}"),
        PartEnd(0, 2),
        Grow(0, 1, "2}"),
        PartEnd(0, 0),
        PartEnd(0, 1),
        StopSeen(0, Stop(reason="tool_calls")),
        UsageSeen(USAGE, None),
        End(),
    ]
    message = sdk_message(stream(events)[0])
    text, first, second = content(message)
    assert text["text"] == "AB"
    assert (first["id"], first["input"], second["id"], second["input"]) == ("a", {"y": 2}, "b", {"x": 1})
    assert message.usage.input_tokens == 6


def test_summaries_and_late_state() -> None:
    events: list[Event] = [
        Begin(),
        PartBegin(0, 0, Reasoning()),
        Grow(0, 0, "One", 0),
        Grow(0, 0, " more", 0),
        Grow(0, 0, "Two", 1),
        Sign(0, 0, State("s", "signature", "o")),
        Sign(0, 0, State("t", "encrypted", "o")),
        PartEnd(0, 0),
        PartBegin(0, 1, Reasoning()),
        Sign(0, 1, State("u", "encrypted", "o")),
        PartEnd(0, 1),
        PartBegin(0, 2, Reasoning()),
        Sign(0, 2, State("v", "signature", "o")),
        PartEnd(0, 2),
        End(),
    ]
    body, lost = stream(events)
    first, second, third = content(sdk_message(body))
    assert first["thinking"] == "One more\n\nTwo"
    assert [second["type"], third["type"], third["thinking"]] == ["redacted_thinking", "thinking", ""]
    assert lost == ("usage.unknown",)


def test_citations_there_and_back() -> None:
    locations: list[dict[str, object]] = [
        {"type": "char_location", "document_index": 0, "start_char_index": 1, "end_char_index": 3},
        {"type": "page_location", "document_index": 0, "start_page_number": 1, "end_page_number": 2},
        {"type": "content_block_location", "document_index": 1, "start_block_index": 0, "end_block_index": 1},
        {"type": "web_search_result_location", "url": "https://e.org", "encrypted_index": "x"},
        {
            "type": "search_result_location",
            "search_result_index": 0,
            "source": "shelf",
            "start_block_index": 0,
            "end_block_index": 1,
        },
    ]
    cited = [{**location, "cited_text": "words"} for location in locations]
    blocks = [{"type": "text", "text": "x", "citations": cited}]
    body = {
        "type": "message",
        "model": "m",
        "role": "assistant",
        "content": blocks,
        "stop_reason": "end_turn",
    }
    answer = DIALECT.decode_answer(msgspec.json.encode(body))
    message, lost = whole(answer)
    assert content(message) == blocks
    in_stream = sdk_message(stream(list(events_of(answer)))[0])
    assert content(in_stream) == blocks
    assert lost == ("usage.unknown",)


@pytest.mark.parametrize(
    ("tier", "word", "lost"), [("default", "standard", ()), ("flex", None, ("service_tier",))]
)
def test_service_tiers(tier: str, word: str | None, lost: tuple[str, ...]) -> None:
    answer = answer_of(Text(text="x"))
    answer.service_tier = tier
    message, found = whole(answer)
    body, found_in_stream = stream(list(events_of(answer)))
    assert message.usage.service_tier == sdk_message(body).usage.service_tier == word
    assert found == found_in_stream == lost


def test_an_error_in_the_middle() -> None:
    raw = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    reader = DIALECT.decode_stream()
    (event,) = reader.read(raw)
    assert isinstance(event, ErrorSeen)
    assert (event.kind, event.status, event.message) == ("overloaded_error", 529, "Overloaded")
    assert reader.read(b'data: {"type":"ping"}') == []
    body, _ = stream([event])
    assert msgspec.json.decode(body.split(b"data: ")[1])["error"] == msgspec.json.decode(event.raw)


def test_usage_is_merged() -> None:
    reader = DIALECT.decode_stream()
    events = reader.read(
        b'data: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":5,"cache_read_input_tokens":7,'
        b'"output_tokens":1,"service_tier":"priority"}}}'
    )
    events += reader.read(
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}'
    )
    seen = [event for event in events if isinstance(event, UsageSeen)][-1]
    assert (seen.usage.input_tokens, seen.usage.output_tokens) == (12, 9)
    assert isinstance(events[0], Begin)
    assert events[0].service_tier == "priority"


@pytest.mark.parametrize(
    "frame",
    [
        b"data: nonsense",
        b"data: {}",
        b"data: []",
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}',
        b'data: {"type":"content_block_start","index":0,"content_block":{}}',
        b'data: {"type":"message_start","message":3}',
        b'data: {"type":"message_delta","delta":{"stop_reason":3}}',
    ],
)
def test_what_is_not_of_this_dialect(frame: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        DIALECT.decode_stream().read(frame)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"type":"error"}', b'{"type":"message","content":[{}]}']
)
def test_bodies_that_are_no_answers(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        DIALECT.decode_answer(body)


def test_pings_comments_and_later_events_say_nothing() -> None:
    reader = DIALECT.decode_stream()
    for frame in (
        b": hello",
        b'event: ping\ndata: {"type": "ping"}',
        b'data: {"type":"new"}',
        b"data: [DONE]",
    ):
        assert reader.read(frame) == []
    assert reader.finish() == []


texts = st.text(alphabet='aä😀\n"\\', max_size=6)
states = st.none() | st.builds(
    State,
    st.text("abc", min_size=1, max_size=4),
    st.sampled_from(["signature", "redacted", "encrypted"]),
    st.sampled_from(["one", "two"]),
)
arguments = st.sampled_from(["{}", '{"a":1}', '{"a": "ä\\n"}'])
parts = st.one_of(
    st.builds(Text, text=texts.filter(bool), state=states),
    st.builds(Reasoning, text=texts, state=states),
    st.builds(ToolCall, id=st.text("ab_-", min_size=1, max_size=4), name=st.just("f"), arguments=arguments),
    st.just(
        Foreign(
            dialect="anthropic-messages",
            kind="server_tool_use",
            raw=b'{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"x"}}',
        )
    ),
)


@settings(max_examples=200)
@given(st.lists(parts, max_size=5), st.data())
def test_any_answer_in_any_order_there_and_back(found: list[Part], data: st.DataObject) -> None:
    answer = answer_of(*found)
    expected = content(whole(answer)[0])
    body, _ = stream(_shuffled(list(events_of(answer)), data))
    assert content(sdk_message(body)) == expected
    again = gather(read([body]))
    losses = Losses()
    assert (
        content(SdkMessage.model_validate_json(DIALECT.encode_answer(again, ADDRESSEE, losses))) == expected
    )


def _shuffled(events: list[Event], data: st.DataObject) -> list[Event]:
    """The same, with the parts interleaved: each in its own order, all begun in order."""
    of_parts: dict[int, list[Event]] = {}
    others: list[Event] = []
    for event in events:
        if isinstance(event, PartBegin | Grow | Sign | Cite | PartEnd):
            of_parts.setdefault(event.index, []).append(event)
        else:
            others.append(event)
    mixed: list[Event] = []
    begun = 0
    while any(of_parts.values()):
        ready = [number for number, rest in of_parts.items() if rest and number <= begun]
        number = data.draw(st.sampled_from(ready))
        event = of_parts[number].pop(0)
        begun += isinstance(event, PartBegin)
        mixed.append(event)
    return [others[0], *mixed, *others[1:]]


def read(pieces: list[bytes]) -> list[Event]:
    reader, splitter = DIALECT.decode_stream(), EventSplitter()
    events = [event for piece in pieces for frame in splitter.feed(piece) for event in reader.read(frame)]
    return events + reader.finish()


def gather(events: list[Event]) -> Answer:
    gathering = Gathering()
    for event in events:
        gathering.add(event)
    return gathering.finish()


def test_every_cut_gives_the_same() -> None:
    answer = answer_of(
        Reasoning(text="Hm.", state=State("s", "signature", "o")),
        Text(text="Häuser 😀"),
        ToolCall(id="a", name="f", arguments='{"a": 1}'),
    )
    body, _ = stream(list(events_of(answer)))
    for ending in (b"\n", b"\r\n", b"\r"):
        written = body.replace(b"\n", ending)
        expected = read([written])
        assert isinstance(expected[-1], End)
        for cut in range(len(written)):
            assert read([written[:cut], written[cut:]]) == expected


SAMPLES = [
    b'{"type":"message_start","message":{"id":"m","usage":{"input_tokens":1}}}',
    b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
    b'{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}',
    b'{"type":"content_block_start","index":2,"content_block":{"type":"server_tool_use","input":{}}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}',
    b'{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\\"a"}}',
    b'{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\\"a"}}',
    b'{"type":"content_block_delta","index":2,"delta":{"partial_json":3}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":3}}}',
    b'{"type":"content_block_stop","index":0}',
    b'{"type":"content_block_stop","index":2}',
    b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":"x"}}',
    b'{"type":"message_delta","usage":3}',
    b'{"type":"message_delta"}',
    b'{"type":"message_stop"}',
    b'{"error":3}',
]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(SAMPLES) | st.binary(max_size=20), max_size=10), st.integers(0, 80))
def test_nothing_else_is_raised(frames: list[bytes], cut: int) -> None:
    reader, writer = DIALECT.decode_stream(), DIALECT.encode_stream(ADDRESSEE, Losses())
    with suppress(NotAnAnswer):
        for frame in frames:
            for event in reader.read(b"data: " + frame):
                writer.write(event)
        reader.read(b"data: " + b"".join(frames)[:cut])
    for body in (b"".join(frames), *frames):
        with suppress(NotAnAnswer):
            DIALECT.decode_answer(body)
        DIALECT.decode_error(500, body)
        DIALECT.decode_usage(body)


def test_log_probabilities_of_a_stream_are_lost() -> None:
    assert stream([Begin(), LogProbs(0, b"{}")]) == (b"", ("logprobs",))
