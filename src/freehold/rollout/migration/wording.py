"""Figures of a migration as its pages word them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from freehold.core.figures import UNKNOWN, counted
from freehold.rollout.migration.report import VerdictPart

_NAMED = 4
"""Keys or losses that a cell names."""


def dollars(amount: Decimal | None) -> str:
    """To the cent, and small ones to three digits."""
    if amount is None:
        return UNKNOWN
    if amount and abs(amount) < 1:
        exponent = max(2, 2 - amount.adjusted())
        return f"${amount.quantize(Decimal(1).scaleb(-exponent), ROUND_HALF_UP):f}"
    return f"${amount.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def says(verdict: VerdictPart) -> str:
    """What a verdict says of the target."""
    return "is undecided" if verdict.decision == "undecided" else verdict.decision


def days_old(days: int) -> str:
    """How old it is."""
    return "less than a day" if days < 1 else counted(days, "day")


def length(days: float) -> str:
    """How long it is."""
    return f"{days:.1f} days" if days >= 1 else f"{24 * days:.1f} hours"


def some(names: Sequence[str], between: str = ", ") -> str:
    """The first few of these names."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return between.join(names[:_NAMED]) + more
