"""Prices of models as people and programs read them: US dollars per million tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.core.figures import UNKNOWN, money

if TYPE_CHECKING:
    from freehold.catalog.price import Price


def show_rates(price: Price | None) -> tuple[str, str, str]:
    """What is read, what is written, and where the price is from."""
    if price is None:
        return UNKNOWN, UNKNOWN, "-"
    more = " and up" if price.tiered else ""
    rates = price.rates
    return money(rates.input) + more, money(rates.output) + more, price.row
