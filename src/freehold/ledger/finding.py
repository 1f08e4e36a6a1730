"""Finds the newest calls of a filter by looking into the roll-ups first: they say in which hours there are any.

Without that, a list of rare calls (of a key that is hardly used, of an error) reads through all others.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from freehold.ledger.adding import HOUR_US
from freehold.ledger.filters import Filter, where
from freehold.ledger.tables import calls, days, hours, kinds, reach

_AT_ONCE = 100
"""Days that are looked up at once."""


def is_worth_it(connection: Connection, chosen: Filter) -> bool:
    """Whether the filter asks for more than a time, and the roll-ups know all calls."""
    words = (
        chosen.route, chosen.provider, chosen.model, chosen.key_id, chosen.outcome, chosen.operation, chosen.error
    )  # fmt: skip
    if all(word is None for word in words) or chosen.asks_calls:
        return False
    there = connection.execute(select(reach.c.former, reach.c.summed)).one()
    return bool(there.summed >= there.former)


def hours_of(connection: Connection, chosen: Filter, before_us: int | None) -> Iterator[tuple[int, int]]:
    """Times that hold calls of the filter, the newest first, none before the oldest call there is.

    `before_us`: nothing is wanted that began later than this.
    """
    oldest = connection.execute(select(func.min(calls.c.started_us))).scalar()
    if oldest is None:
        return
    since_us = max(oldest, chosen.since_us or oldest)
    ends = [one for one in (chosen.until_us, None if before_us is None else before_us + 1) if one is not None]
    wanted = list(connection.execute(select(kinds.c.id).where(*where(connection, chosen, kinds))).scalars())
    last_hour = None if not ends else (min(ends) - 1) // HOUR_US
    day = None if last_hour is None else last_hour // 24
    while wanted:
        found = select(days.c.start).where(days.c.kind.in_(wanted), days.c.start >= since_us // HOUR_US // 24)
        if day is not None:
            found = found.where(days.c.start <= day)
        some = list(
            connection.execute(found.distinct().order_by(days.c.start.desc()).limit(_AT_ONCE)).scalars()
        )
        for one in some:
            of_day = select(hours.c.start).where(
                hours.c.kind.in_(wanted), hours.c.start >= one * 24, hours.c.start < one * 24 + 24
            )
            for hour in connection.execute(of_day.distinct().order_by(hours.c.start.desc())).scalars():
                if hour >= since_us // HOUR_US and (last_hour is None or hour <= last_hour):
                    yield hour * HOUR_US, (hour + 1) * HOUR_US
        if len(some) < _AT_ONCE:
            return
        day = some[-1] - 1
