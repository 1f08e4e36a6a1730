"""Server-sent events, read incrementally however the bytes are cut.

Source: WHATWG HTML, section 9.2.6 (an event ends at an empty line; lines end in LF, CR LF or CR).
"""

from __future__ import annotations

import re

from freehold.core.errors import FreeholdError

_LINE_END = rb"(?>\r\n|\n|\r)"
_BOUNDARY = re.compile(_LINE_END + _LINE_END)
_LINES = re.compile(rb"\r\n|\n|\r")

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""An event larger than this is not an answer but an attack or a fault."""


class EventTooLarge(FreeholdError):
    """A single event passed MAX_EVENT_BYTES without ending."""


class EventSplitter:
    """Cuts a byte stream into whole events; what is not whole yet is kept for the next piece."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Every event that `piece` completes, without its closing empty line.

        Raises EventTooLarge.
        """
        data = self._rest + piece if self._rest else piece
        events = data.split(b"\n\n") if b"\r" not in data else _BOUNDARY.split(data)
        self._rest = rest = events.pop()
        if len(rest) > MAX_EVENT_BYTES:
            raise EventTooLarge(f"An event of the stream passed {MAX_EVENT_BYTES} bytes without ending.")
        return events

    @property
    def rest(self) -> bytes:
        """What came after the last whole event."""
        return self._rest


def data_of(event: bytes) -> bytes | None:
    """The event's data: its `data:` lines joined by LF; None when it has none (a comment, a ping)."""
    if event.startswith(b"data: ") and b"\n" not in event and b"\r" not in event:
        return event[6:]
    lines = []
    for line in _LINES.split(event):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value[1:] if value.startswith(b" ") else value)
    return b"\n".join(lines) if lines else None
