"""Events of this dialect as they go over the wire."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_encode = msgspec.json.Encoder().encode


def frame(kind: str, fields: Mapping[str, object]) -> bytes:
    """One event: its name, and its data on one line."""
    data = _encode({"type": kind, **fields})
    if b"\n" in data or b"\r" in data:  # raw JSON may be laid out; an event's data ends with its line
        data = data.translate(None, b"\r\n")
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
