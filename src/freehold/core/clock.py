"""Time, handed down so that tests can pass their own."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Where rooms get the time from."""

    def now(self) -> float:
        """Wall time: seconds since 1970-01-01 UTC."""

    def tick(self) -> float:
        """Monotonic time in seconds; only differences mean anything."""


class SystemClock:
    """The machine's own clock."""

    now = staticmethod(time.time)
    tick = staticmethod(time.perf_counter)


def microseconds(seconds: float) -> int:
    """Seconds since 1970 as whole microseconds, the form in which the databases keep time."""
    return int(seconds * 1_000_000)


def as_datetime(us: int) -> datetime:
    """Microseconds since 1970 as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=us)
