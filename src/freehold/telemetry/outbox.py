"""Spans that wait for the collector."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import NamedTuple

MOST_BYTES = 1024 * 1024
"""Of spans in one request, about; collectors take 4 MB."""


class Waiting(NamedTuple):
    """Spans on their way."""

    spans: int
    content: bytes
    since: float
    """In ticks of the monotonic clock."""


class Outbox:
    """What waits for the collector, within a bound. The oldest goes when there is no more room."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self.dropped = 0
        """Spans that there was no room for."""
        self._waiting: deque[Waiting] = deque()
        self._lock = threading.Lock()

    def put(self, spans: int, content: bytes) -> None:
        """Some spans more."""
        with self._lock:
            self._waiting.append(Waiting(spans, content, time.monotonic()))
            self.held += len(content)
            while self.held > self.limit and self._waiting:
                gone = self._waiting.popleft()
                self.held -= len(gone.content)
                self.dropped += gone.spans

    def take(self) -> Waiting | None:
        """As much as one request may hold; None when nothing waits."""
        with self._lock:
            if not self._waiting:
                return None
            first = self._waiting[0].since
            spans = size = 0
            pieces: list[bytes] = []
            while self._waiting and (not pieces or size + len(self._waiting[0].content) <= MOST_BYTES):
                one = self._waiting.popleft()
                spans, size = spans + one.spans, size + len(one.content)
                pieces.append(one.content)
            self.held -= size
        return Waiting(spans, b"".join(pieces), first)

    def __bool__(self) -> bool:
        return bool(self._waiting)
