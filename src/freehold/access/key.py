"""A key, as everything but its holder sees it."""

from __future__ import annotations

import msgspec


class Key(msgspec.Struct, frozen=True, gc=False):
    """What is known about a key. The secret itself is known only to its holder."""

    id: str
    """`key_…`"""
    name: str
    prefix: str
    """The first characters of the secret, `fh-ab12`, to recognise it by."""
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None
    routes: frozenset[str] | None = None
    """Names it may call; None: every one."""
    strict: bool = False
    """Its holder would rather have an error than a loss in translation."""
    team: str | None = None
    """Whose limits it shares; None: nobody's."""
    user: str | None = None
    """Who it counts for, however many keys they have; None: nobody."""

    def may_call(self, name: str) -> bool:
        """Whether the key is good for the route or model `name`."""
        return self.routes is None or name in self.routes
