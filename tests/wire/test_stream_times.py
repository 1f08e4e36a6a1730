"""Streams of thousands of pieces: reading them takes the time their length asks for, whatever a provider sends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from freehold.wire.dialect import DialectName
from freehold.wire.dialects import dialect_of

MORE = 8
FRAMES = 1500


def calls(count: int) -> list[dict[str, Any]]:
    """A call of a tool in each event."""
    function = {"name": "look", "arguments": "{}"}
    deltas = [{"tool_calls": [{"index": at, "id": f"c{at}", "function": function}]} for at in range(count)]
    return [{"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]


def sections(count: int) -> list[dict[str, Any]]:
    """A section of a summary in each event."""
    where = {"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0}
    return [{**where, "summary_index": at, "delta": "Hm", "sequence_number": at} for at in range(count)]


def seconds(dialect: DialectName, events: list[dict[str, Any]]) -> float:
    """Of the processor's time to read them all; the least of three."""
    frames = [b"data: " + json.dumps(event).encode() for event in events]
    times = []
    for _ in range(3):
        reader = dialect_of(dialect).decode_stream()
        began = time.process_time()
        assert sum(len(reader.read(frame)) for frame in frames) >= len(frames)
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize(
    ("dialect", "events"), [("openai-chat", calls), ("openai-responses", sections)], ids=["calls", "sections"]
)
def test_reading_takes_no_more_time_for_each_piece_than_for_the_first_ones(
    dialect: DialectName, events: Callable[[int], list[dict[str, Any]]]
) -> None:
    few, many = seconds(dialect, events(FRAMES)), seconds(dialect, events(FRAMES * MORE))
    assert many < few * MORE * 2.5
