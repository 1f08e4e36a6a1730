"""Events of this dialect as they go over the wire."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from freehold.wire.sse import on_one_line

_encode = msgspec.json.Encoder().encode


def frame(kind: str, fields: Mapping[str, object]) -> bytes:
    """One event: its name, and its data on one line."""
    data = on_one_line(_encode({"type": kind, **fields}))
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
