"""Energy and money."""

from __future__ import annotations

import msgspec

from freehold.train.planning.chip import Chip
from freehold.train.planning.constants import DRAW, HOST


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What so many hours of a chip take. Unknown is None."""

    chips_mwh: float | None
    """What the chips draw."""
    site_mwh: float | None
    """With their machines and the data centre around them."""
    price: float | None
    """Dollars an hour of one device."""
    priced: str | None
    """Where the price is from, and when."""
    dollars: float | None


def bill_of(chip: Chip, hours: float, *, price: float | None, pue: float) -> Bill:
    """For `hours` of one device in all."""
    chips = None if chip.power is None else chip.power * DRAW * hours / 1e6
    site = None if chip.power is None else chip.power * (DRAW + HOST) * hours / 1e6 * pue
    rate, priced = (chip.price, chip.priced) if price is None else (price, "as told")
    return Bill(
        chips_mwh=chips,
        site_mwh=site,
        price=rate,
        priced=priced,
        dollars=None if rate is None else rate * hours,
    )
