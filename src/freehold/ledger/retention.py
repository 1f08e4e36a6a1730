"""What is kept, and for how long: small steps between batches, so that no answer ever waits for one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Table, delete, func, select, update

from freehold.ledger import feedback
from freehold.ledger.batch import DAY_US
from freehold.ledger.partitions import drop_before, make_ahead
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.tables import (
    bodies,
    calls,
    day_losses,
    day_paces,
    days,
    gaps,
    hour_losses,
    hour_paces,
    hours,
    reach,
    runs,
)
from freehold.store.files import give_back_space
from freehold.store.server import is_server, try_lock

STEP = 250
"""Bodies deleted in one transaction: a few milliseconds."""
CALLS_STEP = 1000
"""Calls, which are shorter: half the time for each, as most of it is the flush."""
_SLACK = 0.95
"""Bodies over their bound are brought this far under it, so as not to begin again at once."""


class Retention:
    """Deletes what is too old or too much, oldest first. A bound that is `unlimited` is never looked at."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._settings = settings
        self._total: int | None = None
        self._excess = 0.0

    def count_in(self, stored_bytes: int) -> None:
        """Bodies of at most this size were added."""
        if self._total is not None:
            self._total += stored_bytes

    def forget_total(self) -> None:
        """The database may be another one."""
        self._total = None

    def step(self, connection: Connection, now_us: int) -> tuple[list[bytes], bool]:
        """Delete a little. Returns the addresses of the bodies that went, and whether there is more to do."""
        shared = is_server(connection)
        if shared and not try_lock(connection, "upkeep"):
            return [], False  # another machine is at it
        self._weigh(connection)
        gone = self._delete_bodies(connection, now_us)
        more = self._delete_rollups(connection, now_us) or len(gone) == STEP
        more = self._delete_feedback(connection, now_us) or more
        if shared:
            make_ahead(connection, now_us)
            return gone, more or self._drop_calls(connection, now_us)
        more = more or self._delete_calls(connection, now_us) == CALLS_STEP
        return gone, more or give_back_space(connection, pages=STEP)

    def _weigh(self, connection: Connection) -> None:
        limit = self._settings.keep_bodies_bytes
        if limit == "unlimited" or self._excess > 0:
            return
        # The sum so far may count a body twice, so it is checked before anything is deleted on its word.
        if self._total is None or self._total > limit:
            self._total = int(
                connection.execute(select(func.coalesce(func.sum(bodies.c.stored_bytes), 0))).scalar_one()
            )
        if self._total > limit:
            self._excess = self._total - limit * _SLACK

    def _delete_bodies(self, connection: Connection, now_us: int) -> list[bytes]:
        oldest = select(bodies.c.id, bodies.c.digest, bodies.c.day, bodies.c.stored_bytes)
        oldest = oldest.order_by(bodies.c.day, bodies.c.id).limit(STEP)
        days = self._settings.keep_bodies_days
        first_day = 0 if days == "unlimited" else now_us // DAY_US - days
        chosen, freed = [], 0
        for row in connection.execute(oldest):
            if row.day >= first_day and freed >= self._excess:
                break
            freed += row.stored_bytes
            chosen.append(row)
        if chosen:
            connection.execute(delete(bodies).where(bodies.c.id.in_([row.id for row in chosen])))
        self._excess = max(0.0, self._excess - freed) if len(chosen) == STEP else 0.0
        self._total = None if self._total is None else self._total - freed
        return [bytes(row.digest) for row in chosen]

    def _delete_calls(self, connection: Connection, now_us: int) -> int:
        days = self._settings.keep_calls_days
        if days == "unlimited":
            return 0
        until_us = now_us - days * DAY_US
        # One statement, so that Python's lock is free meanwhile.
        old = select(calls.c.seq).where(calls.c.started_us < until_us)
        old = old.order_by(calls.c.started_us).limit(CALLS_STEP)
        gone = connection.execute(delete(calls).where(calls.c.seq.in_(old))).rowcount
        if gone:
            _note_calls_from(connection, until_us)
        else:
            _delete_runs(connection, until_us)
        return gone

    def _drop_calls(self, connection: Connection, now_us: int) -> bool:
        days = self._settings.keep_calls_days
        if days == "unlimited":
            return False
        until_us = now_us - days * DAY_US
        _delete_runs(connection, until_us)
        _note_calls_from(connection, until_us)
        return drop_before(connection, until_us, most=STEP)

    def _delete_feedback(self, connection: Connection, now_us: int) -> bool:
        """Words go when bodies of that time do, and everything with the calls. Whether there may be more."""
        words, calls, more = self._settings.keep_bodies_days, self._settings.keep_calls_days, False
        if words != "unlimited":
            more = feedback.forget_old_words(connection, now_us - words * DAY_US)
        if calls != "unlimited":
            more = feedback.delete_old(connection, now_us - calls * DAY_US) or more
        return more

    def _delete_rollups(self, connection: Connection, now_us: int) -> bool:
        """Delete the oldest hour and the oldest day, if they are too old. Whether there may be more."""
        keep = self._settings.keep_rollups_days
        if keep == "unlimited":
            return False
        # Whole days alone, so that hours and days tell of the same calls.
        first_day = now_us // DAY_US - keep
        more = [
            _delete_oldest(connection, tables, first_day * units)
            for tables, units in ((_HOURLY, 24), (_DAILY, 1))
        ]
        return any(more)


_HOURLY, _DAILY = (hours, hour_paces, hour_losses), (days, day_paces, day_losses)


def _delete_oldest(connection: Connection, tables: Sequence[Table], first: int) -> bool:
    oldest = connection.execute(select(func.min(tables[0].c.start))).scalar()
    if oldest is None or oldest >= first:
        return False
    for table in tables:
        connection.execute(delete(table).where(table.c.start <= oldest))
    return True


def _note_calls_from(connection: Connection, until_us: int) -> None:
    later = update(reach).where(reach.c.calls_from_us < until_us)
    connection.execute(later.values(calls_from_us=until_us))


def _delete_runs(connection: Connection, until_us: int) -> None:
    connection.execute(delete(runs).where(runs.c.ended_us < until_us))
    connection.execute(delete(gaps).where(gaps.c.from_us < until_us))
