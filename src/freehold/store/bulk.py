"""Inserting many rows at once, cheaply."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from sqlalchemy import Connection, Table

_SIZES = (64, 16, 4, 1)
"""Rows of one statement. Few sizes, so that the driver's cache of prepared statements holds them all."""


class Insert:
    """Inserts rows into a table, up to 64 with one statement.

    One statement of many rows runs inside SQLite without Python's lock and without a round through the driver
    for each row: a fifth cheaper than `executemany`, and it leaves the lock to the thread that answers.
    """

    def __init__(self, table: Table, columns: Sequence[str], tail: str = "") -> None:
        """`columns` in the order of the rows' values; `tail` is SQL behind the values."""
        names = ", ".join(f'"{table.c[name].name}"' for name in columns)
        row = f"({', '.join('?' * len(columns))})"
        head = f'INSERT INTO "{table.name}" ({names}) VALUES '  # noqa: S608 - made of our own tables' names
        self._texts = {size: f"{head}{', '.join([row] * size)} {tail}" for size in _SIZES}

    def run(self, connection: Connection, rows: Sequence[Sequence[object]]) -> None:
        """Insert all rows, in their order."""
        at, left = 0, len(rows)
        for size in _SIZES:
            text = self._texts[size]
            while left >= size:
                values = tuple(chain.from_iterable(rows[at : at + size]))
                connection.exec_driver_sql(text, values)
                at, left = at + size, left - size
