"""What is read off a stream on the side."""

from __future__ import annotations

import json
from typing import Any

import pytest
from stream_samples import USAGE, chunk, delta

from freehold.core.usage import NO_USAGE, Usage
from freehold.wire.openai_stream import DONE, ChatStream


def event(payload: Any) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


ROLE = event(chunk(delta(role="assistant", content="")))
WORD = event(chunk(delta(content="word")))
STOP = event(chunk(delta(finish_reason="stop")))
ONLY_USAGE = event(chunk(usage=USAGE))
KNOWN = Usage(9, 4, source="provider")


def fed(*pieces: bytes, hide_usage: bool = True) -> ChatStream:
    stream = ChatStream(hide_usage=hide_usage)
    for piece in pieces:
        stream.feed(piece)
    return stream


def test_the_life_of_a_stream() -> None:
    stream = ChatStream(hide_usage=True)
    assert stream.feed(ROLE) == ROLE
    assert not stream.started
    assert stream.usage_so_far() is NO_USAGE
    assert stream.feed(WORD) == WORD
    assert stream.started
    assert not stream.complete
    assert stream.usage_so_far() == Usage(output_tokens=1, source="counted")
    assert stream.feed(WORD + WORD) == WORD + WORD
    assert stream.usage_so_far() == Usage(output_tokens=3, source="counted")
    assert stream.feed(STOP) == STOP
    assert stream.complete
    assert not stream.finished
    assert stream.feed(ONLY_USAGE) == b""
    assert stream.usage_so_far() == KNOWN
    assert stream.feed(DONE) == DONE
    assert stream.finished
    assert stream.halted
    assert stream.finish() == b""
    assert (stream.facts.model, stream.facts.stop_reason) == ("m-1", "stop")
    assert stream.facts.raw_usage == json.dumps(USAGE).encode()


def test_pieces_that_need_no_change_are_not_copied() -> None:
    stream = ChatStream(hide_usage=True)
    for piece in (ROLE, WORD, WORD + WORD, WORD + STOP):
        assert stream.feed(piece) is piece


@pytest.mark.parametrize("hide_usage", [True, False])
def test_the_usage_event_is_hidden_only_if_it_was_not_asked_for(hide_usage: bool) -> None:
    stream = ChatStream(hide_usage=hide_usage)
    piece = WORD + STOP + ONLY_USAGE + DONE
    assert stream.feed(piece) == (WORD + STOP + DONE if hide_usage else piece)
    assert stream.usage_so_far() == KNOWN


def test_usage_beside_choices_is_not_hidden() -> None:
    with_choices = event(chunk(delta(content="a"), usage=USAGE))
    null = event(chunk(delta(content="a"), usage=None))
    stream = ChatStream(hide_usage=True)
    assert stream.feed(with_choices + null) == with_choices + null
    assert stream.facts.raw_usage is not None


@pytest.mark.parametrize(
    "written",
    [
        {"content": "a"},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]},
        {"reasoning_content": "a"},
        {"reasoning": "a"},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "a"}]},
        {"refusal": "a"},
        {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": ""}}]},
        {"function_call": {"name": "f", "arguments": ""}},
        {"audio": {"id": "a", "data": "AAAA"}},
        {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
        {"role": "assistant", "content": "a"},
        {"content": "a", "tool_calls": "odd"},
        {"content": "\ud83c"},
    ],
)
def test_everything_a_model_can_write_starts_the_answer(written: dict[str, Any]) -> None:
    stream = fed(event(chunk(delta(**written))))
    assert stream.started
    assert stream.deltas == 1


