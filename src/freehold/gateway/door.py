"""Who may come in: finds keys, and looks again before one is called unknown, for it may have been made a moment ago."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from freehold.access.key import Key
from freehold.core.errors import Overloaded

LOOKS_PER_SECOND = 20.0
"""How often strangers may cause a look at the database of keys, which costs a tenth of a millisecond."""
MOST_LOOKS = 20.0
"""How many of them may come at once."""
PATIENCE_S = 2.0
"""How long a key that is not found waits for a look that works: the keys are looked at every second in any case, but
somebody may be writing them down.
"""


class KnownKeys(Protocol):
    """The keys, as far as a door needs them."""

    def find(self, token: str | bytes) -> Key | None:
        """The key behind `token`, if it is good now. Touches no database."""

    def refresh(self) -> None:
        """Take over what other processes changed. Never raises."""

    @property
    def looks(self) -> int:
        """How many looks at what others changed were begun, by anybody."""

    @property
    def looked(self) -> int:
        """Which of them was the latest that worked."""


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
        """The key behind `token`, if it is good now. Raises Overloaded: it may be new, nobody could look."""
        key = self._keys.find(token)
        if key is not None:
            return key
        looks, give_up_at = self._keys.looks, self._tick() + PATIENCE_S
        if self._may_look():
            self._keys.refresh()  # which leaves it to others where the database has just been looked at
        else:
            await self._next_look()
        while (key := self._keys.find(token)) is None and self._keys.looked <= looks:
            if self._tick() >= give_up_at:
                raise Overloaded(
                    "The keys cannot be read now, and this one is not among those that were known before.",
                    hint="Try again in a moment; `freehold doctor` tells what is wrong.",
                )
            await self._next_look()
        return key

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
