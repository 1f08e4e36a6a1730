"""AWS event streams: binary messages, each with its own length, headers and checksums.

A message is: its length, its headers' length, the CRC of these two (4 bytes each, big endian); the headers; the
payload; the CRC of everything before it. Source: the AWS event stream encoding, `application/vnd.amazon.eventstream`.
"""

from __future__ import annotations

import struct
import uuid
from functools import lru_cache
from zlib import crc32

import msgspec

from freehold.wire.dialect import NotAnAnswer
from freehold.wire.sse import EventTooLarge

MAX_MESSAGE_BYTES = 24 * 1024 * 1024
"""A message larger than this is not an answer but an attack or a fault. It is what AWS's own clients take."""

_PRELUDE = struct.Struct(">III")
_LEAST = _PRELUDE.size + 4
_CACHED_HEADERS = 256
"""Bytes. Headers repeat from message to message, and those that do are short."""

HeaderValue = bool | int | bytes | str


class BrokenFrame(NotAnAnswer):
    """A message of an AWS event stream is damaged: a checksum or a length is wrong."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of an AWS event stream."""

    headers: dict[str, HeaderValue]
    payload: bytes
    kind: str = ""
    """What the payload is: the event's, exception's or error's own word; empty when it is not said."""
    failed: bool = False
    """Whether it tells of a failure, and not of a piece of the answer."""


class AwsEventSplitter:
    """Cuts a byte stream into whole messages; what is not whole yet is kept for the next piece."""

    __slots__ = ("_failure", "_held", "_needed", "_parts")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._held = 0
        self._needed = _PRELUDE.size
        """How many bytes must be held before there is anything to do."""
        self._failure: BrokenFrame | EventTooLarge | None = None
        """What is wrong behind the messages that were given last."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Every message that `piece` completes, whole. Raises BrokenFrame for a wrong checksum or length, and
        EventTooLarge for a message over MAX_MESSAGE_BYTES; the good messages of the piece are given first.
        """
        if self._failure is not None:
            raise self._failure
        if self._held:
            self._parts.append(piece)
            self._held += len(piece)
            if self._held < self._needed:
                # The middle of a large message: joined once, when its end comes.
                return []
            piece = b"".join(self._parts)
        return self._split(piece)

    def _split(self, data: bytes) -> list[bytes]:
        messages: list[bytes] = []
        start = 0
        self._needed = _PRELUDE.size
        while len(data) - start >= _PRELUDE.size:
            try:
                length = _length(data, start)
                if len(data) - start < length:
                    self._needed = length
                    break
                message = data[start : start + length]
                _check(message)
            except (BrokenFrame, EventTooLarge) as error:
                self._failure = error
                if not messages:
                    raise
                break
            messages.append(message)
            start += length
        self._keep(data[start:])
        return messages

    def _keep(self, rest: bytes) -> None:
        self._parts = [rest] if rest else []
        self._held = len(rest)

    @property
    def empty(self) -> bool:
        """Whether nothing is kept: the last piece ended where a message ended."""
        return not self._held

    def take_rest(self) -> bytes:
        """What came after the last whole message; nothing is kept any longer. Raises what `feed` would raise next."""
        if self._failure is not None:
            raise self._failure
        rest = b"".join(self._parts)
        self._keep(b"")
        self._needed = _PRELUDE.size
        return rest


def _length(data: bytes, start: int) -> int:
    """The length that the prelude at `start` gives its message."""
    length, headers_length, checksum = _PRELUDE.unpack_from(data, start)
    if crc32(data[start : start + 8]) != checksum:
        raise BrokenFrame("The beginning of an event stream's message does not match its checksum.")
    if length < _LEAST + headers_length:
        raise BrokenFrame("An event stream's message is shorter than its headers.")
    if length > MAX_MESSAGE_BYTES:
        raise EventTooLarge(f"A message of the event stream passed {MAX_MESSAGE_BYTES} bytes.")
    return length  # type: ignore[no-any-return]


def _check(message: bytes) -> None:
    if crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
        raise BrokenFrame("A message of an event stream does not match its checksum.")


def parse(frame: bytes) -> Message:
    """The headers and the payload of one whole message. Raises BrokenFrame.

    The checksum of the message is the splitter's to check; its lengths are checked here too.
    """
    if len(frame) < _LEAST:
        raise BrokenFrame("A message of an event stream is too short.")
    length, headers_length, _ = _PRELUDE.unpack_from(frame)
    if length != len(frame) or _LEAST + headers_length > length:
        raise BrokenFrame("A message of an event stream has a wrong length.")
    end = _PRELUDE.size + headers_length
    block = frame[_PRELUDE.size : end]
    headers, kind, failed = _known_heading(block) if headers_length <= _CACHED_HEADERS else _heading(block)
    return Message(headers, frame[end:-4], kind, failed)


_INTEGERS = {
    2: struct.Struct(">b"),
    3: struct.Struct(">h"),
    4: struct.Struct(">i"),
    5: struct.Struct(">q"),
    8: struct.Struct(">q"),
}
"""By the header's type: byte, short, integer, long, and a time in milliseconds since 1970."""


def _headers(block: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(block):
            name_end = at + 1 + block[at]
            name = block[at + 1 : name_end].decode()
            kind = block[name_end]
            headers[name], at = _value(block, kind, name_end + 1)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise BrokenFrame("The headers of an event stream's message cannot be read.") from None
    if at != len(block):
        raise BrokenFrame("The headers of an event stream's message are cut off.")
    return headers


def _heading(block: bytes) -> tuple[dict[str, HeaderValue], str, bool]:
    """The headers, and what they say about the message."""
    headers = _headers(block)
    word = headers.get(":event-type") or headers.get(":exception-type") or headers.get(":error-code")
    return (
        headers,
        word if isinstance(word, str) else "",
        headers.get(":message-type") in ("exception", "error"),
    )


_known_heading = lru_cache(maxsize=256)(_heading)


def _value(block: bytes, kind: int, at: int) -> tuple[HeaderValue, int]:
    """The header's value that begins at `at`, and where it ends."""
    if kind in (0, 1):
        return kind == 0, at
    if kind in _INTEGERS:
        form = _INTEGERS[kind]
        return int(form.unpack_from(block, at)[0]), at + form.size
    if kind in (6, 7):
        length = int.from_bytes(block[at : at + 2], "big")
        raw = block[at + 2 : at + 2 + length]
        return (raw.decode() if kind == 7 else raw), at + 2 + length
    if kind == 9 and at + 16 <= len(block):
        return str(uuid.UUID(bytes=block[at : at + 16])), at + 16
    raise BrokenFrame("A header of an event stream's message is of a type that is not known.")
