"""Money is Decimal US dollars. Unknown is None and is never added as zero."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Cost(msgspec.Struct, frozen=True, gc=False):
    """What a call cost and by which price row. `amount` is None when no price is known."""

    amount: Decimal | None
    """US dollars, exact."""
    row: str | None
    """Where the price is from, for people: `genai-prices openai/gpt-4o 2024-08-06`, `freehold.toml`, `own machine`."""


UNKNOWN_COST = Cost(None, None)
