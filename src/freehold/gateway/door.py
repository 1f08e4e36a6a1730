"""Who may come in: finds keys, and looks again when one is unknown, for it may have been made a moment ago."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from freehold.access.key import Key

LOOKS_PER_SECOND = 20.0
"""How often strangers may cause a look at the database of keys, which costs a tenth of a millisecond."""
MOST_LOOKS = 20.0
"""How many of them may come at once."""


class KnownKeys(Protocol):
    """The keys, as far as a door needs them."""

    def find(self, token: str | bytes) -> Key | None:
        """The key behind `token`, if it is good now. Touches no database."""

    def refresh(self) -> None:
        """Take over what other processes changed. Never raises."""


class Door:
    """Finds keys. A new key is let in the first time it is shown, unless strangers have just used the looks up;
    then it is as soon as somebody else refreshes the keys.
    """

    def __init__(self, keys: KnownKeys, tick: Callable[[], float]) -> None:
        """`tick` is monotonic time in seconds."""
        self._keys = keys
        self._tick = tick
        self._looks = MOST_LOOKS
        self._counted_at = tick()

    def find(self, token: bytes) -> Key | None:
        """The key behind `token`, if it is good now."""
        key = self._keys.find(token)
        if key is None and self._may_look():
            self._keys.refresh()
            key = self._keys.find(token)
        return key

    def _may_look(self) -> bool:
        now = self._tick()
        self._looks = min(MOST_LOOKS, self._looks + (now - self._counted_at) * LOOKS_PER_SECOND)
        self._counted_at = now
        if self._looks < 1.0:
            return False
        self._looks -= 1.0
        return True
