"""Messages over pipes: four bytes of length, then JSON."""

from __future__ import annotations

import json
import os
import select
import time
from typing import Any

MOST_BYTES = 16 * 1024 * 1024


class Closed(Exception):
    """The other side is gone, or sent what is no message."""


class Late(Exception):
    """The message did not come in time."""


def send(place: int, message: Any) -> None:
    """Writes a message. Raises Closed."""
    data = json.dumps(message, separators=(",", ":")).encode("ascii")
    if len(data) > MOST_BYTES:
        raise Closed("the message is too long")
    view = memoryview(len(data).to_bytes(4, "big") + data)
    try:
        while view:
            view = view[os.write(place, view) :]
    except OSError as error:
        raise Closed(str(error)) from None


def receive(place: int, *, until: float | None = None) -> Any:
    """Reads a message. `until`: in the seconds of `time.monotonic`. Raises Closed, Late."""
    length = int.from_bytes(_read(place, 4, until), "big")
    if length > MOST_BYTES:
        raise Closed("the message is too long")
    try:
        return json.loads(_read(place, length, until))
    except (ValueError, RecursionError):
        raise Closed("what came is no message") from None


def _read(place: int, size: int, until: float | None) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        if until is not None:
            left = until - time.monotonic()
            if left <= 0 or not select.select([place], [], [], left)[0]:
                raise Late
        try:
            part = os.read(place, min(size - len(parts), 65536))
        except OSError as error:
            raise Closed(str(error)) from None
        if not part:
            raise Closed("the other side is gone")
        parts += part
    return bytes(parts)
