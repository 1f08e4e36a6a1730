"""The prices that the ledger goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freehold.catalog.prices import PriceList
    from freehold.core.money import Cost
    from freehold.core.usage import Usage


class Prices:
    """The prices in force; the configuration may change them while the ledger's writer keeps asking."""

    def __init__(self, prices: PriceList) -> None:
        self.current = prices

    def cost_of(self, provider: str, model: str, usage: Usage, at_us: int) -> Cost:
        """As PriceList does."""
        return self.current.cost_of(provider, model, usage, at_us)
