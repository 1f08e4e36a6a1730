"""On a server, the calls of each week have a table of their own, so that deleting a week costs nothing.

They are made some weeks ahead. A call of another time (a machine's clock may be wrong by years) goes to a table
for all of those, from which the old ones are deleted one by one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from freehold.core.clock import as_datetime, microseconds
from freehold.store.server import without_waiting

log = logging.getLogger("freehold.ledger")

WEEK_US = 7 * 86_400_000_000
AHEAD = 4
"""Weeks that are made ready before they come."""
_MONDAY_US = 4 * 86_400_000_000
"""1970 began on a Thursday."""
_OTHERS = "calls_of_other_times"
_DELETE_OTHERS = """
    DELETE FROM calls_of_other_times WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM calls_of_other_times WHERE started_us < %s LIMIT %s))"""


def week_of(us: int) -> int:
    """When the week of a time began: Monday, 0:00 UTC."""
    return (us - _MONDAY_US) // WEEK_US * WEEK_US + _MONDAY_US


def make_ahead(connection: Connection, now_us: int) -> None:
    """Make the tables of last week, of this one and of those to come, as far as they are not there."""
    there = set(_weeks(connection))
    first = week_of(now_us) - WEEK_US
    for start in range(first, first + (AHEAD + 2) * WEEK_US, WEEK_US):
        if start in there:
            continue
        statement = (
            f"CREATE TABLE {_name(start)} PARTITION OF calls FOR VALUES FROM ({start}) TO ({start + WEEK_US})"
        )
        try:
            with without_waiting(connection):
                connection.exec_driver_sql(statement)
        except IntegrityError:
            # Calls of that week came before its table did; they stay where they are, with those that follow.
            log.debug("The week of %s shares the table of other times", as_datetime(start).date())


def drop_before(connection: Connection, until_us: int, *, most: int) -> bool:
    """Delete the calls of every week that was over before `until_us`. Whether there is more to delete.

    Of those in the table of other times, up to `most`.
    """
    for start in _weeks(connection):
        if start + WEEK_US <= until_us:
            with without_waiting(connection):
                connection.exec_driver_sql(f"DROP TABLE {_name(start)}")
    gone = connection.exec_driver_sql(_DELETE_OTHERS, (until_us, most))
    return gone.rowcount == most


def _weeks(connection: Connection) -> Iterator[int]:
    """When the weeks began that have a table."""
    found = connection.exec_driver_sql(
        "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'calls'::regclass"
    )
    for name in found.scalars().all():
        if name != _OTHERS:
            yield microseconds(datetime.strptime(name, "calls_%Y_%m_%d").replace(tzinfo=UTC).timestamp())


def _name(start: int) -> str:
    return as_datetime(start).strftime("calls_%Y_%m_%d")
