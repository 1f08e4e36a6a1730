"""What is left of a provider's quota, as the provider told it."""

from __future__ import annotations

import msgspec


class Allowance(msgspec.Struct, frozen=True, gc=False):
    """What an answer said about the quota it was counted against. None: not said. Resets are seconds from then."""

    requests_limit: int | None = None
    requests_left: int | None = None
    requests_reset: float | None = None
    tokens_limit: int | None = None
    tokens_left: int | None = None
    tokens_reset: float | None = None
