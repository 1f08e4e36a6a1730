from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from freehold.limits.forecast import FEWEST, forecast

NOON = int(datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp()) * 1_000_000
END = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp()) * 1_000_000
TODAY = date(2026, 11, 18)


def _days(count: int, amount: int) -> dict[date, int]:
    return {TODAY - timedelta(days=number): amount for number in range(1, count + 1)}


def test_days_that_are_all_alike_leave_no_doubt() -> None:
    found = forecast(_days(28, 1000), 17_500, NOON, END, first=TODAY - timedelta(days=28))
    assert (found.expected, found.low, found.high) == (
        17_500 + 12_500,
        30_000,
        30_000,
    )  # half of today, and 12 days
    assert "28 days" in found.method


def test_weekends_are_foreseen_as_weekends() -> None:
    days = {day: (0 if day.weekday() >= 5 else 1000) for day in _days(28, 1)}
    found = forecast(days, 0, NOON, END, first=min(days))
    assert found.expected == 500 + 8 * 1000  # what is left of a Wednesday, and eight working days


@given(st.lists(st.integers(0, 10**12), min_size=FEWEST, max_size=40), st.integers(0, 10**12))
def test_what_is_expected_lies_between_low_and_high_and_is_no_less_than_what_is_spent(
    sums: list[int], spent: int
) -> None:
    days = {TODAY - timedelta(days=number + 1): one for number, one in enumerate(sums)}
    found = forecast(days, spent, NOON, END, first=min(days))
    assert found.low is not None
    assert found.high is not None
    assert spent <= found.low <= found.expected <= found.high
    assert found == forecast(days, spent, NOON, END, first=min(days))


def test_with_little_on_record_it_is_a_straight_line_and_says_so() -> None:
    found = forecast(_days(1, 1000), 1500, NOON, END, first=TODAY - timedelta(days=1))
    assert (found.low, found.high) == (None, None)
    assert found.expected == 1500 + 12_500
    assert "straight line" in found.method
    assert forecast({}, 0, NOON, END).expected == 0


def test_most_futures_that_are_like_the_past_end_within_the_interval() -> None:
    """Calibration: of 200 made-up months whose days are drawn like those before, about four fifths."""
    dice = random.Random(7)
    inside = 0
    for _ in range(200):
        days = {day: int(dice.lognormvariate(7, 0.6)) for day in _days(28, 1)}
        found = forecast(days, 0, NOON, END, first=min(days))
        future = (
            sum(int(dice.lognormvariate(7, 0.6)) for _ in range(12)) + int(dice.lognormvariate(7, 0.6)) // 2
        )
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= future <= found.high
    assert 0.65 <= inside / 200 <= 0.9