@pytest.mark.parametrize(
    "nothing",
    [
        {"role": "assistant"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": None, "refusal": None, "tool_calls": None, "audio": None},
        {"content": "", "reasoning_content": "", "tool_calls": []},
        {"content": []},
        {"role": "assistant", "channel": "analysis", "annotations": []},
    ],
)
def test_an_empty_beginning_does_not_start_the_answer(nothing: dict[str, Any]) -> None:
    stream = fed(b": waiting\n\n", event(chunk(delta(**nothing))), event({"type": "ping"}))
    assert not stream.started
    assert stream.deltas == 0


def test_an_error_event_ends_the_answer() -> None:
    stream = fed(ROLE, WORD)
    piece = b'event: error\ndata: {"error":{"message":"overloaded","code":502}}\n\n'
    assert stream.feed(piece + WORD + DONE) == piece
    assert stream.error == b'{"message":"overloaded","code":502}'
    assert stream.halted
    assert not stream.finished
    assert not stream.complete
    assert stream.feed(WORD) == b""
    assert stream.usage_so_far() == Usage(output_tokens=1, source="counted")


def test_a_null_error_is_none() -> None:
    stream = fed(event(chunk(delta(content="a"), error=None)), WORD)
    assert stream.error is None
    assert stream.deltas == 2


def of_choice(index: Any, **fields: Any) -> bytes:
    return event(chunk(delta(index=index, **fields)))


@pytest.mark.parametrize("pieces_are", ["events", "joined"])
@pytest.mark.parametrize("second", [1, 7, 2**70])
def test_an_answer_of_several_choices_is_complete_when_each_has_ended(pieces_are: str, second: int) -> None:
    begun = [of_choice(second, content="a"), *(of_choice(0, content="b") for _ in range(9))]
    one_ended = [*begun, of_choice(second, finish_reason="stop"), of_choice(0, content="c")]
    both_ended = [*one_ended, of_choice(0, finish_reason="length"), of_choice(0)]
    for events, complete in ((begun, False), (one_ended, False), (both_ended, True), ([*begun, DONE], True)):
        stream = fed(*(events if pieces_are == "events" else [b"".join(events)]))
        assert stream.complete is complete
        assert stream.deltas == sum(b'"content"' in one or one == of_choice(0) for one in events)


@pytest.mark.parametrize("index", [0, None, "0", 1.5, [0]])
def test_one_choice_ends_the_answer_whatever_its_index_looks_like(index: Any) -> None:
    stream = fed(of_choice(index, content="a"), of_choice(0, finish_reason="stop"))
    assert stream.complete


def test_what_follows_the_end_is_dropped() -> None:
    stream = ChatStream(hide_usage=True)
    assert stream.feed(WORD + DONE + WORD + b"data: {") == WORD + DONE
    assert stream.feed(WORD) == b""
    assert stream.finish() == b""
    assert stream.deltas == 1


def test_a_model_that_is_told_late_is_found() -> None:
    stream = fed(event({"choices": [], "model": "", "prompt_filter_results": []}), WORD)
    assert stream.facts.model == "m-1"
    stream = fed(event({"choices": [delta(content="a")]}), WORD)
    assert stream.facts.model == "m-1"


def test_the_last_event_may_lack_its_empty_line() -> None:
    for rest in (b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE]\r\n"):
        stream = fed(WORD, rest)
        assert not stream.finished
        assert stream.finish() == DONE
        assert stream.finished
        assert stream.finish() == b""


def test_half_an_event_at_the_end_is_dropped() -> None:
    stream = fed(WORD, b'data: {"choices":[{"del')
    assert stream.finish() == b""
    assert not stream.complete
    assert stream.finish() == b""


def test_a_hidden_last_event_stays_hidden() -> None:
    stream = fed(WORD, ONLY_USAGE.rstrip())
    assert stream.finish() == b""
    assert stream.usage_so_far() == KNOWN


def test_groq_puts_usage_in_a_place_of_its_own() -> None:
    stream = fed(WORD, event(chunk(delta(finish_reason="stop"), x_groq={"id": "r", "usage": USAGE})))
    assert stream.usage_so_far() == KNOWN


def test_the_last_usage_counts() -> None:
    later = {**USAGE, "completion_tokens": 7, "total_tokens": 16}
    stream = fed(event(chunk(delta(content="a"), usage=USAGE)), event(chunk(delta(content="b"), usage=later)))
    assert stream.usage_so_far().output_tokens == 7


def test_usage_that_lags_behind_a_cut_stream_is_not_believed() -> None:
    first = event(chunk(delta(role="assistant"), usage={"prompt_tokens": 9, "completion_tokens": 0}))
    stream = fed(first, WORD, WORD, WORD)
    assert stream.usage_so_far() == Usage(9, 3, source="counted")
    stream.feed(STOP)
    assert stream.usage_so_far() == Usage(9, 0, source="provider")  # the provider's last word on it
