"""The events of a stream that may be taken up again, within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from freehold.wire.responses.background import Told


class Room:
    """Bytes that all responses in the background hold together."""

    __slots__ = ("held", "limit", "make_room")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self.make_room: Callable[[], None] = lambda: None
        """Called when more is held than may be."""

    def take(self, size: int) -> None:
        """So many bytes more are held, or less."""
        self.held += size
        if size > 0 and self.held > self.limit:
            self.make_room()


class KeptEvents:
    """Events in their order. The oldest may be gone; the numbers of those that are kept have no gap."""

    __slots__ = ("_events", "_room", "next")

    def __init__(self, room: Room) -> None:
        self._events: deque[Told] = deque()
        self._room = room
        self.next = 0
        """The number of the next event."""

    @property
    def first(self) -> int:
        """The number of the oldest that is kept; that of the next event when there is none."""
        return self._events[0].number if self._events else self.next

    def add(self, event: Told) -> None:
        """One more event, whose number is `next`."""
        self._events.append(event)
        self.next = event.number + 1
        self._room.take(len(event.frame))

    def since(self, number: int) -> bytes:
        """The events from `number` on; only what is kept."""
        skipped = max(0, number - self.first)
        if skipped > len(self._events) // 2:
            wanted = len(self._events) - skipped
            last = [self._events[-1 - at].frame for at in range(wanted)]
            return b"".join(reversed(last))
        return b"".join(event.frame for at, event in enumerate(self._events) if at >= skipped)

    def drop_oldest(self) -> bool:
        """Let go of the oldest event; False when there was none."""
        if not self._events:
            return False
        self._room.take(-len(self._events.popleft().frame))
        return True

    def clear(self) -> None:
        """Let go of all."""
        while self.drop_oldest():
            pass
