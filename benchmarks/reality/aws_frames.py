"""Messages of an AWS event stream, made of their kind and what they say."""

from __future__ import annotations

import struct
import zlib


def aws_frame(kind: str, payload: bytes, message_type: str = "event") -> bytes:
    """One whole message, with lengths and checksums that are right."""
    named = {":event-type": kind, ":content-type": "application/json", ":message-type": message_type}
    headers = b"".join(_header(name.encode(), value.encode()) for name, value in named.items())
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    begun = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return begun + struct.pack(">I", zlib.crc32(begun))


def _header(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value
