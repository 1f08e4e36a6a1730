"""Inserting many rows at once, cheaply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Float,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
)
from sqlalchemy.exc import DBAPIError

_SIZES = (64, 16, 4, 1)
"""Rows of one statement. Few sizes, so that the driver's cache of prepared statements holds them all."""
_TYPES = {
    SmallInteger: "int2",
    BigInteger: "int8",
    Integer: "int4",
    Boolean: "bool",
    LargeBinary: "bytea",
    Float: "float8",
    String: "text",
}
"""Of columns, as PostgreSQL names them; more special ones first."""


class Insert:
    """Inserts rows into a table of a file, up to 64 with one statement.

    One statement of many rows runs inside SQLite without Python's lock and without a round through the driver
    for each row: a fifth cheaper than `executemany`, and it leaves the lock to the thread that answers.
    """

    def __init__(self, table: Table, columns: Sequence[str], tail: str = "") -> None:
        """`columns` in the order of the rows' values; `tail` is SQL behind the values."""
        row = f"({', '.join('?' * len(columns))})"
        head = f'INSERT INTO "{table.name}" ({_listed(table, columns)}) VALUES '  # noqa: S608 - made of our own tables' names
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


class Copy:
    """Copies rows into a table of a server: half the processor time of an insert, on either side.

    One row that the server refuses is the end of all of them.
    """

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        """`columns` in the order of the rows' values."""
        self._text = f'COPY "{table.name}" ({_listed(table, columns)}) FROM STDIN (FORMAT BINARY)'
        self._types = [_type_of(table, name) for name in columns]

    def run(self, connection: Connection, rows: Sequence[Sequence[object]]) -> None:
        """Copy all rows, in their order. Raises DBAPIError, or what the driver makes of a value that fits no column."""
        driver: Any = connection.connection.driver_connection
        with (
            driver_errors(connection, self._text),
            driver.cursor() as cursor,
            cursor.copy(self._text) as copy,
        ):
            copy.set_types(self._types)
            for row in rows:
                copy.write_row(row)


class Upsert:
    """Inserts rows, or changes those that are there, with as few statements as can be. On files and servers."""

    def __init__(self, table: Table, changes: Mapping[str, str]) -> None:
        """`changes`: column -> its new value, in SQL: `{old}` is what is there, `{new}` what was to be inserted."""
        self.table = table
        columns = [column.name for column in table.c]
        keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
        sets = [
            f'"{name}" = ' + text.format(old=f'"{table.name}"."{name}"', new=f'excluded."{name}"')
            for name, text in changes.items()
        ]
        tail = f"ON CONFLICT ({keys}) DO UPDATE SET {', '.join(sets)}"
        self._insert = Insert(table, columns, tail)
        arrays = ", ".join(f"%s::{_type_of(table, name)}[]" for name in columns)
        head = f'INSERT INTO "{table.name}" ({_listed(table, columns)})'
        self._on_server = f"{head} SELECT * FROM unnest({arrays}) {tail}"  # noqa: S608 - made of our own tables' names

    def run(self, connection: Connection, rows: Sequence[Sequence[object]]) -> None:
        """Insert or change all rows, in their order; no two of them may be the same one."""
        if connection.dialect.name != "postgresql":
            self._insert.run(connection, rows)
        elif rows:
            connection.exec_driver_sql(self._on_server, tuple(map(list, zip(*rows, strict=True))))


class driver_errors:  # noqa: N801 - it is used like a function
    """Turns errors of the server's driver into those that SQLAlchemy makes of them."""

    def __init__(self, connection: Connection, text: str) -> None:
        self._connection = connection
        self._text = text

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        dialect = self._connection.dialect
        assert dialect.dbapi is not None
        kinds = dialect.dbapi.Error
        if isinstance(error, kinds):
            raise DBAPIError.instance(self._text, None, error, kinds, dialect=dialect) from error


def _listed(table: Table, columns: Sequence[str]) -> str:
    return ", ".join(f'"{table.c[name].name}"' for name in columns)


def _type_of(table: Table, name: str) -> str:
    kind = table.c[name].type
    return next(told for column, told in _TYPES.items() if isinstance(kind, column))
