from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freehold.core.clock import as_datetime
from freehold.limits.account import Counter
from freehold.limits.windows import SLIDING, Calendar, Unit, zone_of

ZONES = sorted(available_timezones()) or ["UTC"]


def _us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@given(
    st.sampled_from(get_args(Unit)),
    st.sampled_from(ZONES),
    st.integers(_us("1990-01-01 00:00"), _us("2060-01-01 00:00")),
)
@example("day", "America/St_Johns", _us("2010-11-07 02:35"))  # clocks went back over midnight, at 00:01
@example("day", "Pacific/Apia", _us("2011-12-30 09:59"))  # a day that never was
def test_windows_follow_one_another_without_a_gap(unit: Unit, zone: str, now: int) -> None:
    calendar = Calendar(unit, zone)
    span = calendar.span_at(now)
    assert span.start_us <= now < span.end_us
    assert calendar.span_at(span.start_us) == span
    assert calendar.span_at(span.end_us - 1) == span
    assert calendar.span_at(span.end_us).start_us == span.end_us
    if unit != "hour":
        begins = as_datetime(span.start_us).astimezone(zone_of(zone))
        assert unit != "week" or begins.weekday() in (
            0,
            6,
        )  # the last of Sunday where midnight does not exist
        assert begins.hour in (0, 1, 23)


@pytest.mark.parametrize(
    ("unit", "zone", "now", "start", "end"),
    [
        ("day", "UTC", "2026-03-01 12:00", "2026-03-01 00:00", "2026-03-02 00:00"),
        ("day", "Europe/Berlin", "2026-03-29 12:00", "2026-03-28 23:00", "2026-03-29 22:00"),  # of 23 hours
        ("day", "Europe/Berlin", "2026-10-25 12:00", "2026-10-24 22:00", "2026-10-25 23:00"),  # of 25 hours
        ("week", "UTC", "2026-11-22 23:59", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("month", "America/New_York", "2026-11-01 03:59", "2026-10-01 04:00", "2026-11-01 04:00"),
        ("month", "UTC", "2026-12-31 23:59", "2026-12-01 00:00", "2027-01-01 00:00"),
        ("hour", "Asia/Kolkata", "2026-11-22 10:59", "2026-11-22 10:00", "2026-11-22 11:00"),
    ],
)
def test_windows_begin_where_people_expect_them(
    unit: Unit, zone: str, now: str, start: str, end: str
) -> None:
    span = Calendar(unit, zone).span_at(_us(now))
    assert (span.start_us, span.end_us) == (_us(start), _us(end))


@given(st.sampled_from(sorted(SLIDING)), st.integers(0, 2**52), st.integers(0, 2**50))
def test_a_sliding_window_never_forgets_too_early_and_at_most_a_slot_too_late(
    name: str, used_us: int, later: int
) -> None:
    window = SLIDING[name]
    length = window.slot_us * window.slots
    slot = used_us // window.slot_us
    counts = slot >= Counter("search", window.slot_us, window.slots).oldest(used_us + later)
    if later <= length:
        assert counts
    if later > length + window.slot_us:
        assert not counts
    assert counts == (used_us + later < window.leaves_at(slot))
