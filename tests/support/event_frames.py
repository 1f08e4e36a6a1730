"""Messages of an AWS event stream, made for tests."""

from __future__ import annotations

import struct
import zlib

import msgspec


def header(name: str, kind: int, raw: bytes) -> bytes:
    """One header: `kind` is the number of its type, `raw` its value as it is on the wire."""
    return bytes([len(name)]) + name.encode() + bytes([kind]) + raw


def words(headers: dict[str, str]) -> bytes:
    """Headers whose values are text."""
    return b"".join(
        header(name, 7, struct.pack(">H", len(value.encode())) + value.encode())
        for name, value in headers.items()
    )


def frame(headers: bytes, payload: bytes) -> bytes:
    """A whole message."""
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    begun = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return begun + struct.pack(">I", zlib.crc32(begun))


def event(kind: str, value: object) -> bytes:
    """A message that says a piece of an answer."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(words(headers), msgspec.json.encode(value))


def failure(kind: str, value: object) -> bytes:
    """A message that tells of a failure."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(words(headers), msgspec.json.encode(value))
