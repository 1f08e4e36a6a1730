"""Who may come in: finds keys, and looks again before one is called unknown, for it may have been made a moment ago."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from freehold.access.key import Key
from freehold.core.errors import StoreError

LOOKS_PER_SECOND = 20.0
"""How often strangers may cause a look at the database of keys, which costs a tenth of a millisecond."""
MOST_LOOKS = 20.0
"""How many of them may come at once."""
PATIENCE_S = 1.0
"""How long a key that is not found waits where the keys cannot be read: somebody may be writing them down."""


class KnownKeys(Protocol):
    """The keys, as far as a door needs them."""

    def find(self, token: str | bytes) -> Key | None:
        """The key behind `token`, if it is good now. Touches no database."""

    def refresh(self) -> None:
        """Take over what other processes changed. Never raises."""

    @property
    def problem(self) -> StoreError | None:
        """Why the last refresh failed; None when it worked."""


class Door:
    """Finds keys. One that is not known is looked for in the database before it is called unknown: it may be new.
    Strangers who come faster than looks are allowed wait for the next one, all of them together.
    """

    def __init__(self, keys: KnownKeys, tick: Callable[[], float]) -> None:
        """`tick` is monotonic time in seconds."""
        self._keys = keys
        self._tick = tick
        self._looks = MOST_LOOKS
        self._counted_at = tick()
        self._next: asyncio.Future[None] | None = None

    async def find(self, token: bytes) -> Key | None:
        """The key behind `token`, if it is good now. None where `problem` is set: nobody can tell now."""
        key = self._keys.find(token)
        if key is not None:
            return key
        if self._may_look():
            self._keys.refresh()
        else:
            await self._next_look()
        give_up_at = self._tick() + PATIENCE_S
        while (key := self._keys.find(token)) is None and self.problem is not None:
            if self._tick() >= give_up_at:
                break
            await self._next_look()
        return key

    @property
    def problem(self) -> StoreError | None:
        """Why the keys could not be looked at the last time; None when they could."""
        return self._keys.problem

    async def _next_look(self) -> None:
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = loop.create_future()
            loop.call_later(1 / LOOKS_PER_SECOND, self._look_for_all, self._next)
        await asyncio.shield(self._next)

    def _look_for_all(self, waited_for: asyncio.Future[None]) -> None:
        self._next = None
        self._may_look()  # it counts as one of those that are allowed
        self._keys.refresh()
        waited_for.set_result(None)

    def _may_look(self) -> bool:
        now = self._tick()
        self._looks = min(MOST_LOOKS, self._looks + (now - self._counted_at) * LOOKS_PER_SECOND)
        self._counted_at = now
        if self._looks < 1.0:
            return False
        self._looks -= 1.0
        return True
