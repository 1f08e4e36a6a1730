"""Sums of what was spent. Exact; and a call whose cost is unknown is counted as such, never added as zero."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select

from freehold.core.clock import as_datetime
from freehold.ledger.batch import DAY_US
from freehold.ledger.filters import Filter, Words, where
from freehold.ledger.rows import dollars
from freehold.ledger.tables import calls

By = Literal["route", "provider", "model", "key", "day"]

_SPLIT = 10**9
"""Costs are summed in two parts, so that no number of calls can overflow the 64 bits of a sum."""


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


def spend(connection: Connection, by: By, chosen: Filter) -> list[Spend]:
    """The sums, the dearest first; days in their order."""
    groups: tuple[ColumnElement[Any], ...] = {
        "route": (calls.c.route,),
        "provider": (calls.c.provider,),
        "model": (calls.c.provider, calls.c.model),
        "key": (calls.c.key,),
        "day": (calls.c.started_us // DAY_US,),
    }[by]
    count = func.count()
    sums = (
        count.label("calls"),
        (count - func.count(calls.c.cost_pico)).label("unpriced"),
        func.sum(calls.c.cost_pico // _SPLIT).label("billions"),
        func.sum(calls.c.cost_pico % _SPLIT).label("rest"),
        (count - func.count(calls.c.input_tokens)).label("uncounted"),
        func.coalesce(func.sum(calls.c.input_tokens), 0).label("input_tokens"),
        func.coalesce(func.sum(calls.c.output_tokens), 0).label("output_tokens"),
    )
    query = select(*groups, *sums).where(*where(connection, chosen)).group_by(*groups)
    words = Words(connection)
    found = [_spend(by, row, len(groups), words) for row in connection.execute(query)]
    if by == "day":
        return sorted(found, key=lambda one: one.name or "")
    return sorted(found, key=lambda one: (-(one.cost or 0), -one.unpriced, -one.calls, one.name or ""))


def _spend(by: By, row: Any, groups: int, words: Words) -> Spend:
    pico = None if row.billions is None else int(row.billions) * _SPLIT + int(row.rest)
    return Spend(
        name=_day(row[0]) if by == "day" else _name(row[:groups], words),
        calls=row.calls,
        unpriced=row.unpriced,
        cost=None if pico is None else dollars(pico),
        uncounted=row.uncounted,
        input_tokens=int(row.input_tokens),
        output_tokens=int(row.output_tokens),
    )


def _name(numbers: tuple[Any, ...], words: Words) -> str | None:
    if None in numbers:
        return None
    return "/".join(words(number) or "" for number in numbers)


def _day(number: int) -> str:
    return as_datetime(number * DAY_US).date().isoformat()
