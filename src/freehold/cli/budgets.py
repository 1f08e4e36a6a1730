"""Amounts of money as they are written on the command line."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from freehold.core.errors import BadRequest


def budget_in(text: str | None) -> Decimal | None:
    """US dollars, `5` or `$0.50`; None for None. Raises BadRequest."""
    if text is None:
        return None
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and 0 <= amount <= 1_000_000):
        raise BadRequest(
            f"`--budget` is an amount of US dollars, not `{text}`.", hint="Such as `--budget 5.00`."
        )
    return amount
