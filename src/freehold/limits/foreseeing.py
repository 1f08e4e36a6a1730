"""Which windows are foreseen, and out of which days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

import msgspec

from freehold.core.clock import as_datetime
from freehold.limits.batch import Standing
from freehold.limits.forecast import Forecast, forecast
from freehold.limits.limit import Limit, On
from freehold.limits.money import nano_of
from freehold.limits.overview import Row, overview
from freehold.limits.windows import Calendar


class Day(Protocol):
    """What one day came to."""

    @property
    def name(self) -> str | None:
        """The day: `2026-11-22`."""

    @property
    def cost(self) -> Decimal | None:
        """US dollars, as far as they are known."""


class Foreseen(msgspec.Struct, frozen=True):
    """One window."""

    row: Row | None
    """None: everything, this month (UTC)."""
    end_us: int
    forecast: Forecast

    @property
    def passes(self) -> bool:
        """Whether the bound is expected to be reached."""
        bound = None if self.row is None else self.row.bound
        return bound is not None and self.forecast.expected >= bound


DaysOf = Callable[[On, str | None], Sequence[Day]]
"""On what, and who -> the sums of the days, today's too."""


def foresee(
    limits: Sequence[Limit], standings: Sequence[Standing], days_of: DaysOf, now_us: int
) -> list[Foreseen]:
    """The month as a whole, and every calendar window in money that something was used of."""
    month = Calendar("month").span_at(now_us)
    days = days_of("organisation", None)
    spent = sum(_nano(day) for day in days if day.name and day.name[:7] == _today(now_us).isoformat()[:7])
    found = [Foreseen(None, month.end_us, _forecast(days, spent, now_us, month.end_us))]
    for row in overview(limits, standings, now_us):
        if row.measure == "money" and row.who is not None and row.resets_us is not None:
            used = row.used + row.expired
            days = days_of(row.limit.on, row.who)
            found.append(Foreseen(row, row.resets_us, _forecast(days, used, now_us, row.resets_us)))
    return found


def _forecast(days: Sequence[Day], spent: int, now_us: int, end_us: int) -> Forecast:
    sums: dict[date, int] = {}
    for day in days:
        if day.name is not None:
            when = date.fromisoformat(day.name)
            sums[when] = sums.get(when, 0) + _nano(day)
    return forecast(sums, spent, now_us, end_us, first=min(sums, default=None))


def _nano(day: Day) -> int:
    return 0 if day.cost is None else nano_of(day.cost)


def _today(now_us: int) -> date:
    return as_datetime(now_us).date()
