"""Prices of models as people and programs read them: US dollars per million tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from freehold.core.figures import UNKNOWN, exact, money

if TYPE_CHECKING:
    from freehold.catalog.price import Price
    from freehold.catalog.rates import Rates


def show_rates(price: Price | None) -> tuple[str, str, str]:
    """What is read, what is written, and where the price is from."""
    if price is None:
        return UNKNOWN, UNKNOWN, "-"
    more = " and up" if price.tiered else ""
    rates = price.rates
    return money(rates.input) + more, money(rates.output) + more, price.row


def price_as_json(price: Price | None) -> dict[str, object] | None:
    """The row and its rates by size of the input; None when no price is known."""
    if price is None:
        return None
    steps = [
        {
            "input_above": step.above if step.above >= 0 else None,
            **_stated(step.rates),
        }
        for step in price.steps
    ]
    return {"row": price.row, "dollars_per_million_tokens": steps}


def _stated(rates: Rates) -> dict[str, str | None]:
    return {name: exact(rate) for name, rate in msgspec.structs.asdict(rates).items() if rate is not None}
