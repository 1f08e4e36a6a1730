"""How much may run in the background, and how long it is remembered."""

from __future__ import annotations

from typing import Annotated

import msgspec


class BackgroundSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[background]` table of `freehold.toml`."""

    max_responses: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 1000
    """Most responses that run in the background at once; one more is answered 503. A key that has some gets another
    only while as many are free. 0: none at all."""
    max_bytes: Annotated[int, msgspec.Meta(ge=100_000)] = 256 * 1024 * 1024
    """Most bytes of events and answers held for them. Over it, the oldest events go first and nothing new begins."""
    max_seconds: float = 3600.0
    """Seconds that one may run; then it has failed."""
    keep_seconds: float = 600.0
    """Seconds that one is held in memory after its end. What the ledger keeps lasts as long as its body does."""
