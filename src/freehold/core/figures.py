"""Figures as people read them. Unknown is a word, never a number."""

from __future__ import annotations

from decimal import Decimal

from freehold.core.clock import as_datetime

UNKNOWN = "unknown"


def money(amount: Decimal | None) -> str:
    """US dollars to the last digit: `$0.00001234`, `$12.50`, or `unknown`."""
    if amount is None:
        return UNKNOWN
    sign = "-" if amount < 0 else ""
    whole, _, cents = f"{abs(amount):f}".partition(".")
    return f"{sign}${int(whole):,}.{cents.rstrip('0').ljust(2, '0')}"


def exact(amount: Decimal | None) -> str | None:
    """An amount for programs: every digit, no exponent; None when unknown."""
    return None if amount is None else f"{amount:f}"


def count(number: int | None) -> str:
    """A whole number with separators, or a dash when nobody gave it."""
    return "-" if number is None else f"{number:,}"


def counted(number: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def milliseconds(value: float | None) -> str:
    """A duration: `0.4 ms`, `12 ms`, `3.42 s`, or a dash."""
    if value is None:
        return "-"
    if value < 10:
        return f"{value:.1f} ms"
    if value < 1000:
        return f"{value:.0f} ms"
    return f"{value / 1000:,.2f} s"


def size(number: int | None) -> str:
    """Bytes in the unit that reads best: `812 B`, `3.4 kB`, `1.2 MB`."""
    if number is None:
        return "-"
    if number < 1000:
        return f"{number} B"
    value = float(number)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def show_moment(us: int | None, *, utc: bool) -> str:
    """A moment for people: local time to the second, or UTC with a `Z`."""
    if us is None:
        return "-"
    moment = as_datetime(us)
    if utc:
        return moment.strftime("%Y-%m-%d %H:%M:%SZ")
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
