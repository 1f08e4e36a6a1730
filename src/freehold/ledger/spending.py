"""Sums of what was spent. Exact; and a call whose cost is unknown is counted as such, never added as zero."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal

import msgspec
from sqlalchemy import Connection, select

from freehold.ledger.adding import SPLIT
from freehold.ledger.filters import Filter
from freehold.ledger.rows import dollars
from freehold.ledger.tables import calls

By = Literal["route", "provider", "model", "key", "day"]

SLICE = 200_000
"""Calls that are summed in one reading: nothing can be committed before a reading ends."""


class Spend(msgspec.Struct, frozen=True):
    """What one route, provider, model, key or day came to."""

    name: str | None
    """The route, provider, `provider/model`, key id or day (`2026-11-22`, UTC); None: calls without one."""
    calls: int
    unpriced: int
    """Calls of those whose cost is unknown. They are not part of `cost`."""
    cost: Decimal | None
    """US dollars of the priced calls, exact; None when there is not one."""
    uncounted: int
    """Calls whose tokens are unknown. They are not part of the two sums."""
    input_tokens: int
    output_tokens: int


def end_of_slice(connection: Connection, chosen: Filter) -> int | None:
    """The time before which a slice of the calls began; None when what is left is no more than a slice."""
    later = select(calls.c.started_us).where(calls.c.started_us >= (chosen.since_us or 0))
    if chosen.until_us is not None:
        later = later.where(calls.c.started_us < chosen.until_us)
    end: int | None = connection.execute(later.order_by(calls.c.started_us).offset(SLICE).limit(1)).scalar()
    return end if end is not None and end > (chosen.since_us or 0) else None


def put_together(by: By, sums: Iterable[tuple[tuple[str | None, ...], Sequence[int | None]]]) -> list[Spend]:
    """The dearest first; days in their order. `sums` are of `totals.SPENT`; those without a name come together."""
    whole: dict[str | None, list[int]] = {}
    for (name,), values in sums:
        total = whole.setdefault(name, [0] * len(values))
        whole[name] = [one + (other or 0) for one, other in zip(total, values, strict=True)]
    found = [
        Spend(
            name=name,
            calls=total,
            unpriced=total - priced,
            cost=dollars(high * SPLIT + low) if priced else None,
            uncounted=total - counted,
            input_tokens=read,
            output_tokens=wrote,
        )
        for name, (total, priced, high, low, counted, read, wrote) in whole.items()
    ]
    if by == "day":
        return sorted(found, key=lambda one: one.name or "")
    return sorted(found, key=lambda one: (-(one.cost or 0), -one.unpriced, -one.calls, one.name or ""))
