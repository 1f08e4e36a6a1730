"""Streams in OpenAI's form, good, odd and bad, and the ways to cut them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

ENDINGS = (b"\n", b"\r\n", b"\r")


@dataclass(frozen=True)
class Event:
    """One event: its lines, and what is known of it."""

    lines: tuple[bytes, ...]
    only_usage: bool = False
    ends: bool = False
    """Nothing after it is part of the answer."""
    bad: bool = False
    """It is not of this dialect."""


def chunk(*choices: Any, **fields: Any) -> dict[str, Any]:
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m-1", "choices": list(choices), **fields}


def delta(finish_reason: str | None = None, index: Any = 0, **fields: Any) -> dict[str, Any]:
    return {"index": index, "delta": fields, "finish_reason": finish_reason}


USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}

_text = st.text(max_size=12)
_payloads = st.one_of(
    st.builds(lambda text: chunk(delta(content=text)), _text),
    st.builds(lambda text: chunk(delta(content=text), usage=None), _text),
    st.builds(lambda text: chunk(delta(reasoning_content=text)), _text),
    st.builds(lambda text: chunk(delta(content=text), usage=USAGE), _text),
    st.builds(lambda text: chunk(delta(content=[{"type": "thinking", "thinking": text}])), _text),
    st.sampled_from(
        [
            chunk(delta(role="assistant")),
            chunk(delta(role="assistant", content="")),
            chunk(delta(role="assistant", content=None)),
            chunk(delta()),
            chunk({"index": 0}),
            chunk(delta(tool_calls=[{"index": 0, "function": {"arguments": "{"}}])),
            chunk(delta(content="a"), delta(content="b")),
            chunk(delta(content="a", index=1)),
            chunk(delta(content="a"), delta(content="b", index=1)),
            chunk(delta(finish_reason="stop", index=1)),
            chunk(delta(audio={"data": "AAAA"})),
            chunk(delta(finish_reason="stop")),
            chunk(delta(finish_reason="length", content="end")),
            chunk(),
            {**chunk(), "model": ""},
            {"type": "ping"},
            chunk(delta(content="a"), x_groq={"usage": USAGE}),
        ]
    ),
)

_bad = st.sampled_from([b"{", b"[]", b"1", b'"x"', b'{"choices":1}', b"hello", b'{"choices":[{"delta":}]}'])


def _lines_of(data: bytes, form: int) -> tuple[bytes, ...]:
    if form == 1:
        return (b"data:" + data,)
    if form == 2:
        return (b"id: 7", b"data: " + data, b"retry: 10")
    if form == 3 and b", " in data:
        return tuple(b"data: " + part for part in _split_once(data))
    return (b"data: " + data,)


def _split_once(data: bytes) -> tuple[bytes, bytes]:
    """Data on two lines: the line end takes the place of a space between two values."""
    position = data.index(b', "object"') if b', "object"' in data else data.index(b", ")
    return data[: position + 1], data[position + 2 :]


@st.composite
def good_events(draw: st.DrawFn) -> Event:
    payload = json.dumps(draw(_payloads), ensure_ascii=draw(st.booleans())).encode()
    form = draw(st.integers(0, 5))
    if b"type" in payload[:8]:
        form = 0
    return Event(_lines_of(payload, form))


events = st.one_of(
    good_events(),
    good_events(),
    good_events(),
    st.sampled_from(
        [
            Event((b": ping",)),
            Event((b"event: ping", b"data: {}")),
            Event((b"data: ",)),
            Event((b"data",)),
            Event((b"data: " + json.dumps(chunk(usage=USAGE)).encode(),), only_usage=True),
        ]
    ),
)
ends = st.one_of(
    st.sampled_from(
        [
            Event((b"data: [DONE]",), ends=True),
            Event((b"data:[DONE] ",), ends=True),
            Event((b"event: error", b'data: {"error": {"message": "no"}}'), ends=True),
        ]
    ),
    st.builds(lambda data: Event((b"data: " + data,), ends=True, bad=True), _bad),
)


@dataclass(frozen=True)
class Stream:
    """Events with the bytes that end each."""

    parts: tuple[tuple[Event, bytes], ...]

    @property
    def data(self) -> bytes:
        return b"".join(raw for _, raw in self.parts)

    def shown(self, *, hide_usage: bool) -> bytes:
        """What a client is to get of it."""
        kept = []
        for event, raw in self.parts:
            if event.bad:
                break
            if not (hide_usage and event.only_usage):
                kept.append(raw)
            if event.ends:
                break
        return b"".join(kept)


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    one = draw(st.sampled_from([*ENDINGS, None]))  # None: another ending for each line

    def line_and_blank() -> tuple[bytes, bytes]:
        if one is not None:
            return one, one
        first = draw(st.sampled_from(ENDINGS))
        # A CR with a LF after it would be one line end and not two.
        return first, draw(st.sampled_from([b"\r", b"\r\n"] if first == b"\r" else ENDINGS))

    chosen = draw(st.lists(events, max_size=8)) + draw(st.lists(ends, max_size=1))
    chosen += draw(st.lists(events, max_size=2))
    parts = []
    for event in chosen:
        line_end, blank = line_and_blank()
        parts.append((event, line_end.join(event.lines) + line_end + blank))
    return Stream(tuple(parts))


def cut(data: bytes, positions: list[int]) -> Iterator[bytes]:
    """`data` in pieces that end at `positions`."""
    at = sorted({0, len(data), *(position % (len(data) + 1) for position in positions)})
    for start, stop in pairwise(at):
        yield data[start:stop]


cuts = st.lists(st.integers(0, 10_000), max_size=12)
