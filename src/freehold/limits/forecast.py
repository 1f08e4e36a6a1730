"""What a window will have cost at its end: the days behind us, drawn again for the days ahead.

Each day that is left is given the sum of a day of the last four weeks, drawn at random from days of its kind (Monday to
Friday, or the weekend); so often that the sums at the end show how far apart they may lie. It assumes that the days
ahead are like those behind, each on its own: growth and series of dear days are not foreseen.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import msgspec

from freehold.core.clock import as_datetime
from freehold.limits.windows import DAY_US

DAYS = 28
"""So many days back are looked at."""
FEWEST = 5
"""With fewer days on record, only a straight line is drawn."""
DRAWS = 2000
INTERVAL = 0.8
"""How much of the draws lies within low and high."""


class Forecast(msgspec.Struct, frozen=True):
    """In billionths of a US dollar."""

    spent: int
    expected: int
    """The median."""
    low: int | None
    """A tenth of the draws is below it; None: there was too little to draw from."""
    high: int | None
    method: str


def forecast(
    days: Mapping[date, int], spent: int, now_us: int, end_us: int, *, first: date | None = None
) -> Forecast:
    """The sum at `end_us`. `days`: sums of whole days (UTC) before today, missing ones are nothing; `first` is the day
    from which on there is a record at all.
    """
    today = as_datetime(now_us).date()
    oldest = max(today - timedelta(days=DAYS), first or today)
    past = [oldest + timedelta(days=number) for number in range((today - oldest).days)]
    ahead = _ahead(now_us, end_us)
    if len(past) < FEWEST:
        return _line(spent, now_us, end_us, first=first)
    dice = random.Random(0)  # the same record gives the same forecast
    urns = [([days.get(one, 0) for one in _alike(past, day)], share) for day, share in ahead]
    draws = sorted(spent + sum(round(share * dice.choice(urn)) for urn, share in urns) for _ in range(DRAWS))
    tail = round(DRAWS * (1 - INTERVAL) / 2)
    return Forecast(
        spent,
        draws[DRAWS // 2],
        draws[tail],
        draws[-tail - 1],
        f"{len(past)} days drawn again {DRAWS:,} times, weekends apart; low to high holds {INTERVAL:.0%} of the draws",
    )


def _ahead(now_us: int, end_us: int) -> list[tuple[date, float]]:
    """The days that are left, and how much of each."""
    found = []
    at = now_us
    while at < end_us:
        next_day = at - at % DAY_US + DAY_US
        until = min(next_day, end_us)
        found.append((as_datetime(at).date(), (until - at) / DAY_US))
        at = until
    return found


def _alike(past: Sequence[date], day: date) -> Sequence[date]:
    """Days of the same kind; all of them, where there is none."""
    return [one for one in past if (one.weekday() >= 5) == (day.weekday() >= 5)] or past


def _line(spent: int, now_us: int, end_us: int, *, first: date | None) -> Forecast:
    """On as until now. `spent` is what came together since the window, or the record, began."""
    if first is None:
        return Forecast(spent, spent, None, None, "nothing is on record to go by")
    midnight = int((first - date(1970, 1, 1)).days) * DAY_US
    passed = max(1, now_us - midnight)
    expected = spent + spent * (end_us - now_us) // passed
    return Forecast(
        spent, expected, None, None, f"a straight line: fewer than {FEWEST} whole days are on record"
    )
