"""The roll-ups as the writer keeps them: sums by hour and by day, in the very transaction that writes the calls.

So sums and calls never disagree. Whoever adds holds the file's write lock, or the server's lock on the order of
calls: nobody else adds at the same moment, and nobody waits for a row that somebody else has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, bindparam, select

from freehold.ledger import tables
from freehold.ledger.adding import Added, Level, add_up
from freehold.ledger.histogram import merge, pack, unpack
from freehold.ledger.kinds import Kind, Kinds
from freehold.store.bulk import Upsert

_PACE_COLUMNS = ("durations", "first_tokens")

_Rows = list[tuple[Any, ...]]
_SLOT = itemgetter(slice(2))


def _adding(table: Table) -> Upsert:
    added = {name: "{old} + {new}" for name in tables.SUMS if name in table.c}
    rare = {name: "coalesce({old} + {new}, {old}, {new})" for name in tables.RARE_SUMS if name in table.c}
    return Upsert(table, added | rare)


_sums = tuple(map(_adding, (tables.hours, tables.days)))
_losses = tuple(map(_adding, (tables.hour_losses, tables.day_losses)))
_paces = tuple(
    Upsert(table, dict.fromkeys(_PACE_COLUMNS, "{new}")) for table in (tables.hour_paces, tables.day_paces)
)


# Made once: that takes longer than asking.
_there = {
    paces.table.name: select(paces.table).where(
        paces.table.c.start.in_(bindparam("starts", expanding=True)),
        paces.table.c.kind.in_(bindparam("kinds", expanding=True)),
    )
    for paces in _paces
}


class Rollups:
    """Adds calls to the roll-ups of one database."""

    def __init__(self) -> None:
        self.kinds = Kinds()

    def prepare(
        self, connection: Connection, rows: Sequence[Sequence[Any]], names: Mapping[str | None, int | None]
    ) -> Added:
        """The sums of rows of CALL_COLUMNS. Raises TypeError for values that no column may hold."""
        added = add_up(rows, names["answered"], names)
        self.kinds.learn(connection, {kind for level in added for kind in level.kinds()})
        return added

    def write(self, connection: Connection, added: Added) -> None:
        """Add sums that were prepared in this transaction."""
        number = self.kinds.__getitem__
        for level, sums, paces, losses in zip(added, _sums, _paces, _losses, strict=True):
            sums.run(
                connection, _rows((start, number(kind), *rest) for (start, kind), rest in level.sums.items())
            )
            if level.paces:
                paces.run(connection, _rows(_merged(connection, paces.table, level, number)))
            if level.losses:
                counted = level.losses.items()
                losses.run(
                    connection, _rows((at, number(kind), *rest, n) for (at, kind, *rest), n in counted)
                )


def _merged(connection: Connection, table: Table, level: Level, number: Callable[[Kind], int]) -> _Rows:
    """The rows of paces with what is there already."""
    paces = {(start, number(kind)): pace for (start, kind), pace in level.paces.items()}
    starts, kinds = {start for start, _ in paces}, {kind for _, kind in paces}
    for row in connection.execute(_there[table.name], {"starts": list(starts), "kinds": list(kinds)}):
        if (pace := paces.get((row.start, row.kind))) is not None:
            merge(pace.durations, unpack(row.durations))
            merge(pace.first_tokens, unpack(row.first_tokens))
    return [(*slot, pack(one.durations), pack(one.first_tokens)) for slot, one in paces.items()]


def _rows(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=_SLOT)
