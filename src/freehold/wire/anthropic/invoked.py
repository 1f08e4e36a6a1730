"""Streams of Bedrock's InvokeModelWithResponseStream: each binary message wraps one event of this dialect, in base64.

They are unwrapped into the frames of server-sent events that Anthropic itself would have sent.
"""

from __future__ import annotations

import base64
import binascii
import re

import msgspec

from freehold.wire.anthropic.errors import kind_of
from freehold.wire.anthropic.frames import frame
from freehold.wire.aws_frames import AwsEventSplitter, Message, parse
from freehold.wire.dialect import NotAnAnswer

_STATUSES = {
    "internalServerException": 500,
    "modelStreamErrorException": 500,
    "modelTimeoutException": 504,
    "serviceUnavailableException": 529,
    "throttlingException": 429,
    "validationException": 400,
}
"""What Bedrock's words for a failure within a stream amount to with Anthropic."""
_KIND = re.compile(rb'\{"type":"(\w+)"')
_WORD = re.compile(r"\w+", re.ASCII)


class _Chunk(msgspec.Struct):
    bytes: str


class _Typed(msgspec.Struct):
    type: str


class _Failure(msgspec.Struct):
    message: str | None = None
    original: str | None = msgspec.field(default=None, name="originalMessage")


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_typed = msgspec.json.Decoder(_Typed).decode
_decode_failure = msgspec.json.Decoder(_Failure).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class InvokedSplitter:
    """Cuts the stream into frames as `EventSplitter` does, with the same events in them."""

    __slots__ = ("_failure", "_splitter")

    endings: list[bytes] | None = None
    late = b""

    def __init__(self) -> None:
        self._splitter = AwsEventSplitter()
        self._failure: NotAnAnswer | None = None
        """What is wrong behind the events that were given last."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Every event that `piece` completes. Raises NotAnAnswer, and EventTooLarge; the good events of the piece
        are given first.
        """
        if self._failure is not None:
            raise self._failure
        events: list[bytes] = []
        for message in self._splitter.feed(piece):
            try:
                event = _event_in(parse(message))
            except NotAnAnswer as error:
                self._failure = error
                if not events:
                    raise
                break
            if event is not None:
                events.append(event)
        return events

    def take_rest(self) -> bytes:
        """Nothing: half a message says nothing that can be read. Raises what `feed` would raise next."""
        if self._failure is not None:
            raise self._failure
        self._splitter.take_rest()
        return b""


def _event_in(message: Message) -> bytes | None:
    """The frame that a message wraps; None for a kind of message that came later than this reader."""
    if message.failed:
        return _failure_in(message)
    if message.kind != "chunk":
        return None
    try:
        data = base64.b64decode(_decode_chunk(message.payload).bytes, validate=True)
        found = _KIND.match(data)
        kind = found[1].decode() if found else _decode_typed(data).type
    except (*_UNREADABLE, binascii.Error, ValueError) as error:
        raise NotAnAnswer(f"A message holds no event: {error}") from None
    if not _WORD.fullmatch(kind):
        raise NotAnAnswer("An event's name is not a word.")
    if b"\n" in data or b"\r" in data:  # JSON may be laid out; an event's data ends with its line
        data = data.translate(None, b"\r\n")
    return b"event: " + kind.encode() + b"\ndata: " + data


def _failure_in(message: Message) -> bytes:
    word = message.kind[:1].lower() + message.kind[1:]
    try:
        told = _decode_failure(message.payload)
    except _UNREADABLE:
        told = _Failure()
    header = message.headers.get(":error-message")
    text = told.message or told.original or (header if isinstance(header, str) else "") or message.kind
    error = {"type": kind_of(_STATUSES.get(word, 500)), "message": text or "No reason was given."}
    return frame("error", {"error": error}).rstrip(b"\n")
