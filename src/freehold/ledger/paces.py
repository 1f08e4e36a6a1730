"""How long answered calls took, and how long their first tokens: percentiles that are off by less than 5 %."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, select

from freehold.ledger import tables
from freehold.ledger.filters import Filter, where
from freehold.ledger.histogram import Histogram, narrow, pack, percentile, widen
from freehold.ledger.histogram import count as count_times
from freehold.ledger.spans import Span
from freehold.ledger.tables import calls, kinds
from freehold.ledger.totals import By, Key, columns_by, within

Share = Literal[50, 90, 95, 99]
_SHARES: tuple[Share, ...] = (50, 90, 95, 99)
TABLES = {"hours": tables.hour_paces, "days": tables.day_paces}
Found = dict[Key, list[int]]
"""Key -> how long the answers and how long the first tokens took, each as `histogram.widen` gives it."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast some calls were answered."""

    names: tuple[str | None, ...]
    """As those of a sum."""
    calls: int
    """Answered ones."""
    duration_ms: dict[Share, float]
    """Percentile -> milliseconds. Off by at most 4.9 %, between a millisecond and an hour."""
    streams: int
    """Calls of which the time of the first token is known."""
    first_token_ms: dict[Share, float]


def is_kept(by: Sequence[By], chosen: Filter) -> bool:
    """Whether the roll-ups tell: they know no keys here, and what was answered has no error."""
    return chosen.key_id is None and "key" not in by


def from_rollups(
    connection: Connection, spans: Sequence[Span], by: Sequence[By], chosen: Filter, into: Found
) -> None:
    """Add what the roll-ups say about whole hours and days."""
    for span in spans:
        table = TABLES[span.unit]
        groups = columns_by(by, table, span.unit)
        query = select(*groups, table.c.durations, table.c.first_tokens)
        query = query.select_from(table.join(kinds, kinds.c.id == table.c.kind)).where(*within(table, span))
        for *key, durations, first in connection.execute(query.where(*where(connection, chosen, kinds))):
            there = into.setdefault(tuple(key), [0, 0])
            there[0] += widen(durations)
            there[1] += widen(first)


def from_calls(connection: Connection, by: Sequence[By], chosen: Filter, into: Found) -> None:
    """Add what the calls say; the filter has to ask for those that were answered."""
    groups = columns_by(by, calls, None)
    query = select(*groups, calls.c.duration_us, calls.c.first_token_us).where(*where(connection, chosen))
    times: defaultdict[Key, tuple[list[int | None], list[int | None]]] = defaultdict(lambda: ([], []))
    for *key, duration, first in connection.execute(query):
        durations, firsts = times[tuple(key)]
        durations.append(duration)
        firsts.append(first)
    for name, (durations, firsts) in times.items():
        there = into.setdefault(name, [0, 0])
        there[0] += widen(pack(count_times(durations)))
        there[1] += widen(pack(count_times(firsts)))


def pace_of(names: tuple[str | None, ...], found: Sequence[int]) -> Pace:
    """With percentiles instead of counts."""
    durations, first = map(narrow, found)
    return Pace(
        names=names,
        calls=sum(durations.values()),
        duration_ms=_percentiles(durations),
        streams=sum(first.values()),
        first_token_ms=_percentiles(first),
    )


def _percentiles(histogram: Histogram) -> dict[Share, float]:
    found: Iterable[Any] = ((share, percentile(histogram, share / 100)) for share in _SHARES)
    return {share: time / 1000 for share, time in found if time is not None}
