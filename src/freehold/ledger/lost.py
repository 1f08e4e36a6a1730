"""What translations could not carry over, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, func, select

from freehold.ledger import tables
from freehold.ledger.filters import Filter, Words, where
from freehold.ledger.rows import decode_losses
from freehold.ledger.spans import Span
from freehold.ledger.tables import calls, kinds
from freehold.ledger.totals import within

TABLES = {"hours": tables.hour_losses, "days": tables.day_losses}


class LossCount(msgspec.Struct, frozen=True):
    """How often one thing was lost in translation."""

    loss: str
    calls: int
    routes: tuple[str, ...]
    """Of those calls, sorted."""


Lost = Counter[tuple[str, str]]
"""Loss and route -> calls."""


def from_rollups(
    connection: Connection, spans: Sequence[Span], chosen: Filter, words: Words, into: Lost
) -> None:
    """Add what the roll-ups say about whole hours and days."""
    for span in spans:
        table = TABLES[span.unit]
        query = select(table.c.loss, kinds.c.route, func.sum(table.c.calls))
        query = query.select_from(table.join(kinds, kinds.c.id == table.c.kind)).where(*within(table, span))
        query = query.where(*where(connection, chosen, kinds)).group_by(table.c.loss, kinds.c.route)
        for loss, route, number in connection.execute(query):
            into[words(loss) or "", words(route) or "-"] += int(number)


def from_calls(connection: Connection, chosen: Filter, words: Words, into: Lost) -> None:
    """Add what the calls say."""
    query = (
        select(calls.c.losses, calls.c.route, func.count())
        .where(calls.c.losses.is_not(None), *where(connection, chosen))
        .group_by(calls.c.losses, calls.c.route)
    )
    for names, route, number in connection.execute(query):
        for loss in set(decode_losses(names)):
            into[loss, words(route) or "-"] += int(number)


def put_together(lost: Lost) -> list[LossCount]:
    """The most frequent first."""
    counted: Counter[str] = Counter()
    routes: dict[str, set[str]] = {}
    for (loss, route), number in lost.items():
        counted[loss] += number
        routes.setdefault(loss, set()).add(route)
    return [
        LossCount(loss, number, tuple(sorted(routes[loss])))
        for loss, number in sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    ]
