"""Keeping an answer's bytes for the ledger, within bounds, while it streams by."""

from __future__ import annotations


class CaptureBudget:
    """Bytes that all calls in flight together may hold for the ledger."""

    __slots__ = ("body_limit", "held", "limit")

    def __init__(self, *, limit: int = 64 * 1024 * 1024, body_limit: int = 4 * 1024 * 1024) -> None:
        """`limit`: bytes over all calls in flight. `body_limit`: bytes of one answer."""
        self.limit = limit
        self.body_limit = body_limit
        self.held = 0


class Capture:
    """The pieces of one answer. Over a bound, the whole capture is dropped: half a body would mislead."""

    __slots__ = ("_budget", "_pieces", "_size", "dropped")

    def __init__(self, budget: CaptureBudget) -> None:
        self._budget = budget
        self._pieces: list[bytes] = []
        self._size = 0
        self.dropped = False

    def add(self, piece: bytes) -> None:
        """Keep one more piece."""
        if self.dropped:
            return
        size = len(piece)
        budget = self._budget
        if self._size + size > budget.body_limit or budget.held + size > budget.limit:
            self.take()
            self.dropped = True
            return
        self._size += size
        budget.held += size
        self._pieces.append(piece)

    def peek(self) -> bytes:
        """The whole answer so far."""
        return b"".join(self._pieces)

    def take(self) -> bytes | None:
        """The whole answer so far, and an end of holding it; None when it was dropped."""
        pieces, self._pieces = self._pieces, []
        self._budget.held -= self._size
        self._size = 0
        return None if self.dropped else b"".join(pieces)
