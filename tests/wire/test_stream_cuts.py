"""However a stream is cut into pieces, the client gets the same bytes and the ledger the same facts."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_samples import ENDINGS, Event, Stream, chunk, cut, cuts, delta, streams

from examples import examples
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.openai_stream import ChatStream
from freehold.wire.sse import MAX_EVENT_BYTES


def read(pieces: Iterable[bytes], *, hide_usage: bool) -> tuple[bytes, dict[str, object]]:
    """What is forwarded of a stream, and everything that is known after it."""
    stream = ChatStream(hide_usage=hide_usage)
    forwarded = b""
    try:
        for piece in (*pieces, None):
            forwarded += stream.finish() if piece is None else stream.feed(piece)
    except NotAnAnswer as error:
        assert stream.broken is error
    return forwarded, {
        "model": stream.facts.model,
        "stop": stream.facts.stop_reason,
        "raw_usage": stream.facts.raw_usage,
        "usage": stream.usage_so_far(),
        "deltas": stream.deltas,
        "started": stream.started,
        "finished": stream.finished,
        "complete": stream.complete,
        "halted": stream.halted,
        "error": stream.error,
        "broken": str(stream.broken),
    }


@examples
@given(stream=streams(), positions=cuts, hide_usage=st.booleans())
def test_cuts_make_no_difference(stream: Stream, positions: list[int], hide_usage: bool) -> None:
    data = stream.data
    whole = read([data] if data else [], hide_usage=hide_usage)
    assert whole[0] == stream.shown(hide_usage=hide_usage)
    assert read(cut(data, positions), hide_usage=hide_usage) == whole
    assert read((data[at : at + 1] for at in range(len(data))), hide_usage=hide_usage) == whole


@examples
@given(stream=streams(), hide_usage=st.booleans())
def test_an_event_at_a_time_makes_no_difference(stream: Stream, hide_usage: bool) -> None:
    pieces = [raw for _, raw in stream.parts]
    whole = read([stream.data] if pieces else [], hide_usage=hide_usage)
    assert read(pieces, hide_usage=hide_usage) == whole


@examples
@given(stream=streams(), end=st.integers(0, 10_000), positions=cuts)
def test_streams_that_stop_anywhere(stream: Stream, end: int, positions: list[int]) -> None:
    data = stream.data[: end % (len(stream.data) + 1)]
    whole = read([data] if data else [], hide_usage=True)
    assert read(cut(data, positions), hide_usage=True) == whole


@examples
@given(data=st.binary(max_size=200), positions=cuts)
def test_any_bytes_raise_nothing_else(data: bytes, positions: list[int]) -> None:
    whole = read([data] if data else [], hide_usage=True)
    assert read(cut(data, positions), hide_usage=True) == whole


@examples
@given(stream=streams(), at=st.integers(0, 10_000), noise=st.binary(min_size=1, max_size=4), positions=cuts)
def test_damaged_streams_raise_nothing_else(
    stream: Stream, at: int, noise: bytes, positions: list[int]
) -> None:
    at %= len(stream.data) + 1
    data = stream.data[:at] + noise + stream.data[at + len(noise) :]
    whole = read([data], hide_usage=True)
    assert read(cut(data, positions), hide_usage=True) == whole


def _event(payload: bytes) -> bytes:
    return b"data: " + payload + b"\n\n"


START = _event(b'{"model":"m","choices":[{"delta":{"content":"a"}}]}')
MORE = _event(b'{"choices":[{"delta":{"content":"b"}}]}')


@pytest.mark.parametrize(
    "payload",
    [
        b'{"choices":[{"delta":{}}]},{"choices":[{"delta":{}}]}',
        b'{"choices":[{"delta":{"content":"\xff"}}]}',
        b'{"choices":[{"delta":{"content":"\\ud83d"}}]}',
        b'{"choices":[{"delta":"odd"}]}',
        b'{"choices":[{"delta":{"content":7}}]}',
        b'{"choices":[{}],"model":5}',
        b'{"choices":[],"model":5}',
        b'{"choices":[{}],"usage":7}',
        b'{"choices":[{}],"usage":{"prompt_tokens":1e400}}',
        b'{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}',
        b'{"choices":[{}],"error":null}',
        b'{"choices":[{}],"error":{"message":"no"}}',
        b'{"choices":[{}]\r}',
        b'{"choices":[{}],\r\ndata: "x":1}',
        b'{"choices":[{}],"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":4}}}',
        b'{"choices":null}',
        b'{"choices":[null]}',
        b'{"choices":[{"finish_reason":7}]}',
        b'{"choices":[{"delta":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}]}",
        b'{"choices":[{"delta":{"content":"1"},"logprobs":' + b"9" * 5000 + b"}]}",
    ],
)
def test_the_quick_way_and_the_slow_way_agree(payload: bytes) -> None:
    """Whole events that only go on writing are not looked at as closely as others."""
    data = START + MORE + _event(payload) + MORE
    whole = read([data], hide_usage=False)
    assert read([START, MORE, _event(payload), MORE], hide_usage=False) == whole
    assert read([START, MORE + _event(payload) + MORE], hide_usage=False) == whole
    assert read([START + MORE, _event(payload) + MORE], hide_usage=False) == whole
    assert read(cut(data, list(range(0, 500, 7))), hide_usage=False) == whole


LIFE = [
    b": waiting",
    b'data: {"model":"","choices":[]}',
    b'data: {"choices":[{"delta":{"content":"a"}}]}',
    b'data: {"model":"m","choices":[{"delta":{"content":"b"}}]}',
    b'data: {"model":"m","choices":[{"delta":{"content":"c"}}]}',
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":3}}',
    b'data: {"model":"m","choices":[{"delta":{},"finish_reason":"stop"}]}',
    b"data:[DONE] ",
    b": after",
]


@pytest.mark.parametrize("hide_usage", [True, False])
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_single_cut(ending: bytes, hide_usage: bool) -> None:
    data = b"".join(event + ending * 2 for event in LIFE)
    whole = read([data], hide_usage=hide_usage)
    for position in range(len(data)):
        for width in (0, 1, 2):
            pieces = list(cut(data, [position, position + width]))
            assert read(pieces, hide_usage=hide_usage) == whole, pieces
    facts = whole[1]
    assert (facts["model"], facts["stop"], facts["deltas"], facts["finished"]) == ("m", "stop", 3, True)
    assert whole[0].endswith(b"data:[DONE] " + ending * 2)
    assert (b"prompt_tokens" in whole[0]) is not hide_usage


def test_a_large_event_in_small_pieces_costs_no_more_than_its_size() -> None:
    text = "x" * 2_000_000
    data = b'data: {"model":"m","choices":[{"delta":{"content":"%b"}}]}\n\n' % text.encode()
    stream = ChatStream(hide_usage=False)
    given_out = [stream.feed(data[at : at + 512]) for at in range(0, len(data), 512)]
    assert [piece for piece in given_out if piece] == [data]
    assert stream.deltas == 1


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_large_event_of_many_lines_is_put_together_once(ending: bytes) -> None:
    """Pieces that end lines, but not the event, cost memory of their own size, however much was kept before."""
    lines = [b": %d " % number + b"x" * 500 + ending for number in range(2000)]
    last = b'data: {"model":"m","choices":[{"delta":{"content":"a"}}]}' + ending * 2
    stream = ChatStream(hide_usage=False)
    dearest = 0
    tracemalloc.start()
    try:
        for line in lines:
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            assert stream.feed(line) == b""
            dearest = max(dearest, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    assert dearest < 50_000, "what was kept before was copied again"
    assert stream.feed(last) == b"".join(lines) + last
    assert (stream.deltas, stream.started) == (1, True)


def test_an_event_without_end_is_refused() -> None:
    stream = ChatStream(hide_usage=False)
    assert stream.feed(START + b"data: ") == START
    piece = b"x" * (1024 * 1024)
    with pytest.raises(NotAnAnswer, match="without ending"):
        for _ in range(MAX_EVENT_BYTES // len(piece) + 2):
            assert stream.feed(piece) == b""
    assert stream.halted
    with pytest.raises(NotAnAnswer):
        stream.feed(START)


def test_what_came_before_a_bad_event_is_passed_on_first() -> None:
    stream = ChatStream(hide_usage=False)
    assert stream.feed(START + _event(b"{") + MORE) == START
    assert stream.halted
    assert stream.broken is not None
    with pytest.raises(NotAnAnswer):
        stream.feed(MORE)
    assert stream.deltas == 1


def test_sample_events_are_what_they_say() -> None:
    """The samples of this file would show nothing if they were not read as they claim."""
    assert Event((b"x",)).ends is False
    stream = ChatStream(hide_usage=False)
    stream.feed(_event(str(chunk(delta(content="a"))).replace("'", '"').replace("None", "null").encode()))
    assert (stream.started, stream.facts.model) == (True, "m-1")
