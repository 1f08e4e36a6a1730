"""Server-sent events, read incrementally however the bytes are cut.

Source: WHATWG HTML, section 9.2.6 (an event ends at an empty line; lines end in LF, CR LF or CR).
"""

from __future__ import annotations

import re

from freehold.core.errors import FreeholdError

_LINE_END = rb"(?>\r\n|\n|\r)"
_BOUNDARY = re.compile(_LINE_END + _LINE_END)
_LINES = re.compile(rb"\r\n|\n|\r")

_SEAM = 3
"""Bytes of what is kept that an ending can reach back into: the longest, CR LF CR LF, has one in the new piece."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""With which a stream may begin. It means nothing."""

_LF, _CR = 0x0A, 0x0D
"""As numbers: looking for a number in bytes takes a quarter of the time that looking for bytes does."""

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""An event larger than this is not an answer but an attack or a fault."""


WAIT = b": wait\n\n"
"""A comment, which readers pass over: it shows that somebody is still there."""


class EventTooLarge(FreeholdError):
    """A single event passed MAX_EVENT_BYTES without ending."""


class EventSplitter:
    """Cuts a byte stream into whole events; what is not whole yet is kept for the next piece."""

    __slots__ = ("_after_cr", "_held", "_parts", "_seam", "endings", "late")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._held = 0
        self._seam = b""
        """The last bytes of what is kept."""
        self._after_cr = False
        self.endings: list[bytes] | None = None
        """What ended each event of the last piece; None when all ended in two LF."""
        self.late = b""
        """A LF of the last piece that belongs to the ending before it: the cut was between CR and LF."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Every event that `piece` completes, without its closing empty line: see `endings` and `late`.

        Raises EventTooLarge, when what is kept from the pieces before is too large.
        """
        self.late = self.late_of(piece) if self._after_cr else b""
        if self.late:
            piece = piece[1:]
        if self._parts:
            if self._held > MAX_EVENT_BYTES:
                raise EventTooLarge(f"An event of the stream passed {MAX_EVENT_BYTES} bytes without ending.")
            if not self._ends_event(piece):
                # The middle of a large event: joined once, when its end comes.
                if piece:
                    self._keep(piece)
                return []
            self._parts.append(piece)
            piece = self.take_rest()
        if _CR in piece:
            return self._split_any(piece)
        self.endings = None
        events = piece.split(b"\n\n")
        rest = events.pop()
        if rest:
            self._keep(rest)
        return events

    def _ends_event(self, piece: bytes) -> bool:
        """Whether an event ends in `piece`. What is kept holds no ending, so only its last bytes are looked at."""
        if _LF not in piece and _CR not in piece:
            return False
        return _BOUNDARY.search(self._seam + piece) is not None

    def _split_any(self, data: bytes) -> list[bytes]:
        """As `feed`, for lines that do not all end in LF."""
        events: list[bytes] = []
        self.endings = []
        start = 0
        for boundary in _BOUNDARY.finditer(data):
            events.append(data[start : boundary.start()])
            self.endings.append(boundary.group())
            start = boundary.end()
        if start < len(data):
            self._keep(data[start:])
        self._after_cr = start == len(data) and data.endswith(b"\r")
        return events

    def _keep(self, rest: bytes) -> None:
        self._parts.append(rest)
        self._held += len(rest)
        self._seam = rest[-_SEAM:] if len(rest) >= _SEAM else (self._seam + rest)[-_SEAM:]

    def late_of(self, piece: bytes) -> bytes:
        """The LF at the beginning of `piece` that belongs to the ending before it, if it does."""
        if not self._after_cr or not piece:
            return b""
        self._after_cr = False
        return b"\n" if piece.startswith(b"\n") else b""

    @property
    def empty(self) -> bool:
        """Whether nothing is kept: the last piece ended where an event ended."""
        return not self._parts and not self._after_cr

    def take_rest(self) -> bytes:
        """What came after the last whole event; nothing is kept any longer."""
        rest = b"".join(self._parts)
        self._parts.clear()
        self._held = 0
        self._seam = b""
        return rest


def data_of(event: bytes) -> bytes | None:
    """The event's data: its `data:` lines joined by LF; None when it has none (a comment, a ping)."""
    if _CR not in event:
        # What almost all events look like: a line of data, in some dialects after a line of their name.
        if event[:6] == b"data: ":
            if _LF not in event:
                return event[6:]
        elif event[:6] == b"event:":
            name, _, data = event.partition(b"\ndata: ")
            if data and _LF not in data and _LF not in name:
                return data
    lines = []
    for line in _LINES.split(event):
        name, _, value = line.partition(b":")
        if name.removeprefix(_BYTE_ORDER_MARK) == b"data":
            lines.append(value[1:] if value.startswith(b" ") else value)
    return b"\n".join(lines) if lines else None


def with_data(event: bytes, data: bytes, new: bytes) -> bytes:
    """The event with `new`, which is one line, in place of its `data`; its other lines stay as they are."""
    if data in event:
        return event.replace(data, new, 1)
    lines = [line for line in _LINES.split(event) if line.partition(b":")[0] != b"data"]
    return b"\n".join((*lines, b"data: " + new))


def on_one_line(json: bytes) -> bytes:
    """JSON without line ends: they stand between the values of what is passed on as it came, and would end the data."""
    return json.translate(None, b"\r\n") if _LF in json or _CR in json else json
