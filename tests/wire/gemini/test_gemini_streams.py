"""The traps of Gemini's streams, one by one."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from google.genai import types

from freehold.core.answer import Choice, Stop
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
from freehold.core.gathering import Gathering
from freehold.core.losses import Losses
from freehold.core.parts import Citation, Foreign, Media, Reasoning, State, Text, ToolCall
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.wire.dialect import Addressee, Framing, NotAnAnswer
from freehold.wire.gemini.dialect import DIALECT

CLIENT = Addressee(request=ChatRequest(model="asked", messages=[]), id="call_1", created=1)


def piece(*parts: Any, **fields: Any) -> bytes:
    candidate = {"content": {"role": "model", "parts": parts}, **fields}
    return b"data: " + json.dumps({"candidates": [candidate], "responseId": "r"}).encode()


def read(*frames: bytes) -> list[Event]:
    reader = DIALECT.decode_stream()
    return [event for frame in frames for event in reader.read(frame)] + reader.finish()


def choice(*frames: bytes) -> Choice:
    gathering = Gathering()
    for event in read(*frames):
        gathering.add(event)
    return gathering.finish().choices[0]


def write(events: list[Event], framing: Framing = "sse") -> tuple[list[Any], tuple[str, ...]]:
    losses = Losses()
    writer = DIALECT.encode_stream(msgspec.structs.replace(CLIENT, framing=framing), losses)
    out = b"".join(writer.write(event) for event in events)
    if framing == "json-array":
        return json.loads(out), losses.names
    assert out.endswith(b"\r\n\r\n")
    return [json.loads(one.removeprefix(b"data: ")) for one in out.split(b"\r\n\r\n")[:-1]], losses.names


def parts_of(pieces: list[Any]) -> list[Any]:
    found = []
    for body in pieces:
        if "error" not in body:
            types.GenerateContentResponse.model_validate(body)
        for candidate in body.get("candidates", []):
            found += candidate.get("content", {}).get("parts", [])
    return found


def test_words_of_one_kind_are_one_part() -> None:
    found = choice(
        piece({"text": "h", "thought": True}),
        piece({"text": "m", "thought": True}, {"text": "Hel"}),
        piece({"text": "lo"}),
        piece({"text": ""}, finishReason="STOP"),
    )
    assert found.parts == [Reasoning(text="hm"), Text(text="Hello")]
    assert found.stop == Stop(reason="stop", raw="STOP")


def test_signatures_stay_where_they_were() -> None:
    frames = (
        piece({"text": "Hel", "thoughtSignature": "AAAA"}),
        piece({"text": "lo"}),
        piece({"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "BBBB"}),
        piece({"text": "bye"}),
        piece({"text": "", "thoughtSignature": "CCCC"}, finishReason="STOP"),
    )
    states = [getattr(part, "state", None) for part in choice(*frames).parts]
    assert [state.data for state in states if state] == ["AAAA", "BBBB", "CCCC"]
    before = [part for frame in frames for part in parts_of([json.loads(frame[6:])])]
    after = parts_of(write(read(*frames))[0])
    assert after == [*before, {"text": ""}]


def test_a_second_signature_begins_another_part() -> None:
    found = choice(
        piece({"text": "a", "thoughtSignature": "AAAA"}), piece({"text": "b", "thoughtSignature": "BBBB"})
    )
    assert [part.text for part in found.parts if isinstance(part, Text)] == ["a", "b"]


def test_parallel_calls_come_whole_and_in_order() -> None:
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}
    events = read(piece({"text": "Well."}, call, call), piece(call, finishReason="STOP"))
    begun = [event for event in events if isinstance(event, PartBegin)]
    assert [event.index for event in begun] == [0, 1, 2, 3]
    assert len({event.part.id for event in begun if isinstance(event.part, ToolCall)}) == 3
    assert sum(isinstance(event, Grow) for event in events) == 4
    assert [event.stop.reason for event in events if isinstance(event, StopSeen)] == ["tool_calls"]


def test_arguments_in_pieces() -> None:
    def partial(*pieces: Any, **fields: Any) -> bytes:
        return piece({"functionCall": {"partialArgs": pieces, **fields}})

    found = choice(
        piece({"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "AAAA"}),
        partial({"jsonPath": "$.a[0].b", "stringValue": "x", "willContinue": True}, willContinue=True),
        partial({"jsonPath": "$.a[0].b", "stringValue": "y"}, willContinue=True),
        partial(
            {"jsonPath": "$.a[1]['c d']", "numberValue": 3}, {"jsonPath": "$.n", "nullValue": "NULL_VALUE"}
        ),
        piece({"functionCall": {"name": "g"}}, finishReason="STOP"),
    )
    calls = [part for part in found.parts if isinstance(part, ToolCall)]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        ("f", {"a": [{"b": "xy"}, {"c d": 3}], "n": None}),
        ("g", {}),
    ]
    assert calls[0].state == State(data="AAAA", kind="signature")


@pytest.mark.parametrize("path", [None, "$[", "$.a[99999999]", "$" + ".a" * 200])
def test_paths_that_lead_nowhere(path: str | None) -> None:
    call = {
        "functionCall": {
            "name": "f",
            "partialArgs": [{"jsonPath": path, "numberValue": 1}],
            "willContinue": True,
        }
    }
    with pytest.raises(NotAnAnswer):
        read(piece(call))


def test_without_a_finish_reason_it_was_cut() -> None:
    events = read(piece({"text": "a"}))
    assert not any(isinstance(event, End | StopSeen) for event in events)
    assert isinstance(events[-1], PartEnd)
    assert isinstance(read(piece({"text": "a"}, finishReason="STOP"), piece({"text": "b"}))[-1], End)
    assert read() == []


def test_the_last_usage_counts() -> None:
    first, last = (
        {"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": count}} for count in (1, 2)
    )
    events = read(*(b"data: " + json.dumps(one).encode() for one in (first, last, last)))
    assert [event.usage.output_tokens for event in events if isinstance(event, UsageSeen)] == [1, 2]


def test_a_blocked_prompt_ends_the_stream() -> None:
    events = read(b'data: {"promptFeedback":{"blockReason":"OTHER"},"usageMetadata":{"promptTokenCount":1}}')
    assert [event.stop for event in events if isinstance(event, StopSeen)] == [
        Stop(reason="content_filter", raw="OTHER")
    ]
    assert isinstance(events[-1], End)
    pieces, _ = write(events)
    assert pieces[-1]["promptFeedback"] == {"blockReason": "OTHER"} and "candidates" not in pieces[-1]


def test_errors_in_the_middle() -> None:
    error = {
        "code": 503,
        "message": "busy",
        "status": "UNAVAILABLE",
        "details": [{"@type": "x", "retryDelay": "3s"}],
    }
    events = read(
        piece({"text": "a"}), b"data: " + json.dumps({"error": error}).encode(), piece({"text": "b"})
    )
    last = events[-1]
    assert isinstance(last, ErrorSeen)
    assert (last.message, last.kind, last.status) == ("busy", "UNAVAILABLE", 503)
    framings: list[Framing] = ["sse", "json-array"]
    for framing in framings:
        assert write(events, framing)[0][-1] == {"error": error}
    foreign: list[Event] = [
        Begin(),
        ErrorSeen(b'{"type":"overloaded_error"}', "busy", "overloaded_error", 529),
    ]
    assert write(foreign)[0][-1] == {"error": {"code": 529, "message": "busy", "status": "UNAVAILABLE"}}


def test_elements_of_a_list_are_frames_too() -> None:
    frames = [piece({"text": "a"})[6:], b" \n" + piece({"text": "b"}, finishReason="STOP")[6:]]
    assert read(*frames) == read(*(b"data: " + frame.strip() for frame in frames))
    assert read(b": ping", b"data: [DONE]") == []


def test_sources_are_told_of_the_text_they_support() -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a"}}],
        "groundingSupports": [{"segment": {"startIndex": 3, "endIndex": 6}, "groundingChunkIndices": [0]}],
    }
    events = read(
        piece({"text": "ä "}), piece({"text": "abc"}, groundingMetadata=grounding, finishReason="STOP", new=1)
    )
    assert [event.citation for event in events if isinstance(event, Cite)] == [
        Citation(kind="url", url="https://a", start=2, end=5)
    ]
    pieces, losses = write(events)
    last = pieces[-1]["candidates"][0]
    assert (last["groundingMetadata"], last["new"], losses) == (grounding, 1, ())


def test_several_candidates() -> None:
    frames = [piece({"text": str(at)}, index=at, finishReason="STOP") for at in (1, 0)]
    events = read(*frames)
    pieces, _ = write(events)
    assert [(one["index"], one["finishReason"]) for one in pieces[-1]["candidates"]] == [
        (0, "STOP"),
        (1, "STOP"),
    ]
    both = b'data: {"candidates":[{"index":1,"content":{"parts":[{"text":"b"}]}},{"content":{"parts":[{"text":"a"}]}}]}'
    assert [event.choice for event in read(both) if isinstance(event, Grow)] == [1, 0]
    with pytest.raises(NotAnAnswer):
        read(piece({"text": "a"}, index=-1))


def foreign(*events: Event) -> list[Event]:
    return [Begin(id="x", model="gpt", dialect="openai-chat"), *events, End()]


def test_calls_of_others_are_gathered_and_kept_in_order() -> None:
    pieces, losses = write(
        foreign(
            PartBegin(0, 0, Text()),
            Grow(0, 0, "Let me see."),
            PartBegin(0, 1, ToolCall(id="a", name="f")),
            PartBegin(0, 2, ToolCall(id="b", name="g")),
            Grow(0, 2, '{"x":'),
            Grow(0, 1, "{}"),
            Grow(0, 2, "1}"),
            PartEnd(0, 2),
            Grow(0, 0, " So."),
            PartEnd(0, 0),
            PartEnd(0, 1),
            PartBegin(0, 3, ToolCall(id="c", name="h")),
            Grow(0, 3, "{oops"),
            PartEnd(0, 3),
            StopSeen(0, Stop(reason="tool_calls", raw="tool_calls"), {"y": msgspec.Raw(b"1")}),
            UsageSeen(Usage(input_tokens=1, output_tokens=2, source="provider"), b'{"prompt_tokens":1}'),
        )
    )
    assert parts_of(pieces) == [
        {"text": "Let me see."},
        {"text": " So."},
        {"functionCall": {"id": "a", "name": "f", "args": {}}},
        {"functionCall": {"id": "b", "name": "g", "args": {"x": 1}}},
        {"functionCall": {"id": "c", "name": "h", "args": {"INVALID_JSON": "{oops"}}},
        {"text": ""},
    ]
    assert pieces[-1]["candidates"][0]["finishReason"] == "STOP"
    assert pieces[-1]["usageMetadata"] == {
        "promptTokenCount": 1,
        "candidatesTokenCount": 2,
        "totalTokenCount": 3,
    }
    assert pieces[-1]["modelVersion"] == "gpt" and pieces[-1]["responseId"] == "call_1"
    assert set(losses) == {"field.arguments", "answer.y"}


def test_reasoning_of_others() -> None:
    state = State(data="s", kind="signature", origin="anthropic")
    pieces, losses = write(
        foreign(
            PartBegin(0, 0, Reasoning()),
            Grow(0, 0, "one", 0),
            Grow(0, 0, "two", 1),
            Sign(0, 0, state),
            PartEnd(0, 0),
            PartBegin(0, 1, Reasoning()),
            Sign(0, 1, state),
            PartEnd(0, 1),
            PartBegin(0, 2, Foreign(dialect="cohere", kind="plan", raw=b"{}")),
            PartEnd(0, 2),
            PartBegin(0, 3, Media(kind="audio", mime_type="audio/wav")),
            Grow(0, 3, "AAAA"),
            Grow(0, 3, "hello", 1),
            PartEnd(0, 3),
        )
    )
    found = parts_of(pieces)
    sealed = found[2].pop("thoughtSignature")
    assert sealed.startswith("freehold") and found[3].pop("thoughtSignature") == sealed
    assert found[:4] == [
        {"text": "one", "thought": True},
        {"text": "\n\ntwo", "thought": True},
        {"text": "", "thought": True},
        {"text": "", "thought": True},
    ]
    assert found[4] == {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}
    assert set(losses) == {"part.plan", "answer.transcript"}


def test_citations_and_logprobs_of_others() -> None:
    pieces, losses = write(
        foreign(
            LogProbs(0, b'{"content":[{"token":"a","logprob":-1.5,"bytes":[97],"top_logprobs":[]}]}'),
            PartBegin(0, 0, Text()),
            Grow(0, 0, "ä a"),
            Cite(0, 0, Citation(kind="url", url="https://a", title="A", start=2, end=3)),
            PartEnd(0, 0),
            StopSeen(0, Stop(reason="stop")),
        )
    )
    chosen = pieces[0]["candidates"][0]["logprobsResult"]["chosenCandidates"]
    assert chosen == [{"token": "a", "logProbability": -1.5}]
    assert pieces[-1]["candidates"][0]["groundingMetadata"] == {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 3, "endIndex": 4, "text": "a"}, "groundingChunkIndices": [0]}
        ],
    }
    assert losses == ()


def test_an_empty_stream_is_a_list_all_the_same() -> None:
    pieces, _ = write(foreign(), "json-array")
    assert pieces == [{"modelVersion": "gpt", "responseId": "call_1"}]
