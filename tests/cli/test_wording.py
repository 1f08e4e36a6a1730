"""Figures, moments and spans, as people write and read them."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.cli.output import plain
from freehold.cli.times import iso, moment_after, parse_moment, parse_span
from freehold.core import figures
from freehold.core.errors import BadRequest
from freehold.core.figures import show_moment

NOW = 1_795_000_000_123_456
DAY = 86_400_000_000

dollars = st.decimals(min_value=-(10**9), max_value=10**9, places=12)


@given(dollars)
def test_money_keeps_every_digit(amount: Decimal) -> None:
    shown = figures.money(amount)
    assert re.fullmatch(r"-?\$\d{1,3}(,\d{3})*\.\d{2,}", shown)
    assert Decimal(shown.replace("$", "").replace(",", "")) == amount


def test_unknown_is_a_word_and_zero_is_a_number() -> None:
    assert figures.money(None) == "unknown"
    assert figures.money(Decimal(0)) == "$0.00"
    assert figures.money(Decimal("1E-12")) == "$0.000000000001"
    assert figures.money(Decimal("1E+3")) == "$1,000.00"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (0.04, "0.0 ms"),
        (9.96, "10.0 ms"),
        (12.4, "12 ms"),
        (999.6, "1000 ms"),
        (3421.0, "3.42 s"),
    ],
)
def test_milliseconds(value: float | None, shown: str) -> None:
    assert figures.milliseconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (2 * 10**12, "2.0 TB"), (None, "-")],
)
def test_sizes(value: int | None, shown: str) -> None:
    assert figures.size(value) == shown


@given(st.integers(1, 10**6), st.sampled_from("smhdwy"))
def test_spans_are_read(number: int, unit: str) -> None:
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}[unit]
    assert parse_span(f" {number}{unit.upper()} ") == number * seconds * 1_000_000


def test_what_ends_after_the_last_year_is_refused() -> None:
    now_us = 1_800_000_000_000_000
    assert moment_after("1y", now_us) == now_us + 365 * 86400 * 1_000_000
    assert iso(moment_after("7000y", now_us)).startswith("9")
    for text in ("9999y", "999999999d"):
        with pytest.raises(BadRequest, match="too long"):
            moment_after(text, now_us)


@pytest.mark.parametrize("text", ["", "5", "d", "-1d", "0s", "1.5h", "1month", "9999999999d"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="not a length of time"):
        parse_span(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", NOW),
        ("2h", NOW - 7_200_000_000),
        ("1d", NOW - DAY),
        ("2026-01-31", 1_769_817_600_000_000),
        ("2026-01-31T10:00", 1_769_853_600_000_000),
        ("2026-01-31T10:00+09:00", 1_769_821_200_000_000),
        ("2026-01-31t10:00:00.5z", 1_769_853_600_500_000),
        ("1969-12-31", -DAY),
    ],
)
def test_moments_are_read(text: str, moment: int) -> None:
    assert parse_moment(text, NOW, utc=True) == moment


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "31.01.2026", "0001-01-01T00:00+23:59"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_moment(text, NOW, utc=True)


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_moment_for_programs_is_read_back_exactly(us: int) -> None:
    shown = iso(us)
    assert shown is not None
    assert parse_moment(shown, NOW) == us


def test_today_and_yesterday_begin_at_midnight() -> None:
    today = parse_moment("today", NOW, utc=True)
    assert show_moment(today, utc=True).endswith(" 00:00:00Z")
    assert 0 <= NOW - today < DAY
    assert today - parse_moment("yesterday", NOW, utc=True) == DAY
    assert show_moment(None, utc=True) == "-"


@given(st.text())
def test_shown_text_holds_no_control_character(text: str) -> None:
    shown = plain(text)
    assert not any(ord(character) < 32 and character not in "\t\n" for character in shown)
    assert not any(127 <= ord(character) < 160 for character in shown)
