"""Streams of openai-chat: as providers send them, and as clients are sent them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai_chat_samples import DONE, answer_of, chunks, decoded, frame, gathered, read, streamed, written

from freehold.core.answer import Stop
from freehold.core.events import (
    Begin,
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
from freehold.core.gathering import events_of
from freehold.core.parts import Citation, Media, Part, Reasoning, State, Text, ToolCall
from freehold.core.usage import Usage
from freehold.wire.dialect import NotAnAnswer


def call(index: int | None, call_id: str | None, name: str | None, arguments: Any = "") -> dict[str, Any]:
    found: dict[str, Any] = {"function": {"arguments": arguments}}
    if index is not None:
        found["index"] = index
    if call_id is not None:
        found["id"] = call_id
    if name is not None:
        found["function"]["name"] = name
    return found


def calls_of(*deltas: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    answer = gathered(*(frame({"tool_calls": one}) for one in deltas), frame({}, "tool_calls"), DONE)
    return [(one.id, one.name, one.arguments) for one in answer.choices[0].parts if isinstance(one, ToolCall)]


EXPECTED = [("a", "f", '{"x":1}'), ("b", "g", "{}")]


@pytest.mark.parametrize(
    "deltas",
    [
        [
            [call(0, "a", "f")],
            [call(0, None, None, '{"x"')],
            [call(0, None, None, ":1}")],
            [call(1, "b", "g", "{}")],
        ],
        [
            [call(0, "a", "f", '{"x"'), call(1, "b", "g", "{")],
            [call(1, None, None, "}"), call(0, None, None, ":1}")],
        ],
        [[call(0, "a", "f", '{"x":1}'), call(0, "b", "g", "{}")]],
        [[call(None, "a", "f", '{"x":1}')], [call(None, "b", "g", "{}")]],
        [[call(None, "a", "f", '{"x":')], [call(None, "a", None, "1}")], [call(None, "b", "g", "{}")]],
        [[call(0, "a", "f", '{"x":')], [call(0, "a", "f", "1}")], [call(1, "b", "g", {})]],
        [[call(0, "a", None)], [call(0, "", "f", '{"x":1}')], [call(1, "b", "g", "{}")]],
    ],
    ids=["usual", "interleaved", "all numbered 0", "whole, no index", "by id", "repeated", "name late"],
)
def test_calls_are_told_apart(deltas: list[list[dict[str, Any]]]) -> None:
    assert calls_of(*deltas) == EXPECTED


def test_whole_calls_without_id_and_index() -> None:
    found = calls_of([call(0, None, "f", '{"x":1}'), call(0, "", "g", "{}")])
    assert [one[1:] for one in found] == [one[1:] for one in EXPECTED]
    assert found[0][0] != found[1][0]


def test_text_and_call_in_one_chunk() -> None:
    events = read(frame({"content": "wait", "tool_calls": [call(0, "a", "f", "{}")]}, "tool_calls"), DONE)
    assert [type(event) for event in events] == [
        Begin,
        PartBegin,
        Grow,
        PartEnd,
        PartBegin,
        Grow,
        PartEnd,
        StopSeen,
        End,
    ]


def test_reasoning_ends_where_text_begins() -> None:
    answer = gathered(
        frame({"role": "assistant", "content": "", "reasoning_content": ""}),
        frame({"reasoning_content": "h", "content": None}),
        frame({"reasoning_content": "m"}),
        frame({"content": "4", "reasoning_content": None}),
        frame({}, "stop"),
        DONE,
    )
    assert answer.choices[0].parts == [Reasoning(text="hm"), Text(text="4")]


def test_details_grow_and_are_signed() -> None:
    def detail(**fields: Any) -> dict[str, Any]:
        return {"reasoning_details": [{"type": "reasoning.text", "index": 0, "format": "f", **fields}]}

    events = read(
        frame({"content": "", "reasoning": "h", **detail(text="h")}),
        frame({"content": "", "reasoning": "m", **detail(text="m")}),
        frame({"content": "", "reasoning": None, **detail(signature="s")}),
        frame({"content": "4"}, "stop"),
        DONE,
    )
    assert [event.text for event in events if isinstance(event, Grow)] == ["h", "m", "4"]
    assert [event.state for event in events if isinstance(event, Sign)] == [State(data="s", kind="signature")]
    assert len([event for event in events if isinstance(event, PartBegin)]) == 2


def test_late_encrypted_reasoning_is_a_part_of_its_own() -> None:
    detail = {"type": "reasoning.encrypted", "data": "d", "index": 0}
    answer = gathered(frame({"content": "4"}), frame({"content": "", "reasoning_details": [detail]}), DONE)
    state = State(data="d", kind="encrypted")
    assert answer.choices[0].parts == [Text(text="4"), Reasoning(state=state)]


def test_usage_wherever_it_is() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    for frames in (
        [frame({"content": "x"}, "stop"), frame(usage=usage)],
        [frame({"content": "x"}, usage={"prompt_tokens": 1}), frame({}, "stop", usage=usage)],
        [frame({"content": "x"}, "stop", x_groq={"usage": usage})],
    ):
        seen = [event for event in read(*frames, DONE) if isinstance(event, UsageSeen)]
        assert seen[-1].usage == Usage(1, 2, source="provider")
        assert json.loads(seen[-1].raw or b"") == usage


@pytest.mark.parametrize(
    "bad",
    [
        frame(error={"message": "no", "code": 502}),
        b'event: error\ndata: {"error":{"message":"no","code":502}}',
        b'data: {"object":"error","message":"no","code":502}',
        b'data: {"error":{"message":"no","code":502}}',
    ],
)
def test_an_error_ends_the_stream(bad: bytes) -> None:
    events = read(frame({"content": "x"}), bad, DONE)
    error = events[-1]
    assert isinstance(error, ErrorSeen)
    assert (error.message, error.status) == ("no", 502)
    assert isinstance(events[-2], PartEnd)
    frames, _ = streamed(events)
    assert json.loads(frames[-1].removeprefix(b"data: "))["error"]["message"] == "no"


def test_a_stream_may_begin_with_an_error() -> None:
    (error,) = read(b'data: {"error":{"message":"no","type":"rate_limit_error"}}')
    assert isinstance(error, ErrorSeen)
    assert error.status == 429


def test_a_cut_stream_has_no_end() -> None:
    assert not isinstance(read(frame({"content": "x"}))[-1], End)
    assert isinstance(read(frame({"content": "x"}, "stop"))[-1], End)
    assert isinstance(read(frame({"content": "x"}), DONE)[-1], End)


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {",
        b"data: []",
        b'data: {"type":"message_start"}',
        b'data: {"choices":[{"index":-1}]}',
        b"data: [DONE]",
    ],
)
def test_what_is_no_event_is_told(bad: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        read(bad)


def test_comments_and_pings_say_nothing() -> None:
    assert read(b": OPENROUTER PROCESSING", b"event: ping", b"") == []


def test_half_a_character_does_not_break_a_stream() -> None:
    answer = gathered(b'data: {"choices":[{"index":0,"delta":{"content":"a\\ud83d"}}]}', DONE)
    assert answer.choices[0].parts == [Text(text="a�")]


def test_sources_beside_the_choices_are_citations() -> None:
    fields: dict[str, Any] = {
        "citations": ["https://a", "https://b"],
        "search_results": [{"url": "https://a", "title": "A"}],
    }
    text = gathered(frame({"content": "x [1]"}, **fields), DONE).choices[0].parts[0]
    assert isinstance(text, Text)
    assert text.citations == [
        Citation(kind="url", url="https://a", title="A"),
        Citation(kind="url", url="https://b"),
    ]


def test_several_choices_logprobs_and_sound() -> None:
    answer = gathered(
        frame({"content": "a"}),
        frame({"audio": {"id": "s", "data": "AA"}}, index=1),
        frame({"audio": {"transcript": "hi"}}, index=1),
        b'data: {"choices":[{"index":0,"delta":{},"logprobs":{"content":[{"token":"a"}]},"finish_reason":"stop"}]}',
        frame({}, "stop", index=1),
        DONE,
    )
    assert answer.choices[0].logprobs == b'{"content":[{"token":"a"}]}'
    (sound,) = answer.choices[1].parts
    assert isinstance(sound, Media)
    assert (sound.data, sound.transcript) == ("AA", "hi")


# For clients ------------------------------------------------------------------------------------


def events_with(*parts: Part, reason: str = "stop") -> list[Event]:
    answer = answer_of({"content": ""})
    answer.choices[0].parts = list(parts)
    answer.choices[0].stop = Stop(reason=reason)  # type: ignore[arg-type]
    answer.usage = Usage(3, 4, source="provider")
    answer.dialect = ""
    return list(events_of(answer))


def accumulated(frames: list[bytes]) -> ChatCompletion:
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in chunks(frames):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    return state.get_final_completion()


def test_the_sdk_puts_the_stream_together() -> None:
    parts: list[Part] = [
        Reasoning(text="hm"),
        Text(text="wait"),
        ToolCall(id="a", name="f", arguments='{"x":1}'),
        ToolCall(id="b", name="g"),
    ]
    frames, losses = streamed(
        events_with(*parts, reason="tool_calls"), decoded(stream_options={"include_usage": True})
    )
    final = accumulated(frames)
    message = final.choices[0].message
    assert message.content == "wait"
    assert message.model_extra is not None
    assert message.model_extra["reasoning_content"] == "hm"
    assert [
        (one.id, one.function.name, one.function.arguments)
        for one in message.tool_calls or ()
        if one.type == "function"
    ] == [("a", "f", '{"x":1}'), ("b", "g", "{}")]
    assert final.choices[0].finish_reason == "tool_calls"
    assert final.usage is not None
    assert final.usage.total_tokens == 7
    assert frames[-1] == DONE
    assert losses == ()


def test_usage_is_for_those_who_asked() -> None:
    events = events_with(Text(text="x"))
    frames, _ = streamed(events)
    assert all("usage" not in chunk for chunk in chunks(frames))
    told = chunks(streamed(events, decoded(stream_options={"include_usage": True}))[0])
    assert [chunk["usage"] for chunk in told[:-1]] == [None] * (len(told) - 1)
    assert told[-1]["choices"] == []
    assert told[-1]["usage"]["prompt_tokens"] == 3


def test_the_role_comes_once_and_first() -> None:
    told = chunks(streamed(events_with(Text(text="x")))[0])
    assert [chunk["choices"][0]["delta"].get("role") for chunk in told] == ["assistant", None]
    told = chunks(streamed(events_with())[0])
    assert told[0]["choices"][0]["delta"]["role"] == "assistant"


def test_streamed_state_comes_back_through_the_client() -> None:
    parts: list[Part] = [
        Reasoning(text="hm", state=State(data="sig", kind="signature", origin="claude")),
        Reasoning(state=State(data="red", kind="redacted", origin="claude")),
        Text(text="x", state=State(data="txt", kind="signature", origin="claude")),
        ToolCall(
            id="c", name="f", arguments="{}", state=State(data="gem", kind="signature", origin="claude")
        ),
    ]
    frames, losses = streamed(events_with(*parts))
    message = accumulated(frames).choices[0].message.model_dump(exclude_none=True)
    message.pop("parsed", None)
    for one in message["tool_calls"]:
        one.pop("index", None)
        one["function"].pop("parsed_arguments", None)
    request = decoded(messages=[message])
    assert request.messages[0].parts == parts
    assert losses == ()


def test_summaries_are_set_apart_by_blank_lines() -> None:
    frames, _ = streamed(events_with(Reasoning(summary=["a", "b"]), Reasoning(text="c")))
    told = [chunk["choices"][0]["delta"].get("reasoning_content", "") for chunk in chunks(frames)]
    assert "".join(told) == "a\n\nb\n\nc"


def test_what_is_passed_on_stays_on_one_line() -> None:
    answer = answer_of({"content": "x"}, odd={"a": 1})
    answer.extra = {"odd": msgspec.Raw(b'{\n"a":\r\n1}')}
    answer.choices[0].logprobs = b'{"content":\n[]}'
    frames, losses = streamed(list(events_of(answer)))
    assert all(b"\n" not in one and b"\r" not in one for one in frames)
    assert chunks(frames)[0]["odd"] == {"a": 1}
    assert losses == ()


def test_legacy_and_free_text_calls_stream_too() -> None:
    events = events_with(ToolCall(id="a", name="f"), ToolCall(id="b", name="g"), reason="tool_calls")
    frames, losses = streamed(events, decoded(functions=[{"name": "f"}]))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(frames)]
    assert "".join(one["function_call"]["arguments"] for one in deltas if "function_call" in one) == "{}"
    assert chunks(frames)[-1]["choices"][0]["finish_reason"] == "function_call"
    assert losses == ("answer.tool_calls",)
    events = events_with(ToolCall(id="a", name="c", arguments='{"input":"x"}'))
    frames, _ = streamed(events, decoded(tools=[{"type": "custom", "custom": {"name": "c"}}]))
    (delta,) = chunks(frames)[0]["choices"][0]["delta"]["tool_calls"]
    assert delta["custom"] == {"name": "c", "input": "x"}


def test_pictures_and_sounds_stream() -> None:
    picture = Media(kind="image", mime_type="image/png", data="AA")
    sound = Media(kind="audio", data="BB", transcript="hi")
    events = events_with(picture, sound)
    told = [chunk["choices"][0]["delta"] for chunk in chunks(streamed(events)[0])]
    assert told[0]["images"][0]["image_url"]["url"] == "data:image/png;base64,AA"
    assert told[1]["audio"]["transcript"] == "hi"


def test_logprobs_go_along() -> None:
    events: list[Event] = [
        Begin(),
        PartBegin(0, 0, Text()),
        Grow(0, 0, "x"),
        LogProbs(0, b'{"content":[]}'),
        PartEnd(0, 0),
        End(),
    ]
    told = chunks(streamed(events)[0])
    assert told[1]["choices"][0]["logprobs"] == {"content": []}


def test_a_whole_answer_and_its_stream_say_the_same() -> None:
    body, _ = written(answer_of({"content": "x", "reasoning": "hm"}))
    frames, _ = streamed(list(events_of(answer_of({"content": "x", "reasoning": "hm"}))))
    message = accumulated(frames).choices[0].message
    assert message.content == body["choices"][0]["message"]["content"]
