"""Sums of what was spent. Exact; and a call whose cost is unknown is counted as such, never added as zero."""

from __future__ import annotations

from collections.abc import Iterable
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

SLICE = 200_000
"""Calls that are summed in one reading: nothing can be committed before a reading ends."""
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


class Part(msgspec.Struct):
    """What one name came to in a slice of the ledger."""

    calls: int = 0
    priced: int = 0
    pico: int = 0
    counted: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


def end_of_slice(connection: Connection, chosen: Filter) -> int | None:
    """The time before which a slice of the calls began; None when what is left is no more than a slice."""
    later = select(calls.c.started_us).where(calls.c.started_us >= (chosen.since_us or 0))
    if chosen.until_us is not None:
        later = later.where(calls.c.started_us < chosen.until_us)
    end: int | None = connection.execute(later.order_by(calls.c.started_us).offset(SLICE).limit(1)).scalar()
    return end if end is not None and end > (chosen.since_us or 0) else None


def sum_up(connection: Connection, by: By, chosen: Filter) -> list[tuple[str | None, Part]]:
    """The sums of a slice."""
    groups: tuple[ColumnElement[Any], ...] = {
        "route": (calls.c.route,),
        "provider": (calls.c.provider,),
        "model": (calls.c.provider, calls.c.model),
        "key": (calls.c.key,),
        "day": (calls.c.started_us // DAY_US,),
    }[by]
    sums = (
        func.count(),
        func.count(calls.c.cost_pico),
        func.coalesce(func.sum(calls.c.cost_pico // _SPLIT), 0),
        func.coalesce(func.sum(calls.c.cost_pico % _SPLIT), 0),
        func.count(calls.c.input_tokens),
        func.coalesce(func.sum(calls.c.input_tokens), 0),
        func.coalesce(func.sum(calls.c.output_tokens), 0),
    )
    query = select(*groups, *sums).where(*where(connection, chosen)).group_by(*groups)
    words, found = Words(connection), []
    for row in connection.execute(query):
        total, priced, billions, rest, counted, read, wrote = map(int, row[len(groups) :])
        name = _day(row[0]) if by == "day" else _name(tuple(row[: len(groups)]), words)
        found.append((name, Part(total, priced, billions * _SPLIT + rest, counted, read, wrote)))
    return found


def put_together(by: By, parts: Iterable[tuple[str | None, Part]]) -> list[Spend]:
    """The sums of all slices, the dearest first; days in their order."""
    whole: dict[str | None, Part] = {}
    for name, part in parts:
        total = whole.setdefault(name, Part())
        for field in Part.__struct_fields__:
            setattr(total, field, getattr(total, field) + getattr(part, field))
    found = [
        Spend(
            name=name,
            calls=total.calls,
            unpriced=total.calls - total.priced,
            cost=dollars(total.pico) if total.priced else None,
            uncounted=total.calls - total.counted,
            input_tokens=total.input_tokens,
            output_tokens=total.output_tokens,
        )
        for name, total in whole.items()
    ]
    if by == "day":
        return sorted(found, key=lambda one: one.name or "")
    return sorted(found, key=lambda one: (-(one.cost or 0), -one.unpriced, -one.calls, one.name or ""))


def _name(numbers: tuple[Any, ...], words: Words) -> str | None:
    if None in numbers:
        return None
    return "/".join(words(number) or "" for number in numbers)


def _day(number: int) -> str:
    return as_datetime(number * DAY_US).date().isoformat()
