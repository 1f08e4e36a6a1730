"""Values as people write them: "30s", "32MiB", "unlimited", and what a setting makes of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_SECONDS = {"ms": "0.001", "s": "1", "m": "60", "h": "3600", "d": "86400"}
_DAYS = {"d": "1", "w": "7"}
_BYTES = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_CREDENTIAL = re.compile(
    r"(?i)\b(?:(?:sk|gsk|csk|xai|hf|nvapi)[-_]|bearer\s)[A-Za-z0-9_\-]{8,}|AIza[0-9A-Za-z_\-]{10,}"
)
_LONG_AND_MIXED = re.compile(r"(?=[A-Za-z_\-]*\d)(?=[\d_\-]*[A-Za-z])[A-Za-z0-9_\-]{24,}")


class UnfitError(ValueError):
    """The value will not do; the message says what would: `a whole number above zero`."""


def is_credential(text: str) -> bool:
    """Whether text has the form of some provider's key."""
    return _CREDENTIAL.search(text) is not None


def looks_secret(text: str) -> bool:
    """Whether text may be a key or token: broader, for deciding what not to show."""
    return is_credential(text) or _LONG_AND_MIXED.search(text) is not None


def shown(value: object) -> str:
    """A value as an error message may quote it: short, and never a secret."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() if looks_secret(value):
            return "a text that looks like a secret"
        case str():
            return f'"{value[:60]}…"' if len(value) > 60 else f'"{value}"'
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return str(value)


def read_seconds(value: object, least: float = 0) -> float:
    """A duration above zero, and of at least `least`, in seconds."""
    bound = f"of at least {least:g}s" if least else "above zero"
    examples = '"30s" or "5m"' if least else '"30s", "250ms" or "5m"'
    expected = f"a duration {bound}, such as {examples}"
    seconds = _measured(value, {unit: Decimal(size) for unit, size in _SECONDS.items()}, "s", expected)
    if not 0 < seconds <= 366 * 86_400 or float(seconds) < least:
        raise UnfitError(expected)
    return float(seconds)


def read_whole(units: str, least: int | None = None, most: int | None = None) -> Callable[[object], int]:
    """A reader of whole numbers; `units` is `bytes`, `days`, `milliseconds`, or empty for a plain count."""
    sizes, bare, example = {
        "bytes": ({unit: Decimal(size) for unit, size in _BYTES.items()}, "b", ', such as "32MiB" or "2GB"'),
        "days": ({unit: Decimal(size) for unit, size in _DAYS.items()}, "d", ', such as "30d"'),
        "milliseconds": (
            {unit: Decimal(size) * 1000 for unit, size in _SECONDS.items()},
            "ms",
            ', such as "250ms"',
        ),
        "": ({"": Decimal(1)}, "", ""),
    }[units]
    least = 1 if least is None else least
    largest = 2**63 - 1 if most is None else most
    what = {"bytes": "a size", "days": "a number of days", "milliseconds": "a duration"}.get(
        units, "a whole number"
    )
    unit = f" {units}" if units else ""
    if most is not None:
        bounds = f" from {least} to {most}{unit}"
    else:
        bounds = " above zero" if least == 1 else f" of at least {least}{unit}"
    expected = f"{what}{bounds}{example}"

    def read(value: object) -> int:
        if not units and not isinstance(value, int):
            raise UnfitError(expected)
        amount = _measured(value, sizes, bare, expected)
        if not least <= amount <= largest or amount != amount.to_integral_value():
            raise UnfitError(expected)
        return int(amount)

    return read


def read_dollars(value: object) -> Decimal:
    """An amount of money: exact, zero or more."""
    expected = 'an amount of zero or more US dollars, such as "2.50"'
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise UnfitError(expected)
    try:
        dollars = Decimal(value)
    except InvalidOperation:
        raise UnfitError(expected) from None
    if not dollars.is_finite() or dollars < 0 or dollars > 10**9:
        raise UnfitError(expected)
    return dollars


def read_share(value: object) -> float:
    """A share: from 0 to 1."""
    expected = "a share from 0 to 1"
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise UnfitError(expected)
    if not Decimal(value).is_finite() or not 0 <= value <= 1:
        raise UnfitError(expected)
    return float(value)


def read_number(least: float, most: float) -> Callable[[object], float]:
    """A reader of numbers, whole or not."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not least <= value <= most:
            raise UnfitError(f"a number from {least:g} to {most:g}")
        return float(value)

    return read


def read_date(value: object) -> date:
    """A day."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    elif isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise UnfitError("a day, such as 2026-01-31")


def read_flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise UnfitError("true or false")
    return value


def read_text(value: object, *, empty: bool = False) -> str:
    """One line of text; `empty` allows none."""
    if not isinstance(value, str) or not value.isprintable() or not (empty or value.strip()):
        raise UnfitError("a text on one line")
    return value


def _measured(value: object, sizes: dict[str, Decimal], bare: str, expected: str) -> Decimal:
    """A number or a text of number and unit, in the unit `bare`."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise UnfitError(expected)
    if isinstance(value, str):
        found = _AMOUNT.fullmatch(value.strip())
        unit = found[2].lower() if found else ""
        if not found or unit not in sizes:
            raise UnfitError(expected)
        return Decimal(found[1]) * sizes[unit]
    amount = Decimal(value)
    if not amount.is_finite():
        raise UnfitError(expected)
    return amount * sizes[bare]
