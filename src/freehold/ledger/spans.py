"""Which part of a question the roll-ups answer, and which the calls themselves.

Whole days are read from the sums by day, whole hours beside them from those by hour. A time that begins or ends
within an hour, as midnight does where clocks are half an hour off, has edges that are read from the calls. Where
retention has taken those, an hour belongs to the time in which it begins.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from freehold.ledger.adding import HOUR_US
from freehold.ledger.filters import Filter
from freehold.ledger.tables import reach

Unit = Literal["hours", "days"]


class Span(NamedTuple):
    """Whole hours or days: those from `first` on, before `last`; None: without end."""

    unit: Unit
    first: int | None
    last: int | None


class Plan(NamedTuple):
    """Where the answer is."""

    spans: list[Span]
    edges: list[Filter]
    """Calls that are to be looked at one by one."""


def plan_of(connection: Connection, chosen: Filter, *, by_hour: bool = False) -> Plan:
    """How to answer about these calls. `by_hour`: each hour for itself."""
    there = connection.execute(select(reach)).one()
    if there.summed < there.former or chosen.asks_calls:
        return Plan(
            [], [chosen]
        )  # calls of before are still being added, or only the calls themselves can tell
    since, until = chosen.since_us, chosen.until_us
    first = None if since is None else -(-since // HOUR_US)
    last = None if until is None else until // HOUR_US
    edges: list[tuple[int, int]] = []
    if since is not None and until is not None and since >= until:
        return Plan([], [])
    if first is not None and last is not None and first > last:
        assert since is not None and until is not None
        edges.append((since, until))
        first = last = None
        hours: list[Span] = []
    else:
        if since is not None and first is not None and since < first * HOUR_US:
            edges.append((since, first * HOUR_US))
        if until is not None and last is not None and last * HOUR_US < until:
            if last * HOUR_US < there.calls_from_us:
                last += 1
            else:
                edges.append((last * HOUR_US, until))
        hours = [Span("hours", first, last)] if by_hour else list(_spans(first, last))
    kept = [(begin, end) for begin, end in edges if begin >= there.calls_from_us]
    return Plan(hours, [msgspec.structs.replace(chosen, since_us=begin, until_us=end) for begin, end in kept])


def _spans(first: int | None, last: int | None) -> list[Span]:
    """Hours as whole days, and what is left of them on either side."""
    day = None if first is None else -(-first // 24)
    end = None if last is None else last // 24
    if day is not None and end is not None and day >= end:
        return [Span("hours", first, last)]
    found = [Span("days", day, end)]
    if day is not None and first != day * 24:
        found.append(Span("hours", first, day * 24))
    if end is not None and last != end * 24:
        found.append(Span("hours", end * 24, last))
    return found
