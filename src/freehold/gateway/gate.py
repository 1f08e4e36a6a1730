"""Who is let in: the key that a request shows."""

from __future__ import annotations

from typing import Protocol

from freehold.access.key import Key
from freehold.core.errors import Overloaded, Unauthorized
from freehold.gateway.metrics import Metrics

_UNKNOWN_KEY = "The key is unknown, revoked or expired."


class KeyFinder(Protocol):
    """Where keys are looked up."""

    async def find(self, token: bytes) -> Key | None:
        """The key behind `token`, if it is good now. Raises Overloaded: nobody can tell."""


class Gate:
    """Lets in whoever shows a good key, and counts the others."""

    def __init__(self, keys: KeyFinder, metrics: Metrics) -> None:
        self._keys = keys
        self._metrics = metrics

    async def let_in(self, token: bytes | None) -> Key:
        """The key behind the token. Raises Unauthorized, Overloaded (the keys cannot be read, and it may be new)."""
        if token is None:
            raise Unauthorized(
                "No key was given.",
                hint="Send `authorization: Bearer fh-…`; `freehold keys create` makes one.",
            )
        key = await self._keys.find(token)
        if key is None:
            self._metrics.strangers += 1
            raise Unauthorized(_UNKNOWN_KEY, hint="`freehold keys list` shows the keys there are.")
        return key

    async def knows(self, token: bytes | None) -> bool:
        """Whether the token is that of a good key."""
        try:
            return token is not None and await self._keys.find(token) is not None
        except Overloaded:
            return False
