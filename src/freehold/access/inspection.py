"""Looks at the keys' database without changing anything: for those who examine an installation."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import sqlalchemy as sql

from freehold.access import tables
from freehold.access.names import is_held
from freehold.access.pepper import Pepper, read_pepper
from freehold.store.database import open_to_read, reading, store_errors
from freehold.store.places import Place


class KeysState(msgspec.Struct, frozen=True):
    """What the database holds."""

    keys: int
    """Keys of any state."""
    good: int
    """Keys that are neither revoked nor expired."""
    usable: int
    """Good keys without those that `freehold ask` made for itself."""
    without: dict[str, int]
    """How many of those have no `team`, and how many no `user`."""
    pepper: Literal["agrees", "lost", "another"]
    """Whether the pepper is the one that the keys were hashed with."""


def inspect_keys(place: Place, source: Path | Pepper, now_us: int) -> KeysState:
    """The state of the keys at a time. Raises StoreError when a database or file cannot be read."""
    pepper = read_pepper(source)
    engine = open_to_read(place, "access")
    columns = tables.keys.c
    in_time = sql.or_(columns.expires_us.is_(None), columns.expires_us > now_us)
    good = sql.select(columns.name, columns.expires_us, columns.team, columns.holder).where(
        columns.revoked_us.is_(None), in_time
    )
    with store_errors(place), reading(engine) as connection:
        count = connection.execute(sql.select(sql.func.count()).select_from(tables.keys)).scalar_one()
        found = connection.execute(good).all()
        check = connection.execute(sql.select(tables.pepper.c.check_value)).scalar()
    if pepper is None:
        agreement: Literal["agrees", "lost", "another"] = "lost"
    else:
        agreement = "agrees" if check in (None, pepper.check) else "another"
    usable = [row for row in found if is_held(row.name, row.expires_us)]
    without = {
        "team": sum(row.team is None for row in usable),
        "user": sum(row.holder is None for row in usable),
    }
    return KeysState(count, len(found), len(usable), without, agreement)
