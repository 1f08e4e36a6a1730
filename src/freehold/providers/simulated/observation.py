"""What the simulated provider saw: requests, connections, and when each answer stopped."""

from __future__ import annotations

from collections import deque
from typing import Any, Literal

from msgspec import Struct

from freehold.providers.simulated.asking import Ask, description

Ending = Literal["answered", "faulted", "abandoned"]
"""
answered   everything was written
faulted    the script ended it
abandoned  the client closed the connection before that
"""


class ReceivedRequest(Struct, eq=False):
    """One request and what became of its answer. Times are readings of the clock's `tick`, in seconds."""

    number: int
    """Counted from 0 over all requests, `forget` or not."""
    connection: int
    """The connection it came on, counted from 0."""
    place: int
    """How many requests that connection had carried before."""
    received_at: float
    """When its last byte was there."""
    time_us: int
    """The same as microseconds since 1970."""
    method: str
    target: str
    """Path and query as sent."""
    headers: list[tuple[str, str]]
    """In order; names in lower case."""
    body: bytes
    dialect: str | None = None
    """None: on a path that no dialect has."""
    model: str | None = None
    asked: Ask | None = None
    """What was understood of a chat request that was let through."""
    fault: str | None = None
    """The kind of fault that struck."""
    status: int | None = None
    """None as long as no headers were written."""
    chunks: int = 0
    """Of a stream, handed to the socket so far."""
    tokens: int = 0
    """Of text and tool arguments, handed to the socket so far."""
    bytes_written: int = 0
    first_byte_at: float | None = None
    last_byte_at: float | None = None
    stopped_at: float | None = None
    """Nothing was generated after this. None: still at it."""
    ending: Ending | None = None

    def header(self, name: str) -> str | None:
        """The first header called `name` (lower case)."""
        return next((value for key, value in self.headers if key == name), None)

    def understood(self) -> dict[str, Any] | None:
        """What a chat request means, described alike in every dialect; None when it was refused."""
        return None if self.asked is None else description(self.asked)


class Connections(Struct, eq=False):
    """Counts of connections since the start or the last `forget`."""

    opened: int = 0
    open: int = 0
    """Now."""
    most_open: int = 0
    reused: int = 0
    """Requests that came on a connection which had carried one before."""
    closed_by_peer: int = 0
    closed_by_us: int = 0


class Observation:
    """The last requests, `keep` of them, and exact counts."""

    def __init__(self, keep: int) -> None:
        self.requests: deque[ReceivedRequest] = deque(maxlen=keep)
        self.connections = Connections()
        self._received = 0
        self._numbered = 0

    def add(self, request: ReceivedRequest) -> None:
        """Numbers and keeps `request`; the oldest makes room."""
        request.number = self._received
        self._received += 1
        if request.place:
            self.connections.reused += 1
        self.requests.append(request)

    def opened(self) -> int:
        """A connection was accepted; returns its number."""
        counts = self.connections
        number, self._numbered = self._numbered, self._numbered + 1
        counts.opened += 1
        counts.open += 1
        counts.most_open = max(counts.most_open, counts.open)
        return number

    def closed(self, *, by_peer: bool) -> None:
        """A connection is gone."""
        counts = self.connections
        counts.open -= 1
        if by_peer:
            counts.closed_by_peer += 1
        else:
            counts.closed_by_us += 1

    def forget(self) -> None:
        """Starts anew; connections that are open still count as open."""
        self.requests.clear()
        self.connections = Connections(open=self.connections.open, most_open=self.connections.open)
