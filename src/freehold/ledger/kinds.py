"""What the roll-ups distinguish calls by, and the number of each such kind."""

from __future__ import annotations

import hashlib
from collections.abc import Set
from typing import Any

from sqlalchemy import Connection, insert, select

from freehold.ledger import tables

KIND_COLUMNS = ("operation", "key", "route", "provider", "model", "outcome", "error")
"""Every filter of calls asks for nothing but these and the time."""
Kind = tuple[Any, ...]
"""The numbers of the words of KIND_COLUMNS."""
_MOST = 50_000


class Kinds(dict[Kind, int]):
    """Kind -> number, as far as it is known."""

    def __init__(self) -> None:
        super().__init__()
        self._fresh: list[Kind] = []

    def learn(self, connection: Connection, wanted: Set[Kind]) -> None:
        """Find the numbers of these kinds; those that are new get theirs. Nobody else may be doing so."""
        if len(self) > _MOST:
            self.clear()
        # In one order, so that it is the same whoever comes first.
        for kind in sorted(wanted - self.keys(), key=_order):
            self[kind] = _number_of(connection, kind)
            self._fresh.append(kind)

    def keep(self) -> None:
        """The transaction was committed."""
        self._fresh.clear()

    def roll_back(self) -> None:
        """The transaction was undone: what it learned has no number."""
        for kind in self._fresh:
            self.pop(kind, None)
        self._fresh.clear()

    def forget_all(self) -> None:
        """The database may be another one."""
        self.clear()
        self._fresh.clear()


def digest_of(kind: Kind) -> bytes:
    """By what a kind is found: its numbers, none as an empty word."""
    text = ",".join("" if number is None else str(number) for number in kind)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _number_of(connection: Connection, kind: Kind) -> int:
    digest = digest_of(kind)
    there = select(tables.kinds.c.id).where(tables.kinds.c.digest == digest)
    if (found := connection.execute(there).scalar()) is not None:
        return int(found)
    values = dict(zip(KIND_COLUMNS, kind, strict=True))
    key = connection.execute(insert(tables.kinds).values(digest=digest, **values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def _order(kind: Kind) -> tuple[int, ...]:
    return tuple(-1 if number is None else number for number in kind)
