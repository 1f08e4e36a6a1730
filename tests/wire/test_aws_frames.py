"""The binary messages of AWS event streams."""

from __future__ import annotations

import contextlib
import itertools
import struct
import uuid
import zlib

import pytest
from botocore.eventstream import EventStreamBuffer
from event_frames import event, failure, frame, header, words
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.wire.aws_frames import (
    MAX_MESSAGE_BYTES,
    AwsEventSplitter,
    BrokenFrame,
    parse,
)
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.sse import EventTooLarge

STREAM = (
    event("messageStart", {"role": "assistant"})
    + event("contentBlockDelta", {"delta": {"text": "héllo" * 50}, "contentBlockIndex": 0})
    + frame(b"", b"")
    + failure("throttlingException", {"message": "slow down"})
)


def _all(pieces: list[bytes]) -> list[bytes]:
    splitter = AwsEventSplitter()
    messages = [message for piece in pieces for message in splitter.feed(piece)]
    splitter.take_rest()
    return messages


def test_a_stream_is_cut_into_its_messages() -> None:
    messages = _all([STREAM])
    assert len(messages) == 4
    assert b"".join(messages) == STREAM
    assert [parse(message).kind for message in messages] == [
        "messageStart",
        "contentBlockDelta",
        "",
        "throttlingException",
    ]
    assert [parse(message).failed for message in messages] == [False, False, False, True]


@settings(max_examples=150)
@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_every_cut_gives_the_same_messages(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in itertools.pairwise(places)]
    assert _all(pieces) == _all([STREAM])


def test_single_bytes_give_the_same_messages() -> None:
    assert _all([STREAM[at : at + 1] for at in range(len(STREAM))]) == _all([STREAM])


def test_what_is_not_whole_is_kept() -> None:
    splitter = AwsEventSplitter()
    assert splitter.empty
    assert splitter.feed(STREAM[:20]) == []
    assert not splitter.empty
    assert splitter.take_rest() == STREAM[:20]
    assert splitter.empty
    assert len(splitter.feed(STREAM)) == 4
    assert splitter.empty


def test_the_reader_agrees_with_aws_own() -> None:
    values = {
        "yes": (0, b""),
        "no": (1, b""),
        "byte": (2, struct.pack(">b", -3)),
        "short": (3, struct.pack(">h", -300)),
        "integer": (4, struct.pack(">i", -70000)),
        "long": (5, struct.pack(">q", -(2**40))),
        "bytes": (6, struct.pack(">H", 3) + b"abc"),
        "text": (7, struct.pack(">H", 2) + "é".encode()),
        "time": (8, struct.pack(">q", 1700000000000)),
    }
    sample = frame(b"".join(header(name, kind, raw) for name, (kind, raw) in values.items()), b'{"a":1}')
    theirs = EventStreamBuffer()
    theirs.add_data(sample)
    message = next(iter(theirs))
    ours = parse(sample)
    assert ours.headers == message.headers
    assert ours.payload == message.payload


def test_an_identifier_is_read() -> None:
    identifier = uuid.uuid4()
    assert parse(frame(header("id", 9, identifier.bytes), b"")).headers == {"id": str(identifier)}


@pytest.mark.parametrize("at", [0, 5, 9, 14, 60, len(STREAM) - 1])
def test_a_changed_byte_is_found(at: int) -> None:
    damaged = bytearray(STREAM)
    damaged[at] ^= 1
    with pytest.raises(BrokenFrame):
        _all([bytes(damaged)])


def test_what_came_before_a_damaged_message_is_given_first() -> None:
    good = event("messageStart", {"role": "assistant"})
    damaged = good[:-1] + bytes([good[-1] ^ 0xFF])
    splitter = AwsEventSplitter()
    assert splitter.feed(good + good + damaged + good) == [good, good]
    for ask in (lambda: splitter.feed(good), splitter.take_rest):
        with pytest.raises(BrokenFrame):
            ask()


def test_a_message_that_is_too_large_is_refused_at_its_beginning() -> None:
    prelude = struct.pack(">II", MAX_MESSAGE_BYTES + 1, 0)
    with pytest.raises(EventTooLarge):
        _all([prelude + struct.pack(">I", zlib.crc32(prelude))])


@settings(max_examples=150)
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_no_messages(data: bytes) -> None:
    for read in (lambda: _all([data]), lambda: [parse(data)], lambda: [parse(frame(data, b""))]):
        with contextlib.suppress(NotAnAnswer):
            read()


def test_an_error_without_a_type_has_its_code() -> None:
    sample = parse(frame(words({":message-type": "error", ":error-code": "InternalError"}), b""))
    assert sample.failed
    assert sample.kind == "InternalError"
