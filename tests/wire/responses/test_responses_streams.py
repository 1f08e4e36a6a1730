"""Streams of this dialect: read as providers send them, and written so that OpenAI's own SDK puts them together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from answers import streamed as served
from byte_server import ByteServer
from hypothesis import given as holds_for
from hypothesis import settings
from hypothesis import strategies as st
from openai import APIError, AsyncOpenAI
from spoken_responses import (
    USAGE,
    answer_of,
    events_in,
    frame,
    frames_of,
    gathered,
    given,
    heard,
    read,
    streamed,
)

from freehold.core.answer import Answer, Stop
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
from freehold.core.gathering import events_of
from freehold.core.parts import Citation, Foreign, Reasoning, Refusal, State, Text, ToolCall
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.responses.dialect import DIALECT
from freehold.wire.sse import EventSplitter

CREATED = frame(
    "response.created", response={"id": "resp_1", "model": "m-1", "created_at": 5, "status": "in_progress"}
)
COMPLETED = frame(
    "response.completed",
    response={
        "id": "resp_1",
        "status": "completed",
        "usage": {"input_tokens": 3, "output_tokens": 2},
        "output": [],
    },
)
WHOLE = answer_of(
    Reasoning(text="hm", summary=["one", "two"], state=State(data="gAAA", kind="encrypted")),
    Text(text="hello", citations=[Citation(kind="url", url="u", title="t", start=0, end=5)]),
    Refusal(text="but no"),
    ToolCall(id="call_1", name="get", arguments='{"a":1}'),
    ToolCall(id="call_2", name="sql", arguments="SELECT 1", custom=True),
    Foreign(
        dialect="openai-responses",
        kind="web_search_call",
        raw=b'{"id":"ws_1",\n"type":"web_search_call",'
        b'"status":"completed","action":{"type":"search","query":"q"}}',
    ),
    stop="tool_calls",
)


def test_a_stream_is_read() -> None:
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}
    text = {"type": "output_text", "text": "", "annotations": []}
    annotation = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    logprobs = [{"token": "hi", "logprob": -1}]
    events = heard(
        [
            CREATED,
            b": keep-alive",
            frame("response.in_progress", response={"id": "resp_1"}),
            frame(
                "response.output_item.added",
                output_index=0,
                item={"type": "reasoning", "id": "rs_1", "summary": []},
            ),
            frame("response.reasoning_summary_part.added", output_index=0, summary_index=0, part={}),
            frame("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="so"),
            frame("response.reasoning_text.delta", output_index=0, content_index=0, delta="hm"),
            frame(
                "response.output_item.done",
                output_index=0,
                item={
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [{"type": "summary_text", "text": "so"}],
                    "content": [{"type": "reasoning_text", "text": "hm"}],
                    "encrypted_content": "gAAA",
                },
            ),
            frame("response.output_item.added", output_index=1, item=message),
            frame("response.content_part.added", output_index=1, content_index=0, part=text),
            frame(
                "response.output_text.delta", output_index=1, content_index=0, delta="hi", logprobs=logprobs
            ),
            frame(
                "response.output_text.annotation.added",
                output_index=1,
                content_index=0,
                annotation=annotation,
            ),
            frame(
                "response.content_part.done",
                output_index=1,
                content_index=0,
                part={"type": "output_text", "text": "hi there", "annotations": [annotation, annotation]},
            ),
            frame("response.output_item.done", output_index=1, item=message),
            COMPLETED,
            b"data: [DONE]",
        ]
    )
    cited = Citation(kind="url", url="u", title="t", start=0, end=1)
    assert events == [
        Begin(id="resp_1", model="m-1", created=5, dialect="openai-responses"),
        PartBegin(0, 0, Reasoning(item_id="rs_1")),
        Grow(0, 0, "so", 0),
        Grow(0, 0, "hm"),
        Sign(0, 0, State(data="gAAA", kind="encrypted")),
        PartEnd(0, 0),
        PartBegin(0, 1, Text(item_id="msg_1")),
        LogProbs(0, json.dumps({"content": logprobs}).encode().replace(b'{"content": ', b'{"content":')),
        Grow(0, 1, "hi"),
        Cite(0, 1, cited),
        # What only the end of the part told.
        Grow(0, 1, " there"),
        Cite(0, 1, cited),
        PartEnd(0, 1),
        StopSeen(0, Stop(reason="stop", raw="completed")),
        UsageSeen(
            DIALECT.decode_usage(b'{"input_tokens":3,"output_tokens":2}'),
            b'{"input_tokens": 3, "output_tokens": 2}',
        ),
        End(),
    ]


def call(number: int, **fields: Any) -> dict[str, Any]:
    return {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": "f", **fields}


def test_parallel_calls_keep_apart() -> None:
    events = heard(
        [
            CREATED,
            frame("response.output_item.added", output_index=0, item=call(0, arguments="")),
            frame("response.output_item.added", output_index=1, item=call(1, arguments="")),
            frame("response.function_call_arguments.delta", output_index=1, delta="{}"),
            frame("response.function_call_arguments.delta", output_index=0, delta='{"a"'),
            frame("response.function_call_arguments.delta", output_index=0, delta=":1}"),
            frame("response.output_item.done", output_index=1, item=call(1, arguments="{}")),
            frame("response.output_item.done", output_index=0, item=call(0, arguments='{"a":1}')),
            COMPLETED,
        ]
    )
    answer = gathered(events)
    assert [(p.id, p.arguments) for p in answer.choices[0].parts if isinstance(p, ToolCall)] == [
        ("call_0", '{"a":1}'),
        ("call_1", "{}"),
    ]
    assert answer.choices[0].stop == Stop(reason="tool_calls", raw="completed")


def test_a_call_that_comes_at_once_has_a_delta() -> None:
    events = heard(
        [
            CREATED,
            frame("response.output_item.done", output_index=0, item=call(0, arguments='{"a":1}')),
            frame("response.output_item.done", output_index=1, item=call(1, arguments="")),
            COMPLETED,
        ]
    )
    assert [(e.index, e.text) for e in events if isinstance(e, Grow)] == [(0, '{"a":1}'), (1, "")]


def test_ids_that_change_on_the_way_do_not_matter() -> None:
    done = {
        "type": "message",
        "id": "z",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "hi"}],
    }
    answer = gathered(
        heard(
            [
                CREATED,
                frame(
                    "response.output_item.added",
                    output_index=0,
                    item={"type": "message", "id": "a", "content": []},
                ),
                frame("response.output_text.delta", item_id="b", output_index=0, content_index=0, delta="hi"),
                frame("response.output_item.done", output_index=0, item=done),
                frame(
                    "response.completed", response={"status": "completed", "output": [{**done, "id": "y"}]}
                ),
            ]
        )
    )
    assert answer.choices[0].parts == [Text(text="hi", item_id="a")]


def test_an_answer_that_only_its_last_event_tells_is_read() -> None:
    output = [
        {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "hi"}]},
        call(1, arguments="{}"),
    ]
    answer = gathered(
        heard([CREATED, frame("response.completed", response={"status": "completed", "output": output})])
    )
    assert [type(part) for part in answer.choices[0].parts] == [Text, ToolCall]


def test_an_unfinished_answer() -> None:
    response = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    events = heard([CREATED, frame("response.incomplete", response=response)])
    assert events[-2:] == [StopSeen(0, Stop(reason="length", raw="max_output_tokens")), End()]


@pytest.mark.parametrize(
    ("last", "kind", "status"),
    [
        (frame("error", code="rate_limit_exceeded", message="slow", param=None), "rate_limit_exceeded", 429),
        (
            frame("error", error={"type": "insufficient_quota", "code": None, "message": "slow"}),
            "insufficient_quota",
            429,
        ),
        (
            frame("response.failed", response={"error": {"code": "server_error", "message": "slow"}}),
            "server_error",
            500,
        ),
        (b'data: {"error":{"type":"invalid_request_error","message":"slow"}}', "invalid_request_error", 400),
    ],
)
def test_errors_in_a_stream(last: bytes, kind: str, status: int) -> None:
    events = heard([CREATED, last, frame("response.failed", response={"error": {"message": "again"}})])
    (error,) = [event for event in events if isinstance(event, ErrorSeen)]
    assert events[-1] is error
    assert (error.message, error.kind, error.status) == ("slow", kind, status)


def test_halves_of_characters_are_replaced() -> None:
    item = b'{"type":"message","id":"m","content":[{"type":"output_text","text":"a\\ud83d \\ud83d\\ude00"}]}'
    frames = [
        CREATED,
        b'data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a\\ud83d"}',
        b'data: {"type":"response.output_item.done","output_index":0,"item":' + item + b"}",
        COMPLETED,
    ]
    expected = "a\N{REPLACEMENT CHARACTER} \N{GRINNING FACE}"
    assert gathered(heard(frames)).choices[0].parts == [Text(text=expected)]


def test_a_cut_stream_has_no_end() -> None:
    assert not any(isinstance(event, End) for event in heard([CREATED]))


def test_the_order_of_events() -> None:
    stream, losses = streamed(events_of(WHOLE))
    assert losses == ()
    events = events_in(stream)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds == [
        "created", "in_progress",
        "output_item.added",
        "content_part.added", "reasoning_text.delta",
        "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done",
        "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done",
        "reasoning_text.done", "content_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added", "output_text.delta", "output_text.annotation.added",
        "output_text.done", "content_part.done",
        "content_part.added", "refusal.delta", "refusal.done", "content_part.done",
        "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done",
        "output_item.added", "output_item.done",
        "completed",
    ]  # fmt: skip


def test_a_stream_ends_with_the_answer_as_it_is_given_whole() -> None:
    events = events_in(streamed(events_of(WHOLE))[0])
    assert events[-1]["response"] == given(WHOLE)[0]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == events[-1]["response"]["output"]


def test_what_is_read_of_it_is_what_was_written() -> None:
    answer = gathered(heard(frames_of(streamed(events_of(WHOLE))[0])))
    for part, other in zip(answer.choices[0].parts, WHOLE.choices[0].parts, strict=True):
        if isinstance(part, Foreign) and isinstance(other, Foreign):
            assert json.loads(part.raw) == json.loads(other.raw)
        else:
            assert not isinstance(part, Foreign)
            assert part.item_id  # type: ignore[union-attr]
            part.item_id = None  # type: ignore[union-attr]
            assert part == other
    assert answer.usage.input_tokens == USAGE.input_tokens


def test_calls_may_be_open_at_the_same_time() -> None:
    stream, _ = streamed(
        [
            Begin(),
            PartBegin(0, 0, Text()),
            Grow(0, 0, "hi"),
            PartBegin(0, 1, ToolCall(id="a", name="f")),
            PartBegin(0, 2, ToolCall(id="b", name="g")),
            Grow(0, 2, "{}"),
            Grow(0, 1, "[]"),
            PartEnd(0, 0),
            PartEnd(0, 2),
            PartEnd(0, 1),
            End(),
        ]
    )
    events = events_in(stream)
    added = [e["output_index"] for e in events if e["type"] == "response.output_item.added"]
    done = [e["output_index"] for e in events if e["type"] == "response.output_item.done"]
    assert (added, sorted(done)) == ([0, 1, 2], [0, 1, 2])
    assert [item["type"] for item in events[-1]["response"]["output"]] == [
        "message",
        "function_call",
        "function_call",
    ]


def test_a_stream_that_fails_says_so_twice() -> None:
    error = ErrorSeen(raw=b"{}", message="overloaded", kind="overloaded_error", status=529)
    events = events_in(streamed([Begin(), PartBegin(0, 0, Text()), Grow(0, 0, "he"), error])[0])
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert (events[-2]["code"], events[-2]["error"]["message"]) == ("overloaded_error", "overloaded")
    assert events[-1]["response"]["status"] == "failed"
    assert events[-1]["response"]["error"] == {"code": "server_error", "message": "overloaded"}
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


def test_other_choices_are_lost_aloud() -> None:
    _, losses = streamed([Begin(), PartBegin(1, 0, Text()), End()])
    assert losses == ("n",)


def test_what_was_echoed_cannot_break_an_event() -> None:
    request = DIALECT.decode_request(b'{"model":"m","input":"a","metadata":{\n"a":\r\n"b"},"tools":[\n]}')
    events = events_in(streamed(events_of(WHOLE), request)[0])
    assert events[-1]["response"]["metadata"] == {"a": "b"}


async def _accumulated(stream: bytes) -> Any:
    events = [one + b"\n\n" for one in frames_of(stream)]
    async with (
        ByteServer(served(*events)) as server,
        AsyncOpenAI(base_url=server.url, api_key="k", max_retries=0) as client,
        client.responses.stream(model="m", input="hi") as opened,
    ):
        kinds = [event.type async for event in opened]
        return kinds, await opened.get_final_response()


def test_the_sdk_puts_it_together() -> None:
    kinds, response = asyncio.run(_accumulated(streamed(events_of(WHOLE))[0]))
    assert kinds[-1] == "response.completed"
    assert response.output_text == "hello"
    assert [item.type for item in response.output] == [
        "reasoning", "message", "function_call", "custom_tool_call", "web_search_call",
    ]  # fmt: skip
    assert response.output[2].arguments == '{"a":1}'
    assert response.output[0].summary[1].text == "two"
    assert response.usage.total_tokens == 15


def test_the_sdk_raises_what_a_stream_says() -> None:
    error = ErrorSeen(raw=b"{}", message="too much", kind="rate_limit_exceeded", status=429)
    with pytest.raises(APIError, match="too much"):
        asyncio.run(_accumulated(streamed([Begin(), error])[0]))


_PIECES = streamed(events_of(WHOLE))[0]


@settings(max_examples=50, deadline=None)
@holds_for(st.lists(st.integers(0, len(_PIECES)), max_size=6))
def test_any_cut_of_the_bytes_says_the_same(cuts: list[int]) -> None:
    splitter = EventSplitter()
    places = [0, *sorted(cuts), len(_PIECES)]
    frames = [one for start, end in pairwise(places) for one in splitter.feed(_PIECES[start:end])]
    assert heard(frames) == heard(frames_of(_PIECES))


_kinds = st.sampled_from(
    [
        "response.created", "response.completed", "response.failed", "error", "response.output_text.delta",
        "response.output_item.added", "response.output_item.done", "response.content_part.added",
        "response.content_part.done", "response.function_call_arguments.delta", "response.refusal.delta",
        "response.reasoning_summary_text.delta", "response.output_text.annotation.added", "response.other",
    ]
)  # fmt: skip
_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "id",
                    "content",
                    "text",
                    "summary",
                    "output",
                    "status",
                    "usage",
                    "error",
                    "arguments",
                ]
            ),
            inner
            | st.sampled_from(
                ["message", "reasoning", "output_text", "refusal", "function_call", "web_search_call"]
            ),
            max_size=4,
        )
    ),
    max_leaves=8,
)
_frames = st.builds(
    lambda kind, fields: frame(kind, **fields),
    _kinds,
    st.dictionaries(
        st.sampled_from(["delta", "item", "part", "response", "annotation", "error", "logprobs"]), _values
    )
    | st.fixed_dictionaries(
        {"output_index": st.integers(0, 2), "content_index": st.integers(0, 1)},
        optional={
            "delta": st.text(max_size=3),
            "item": _values,
            "part": _values,
            "response": _values,
            "summary_index": st.integers(0, 2),
        },
    ),
) | st.binary(max_size=20).map(lambda data: b"data: " + data)


@settings(max_examples=150, deadline=None)
@holds_for(st.lists(_frames, max_size=8))
def test_no_frames_do_worse_than_not_being_an_answer(frames: Sequence[bytes]) -> None:
    try:
        events = heard(frames)
    except NotAnAnswer:
        return
    _check_grammar(events)
    gathered(events)
    streamed(events)


def _check_grammar(events: Sequence[Event]) -> None:
    """Parts are numbered as they begin, and nothing is said of one that has ended."""
    opened: set[int] = set()
    count = 0
    for event in events:
        if isinstance(event, PartBegin):
            assert event.index == count
            opened.add(count)
            count += 1
        elif isinstance(event, Grow | Sign | Cite | PartEnd):
            assert event.index in opened
            if isinstance(event, PartEnd):
                opened.remove(event.index)
        elif isinstance(event, StopSeen):
            assert not opened


def test_an_empty_answer_is_one() -> None:
    events = events_in(streamed(events_of(Answer()), read())[0])
    assert [event["type"] for event in events] == [
        "response.created",
        "response.in_progress",
        "response.completed",
    ]
