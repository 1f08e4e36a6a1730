"""Windows: over which time a limit counts.

A calendar window begins with the hour, day, week or month of a time zone and counts what began in it. A sliding window
is cut into slots, and counts every slot that reaches into it: never less than what was used in its length, and what was
used is forgotten at most one slot late (one second of the last 60, a quarter of an hour of the last 24 hours).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from freehold.core.clock import as_datetime

Unit = Literal["hour", "day", "week", "month"]

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Span(msgspec.Struct, frozen=True, gc=False):
    """One calendar window, in microseconds since 1970: its first moment, and the first after it."""

    start_us: int
    end_us: int


class Calendar(msgspec.Struct, frozen=True):
    """Hours, days, weeks from Monday, or months of a time zone. Hours are UTC's."""

    unit: Unit
    zone: str = "UTC"

    @property
    def words(self) -> str:
        """`a day`, for people."""
        return "an hour" if self.unit == "hour" else f"a {self.unit}"

    @property
    def long(self) -> bool:
        """Whether whoever used it up had better not wait for it."""
        return self.unit != "hour"

    def span_at(self, now_us: int) -> Span:
        """The window that a moment is in. Windows follow one another without a gap, whatever the clocks there do."""
        if self.unit == "hour":
            start = now_us - now_us % HOUR_US
            return Span(start, start + HOUR_US)
        zone = zone_of(self.zone)
        today = as_datetime(now_us).astimezone(zone).date()
        first = self._first(today)
        # Clocks that go back over midnight have a moment of the next day before the rest of this one.
        starts = [self._start(self._moved(first, by), zone) for by in (-1, 0, 1, 2)]
        at = max(place for place in range(3) if starts[place] <= now_us)
        return Span(starts[at], starts[at + 1])

    def _first(self, day: date) -> date:
        """The first day of the window."""
        if self.unit == "week":
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if self.unit == "month" else day

    def _moved(self, first: date, by: int) -> date:
        if self.unit == "month":
            months = first.year * 12 + first.month - 1 + by
            return date(months // 12, months % 12 + 1, 1)
        return first + timedelta(days=by * (7 if self.unit == "week" else 1))

    @staticmethod
    def _start(day: date, zone: tzinfo) -> int:
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        return (midnight.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


class Sliding(msgspec.Struct, frozen=True):
    """The time just past: `slots` of `slot_us` microseconds each."""

    slot_us: int
    slots: int

    @property
    def words(self) -> str:
        """`in 60 seconds`, for people."""
        seconds = self.slot_us * self.slots // SECOND_US
        return f"in {seconds} seconds" if seconds < 3600 else f"in {seconds // 3600} hours"

    @property
    def long(self) -> bool:
        """As for calendars."""
        return self.slot_us * self.slots >= DAY_US

    def leaves_at(self, slot: int) -> int:
        """When a slot has left the window, in microseconds since 1970."""
        return (slot + self.slots + 1) * self.slot_us


Window = Calendar | Sliding

SLIDING: dict[str, Sliding] = {
    "last 60 seconds": Sliding(SECOND_US, 60),
    "last 24 hours": Sliding(900 * SECOND_US, 96),
}


@cache
def zone_of(name: str) -> tzinfo:
    """The time zone of a name such as `Europe/Berlin`. Raises LookupError."""
    if name == "UTC":
        return UTC  # known without the system's table of zones
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise LookupError(name) from error
