"""Adds calls to the roll-ups that were there before them: a slice at a time, while the endpoint answers.

How far it came is written in the same transaction, so it can end at any moment and goes on from there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select, update

from freehold.ledger.rows import CALL_COLUMNS
from freehold.ledger.tables import calls, reach

SLICE = 1000
"""Calls that are added in one transaction: some ten milliseconds."""


def next_slice(connection: Connection, most: int = SLICE) -> tuple[list[Row[Any]], int, int] | None:
    """Rows of CALL_COLUMNS that are to be added, where to begin and where that leads to; None: all are in.

    `seq` is behind the other columns of each row.
    """
    former, summed = connection.execute(select(reach.c.former, reach.c.summed)).one()
    if summed >= former:
        return None
    columns = [calls.c[name] for name in (*CALL_COLUMNS, "seq")]
    later = select(*columns).where(calls.c.seq > summed, calls.c.seq <= former)
    rows = list(connection.execute(later.order_by(calls.c.seq).limit(most)))
    return rows, summed, int(rows[-1].seq) if len(rows) == most else former


def go_on(connection: Connection, summed: int, then: int) -> bool:
    """Write down that the roll-ups reach from `summed` to `then`; False: somebody else went on from there."""
    change = update(reach).where(reach.c.summed == summed).values(summed=then)
    return connection.execute(change).rowcount == 1
