"""Large numbers as people write and read them: `500B`, `10T`, `16K`."""

from __future__ import annotations

import re
from decimal import Decimal

from freehold.core.errors import BadRequest

_UNITS = {"": 0, "K": 3, "M": 6, "B": 9, "G": 9, "T": 12, "P": 15}
_WRITTEN = re.compile(r"(\d{1,25}(?:\.\d{1,15})?)(?:e(\d{1,2}))?\s*([KMBGTP]?)", re.IGNORECASE)
_MOST = 10**24


def read_quantity(text: str, what: str) -> int:
    """The number: `500B` is 500,000,000,000. `what` is named where it is none."""
    found = _WRITTEN.fullmatch(text.strip().replace(",", "").replace("_", ""))
    number = 0
    if found is not None:
        power = int(found[2] or 0) + _UNITS[found[3].upper()]
        number = int(Decimal(found[1]) * 10**power)
    if not 0 < number <= _MOST:
        raise BadRequest(
            f"`{text[:50]}` is no number of {what}.", hint="Write it as `500B`, `10T`, `7e9` or `4096`."
        )
    return number


def show_quantity(number: float) -> str:
    """Three digits and a unit: `405B`, `15.6T`, `1.30M`."""
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if abs(number) >= size * 0.9995:
            return f"{_digits(number / size)}{unit}"
    return _digits(number)


def _digits(value: float) -> str:
    if value == int(value) and value < 1000:
        return f"{value:.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
