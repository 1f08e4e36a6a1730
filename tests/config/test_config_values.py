"""Values as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.config.values import (
    UnfitError,
    is_credential,
    looks_secret,
    read_date,
    read_dollars,
    read_flag,
    read_seconds,
    read_text,
    read_whole,
    shown,
)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("250ms", 0.25),
        ("30s", 30),
        ("30 s", 30),
        ("1.5m", 90),
        ("2h", 7200),
        ("1d", 86400),
        (30, 30),
        (Decimal("0.5"), 0.5),
    ],
)
def test_durations(written: object, seconds: float) -> None:
    assert read_seconds(written) == seconds


NOT_DURATIONS: list[object] = [
    0,
    -1,
    "0s",
    "-3s",
    "30",
    "30 sec",
    "s",
    "",
    "1h30m",
    "1e3s",
    True,
    None,
    [],
    "400d",
]


@pytest.mark.parametrize("written", [*NOT_DURATIONS, Decimal("nan"), Decimal("inf"), Decimal("1e999999")])
def test_not_a_duration(written: object) -> None:
    with pytest.raises(UnfitError, match="a duration above zero"):
        read_seconds(written)


@pytest.mark.parametrize(
    ("units", "written", "number"),
    [
        ("bytes", "32MiB", 32 * 2**20),
        ("bytes", "2 GB", 2 * 10**9),
        ("bytes", "64kb", 64_000),
        ("bytes", "1.5KiB", 1536),
        ("bytes", "7B", 7),
        ("bytes", 4096, 4096),
        ("days", "30d", 30),
        ("days", "4w", 28),
        ("days", 30, 30),
        ("milliseconds", "1s", 1000),
        ("milliseconds", "250ms", 250),
        ("milliseconds", 250, 250),
        ("", 12, 12),
    ],
)
def test_whole_numbers(units: str, written: object, number: int) -> None:
    read = read_whole(units)(written)
    assert read == number
    assert type(read) is int


@pytest.mark.parametrize(
    ("units", "written"),
    [
        ("bytes", "32M"),
        ("bytes", "0.3B"),
        ("bytes", 0),
        ("bytes", -5),
        ("bytes", "lots"),
        ("bytes", True),
        ("bytes", Decimal("1e999999")),
        ("days", "12h"),
        ("days", "0d"),
        ("days", "unlimited"),
        ("milliseconds", "0.1ms"),
        ("", "12"),
        ("", Decimal("1.5")),
        ("", 0),
        ("", False),
    ],
)
def test_not_a_whole_number(units: str, written: object) -> None:
    with pytest.raises(UnfitError):
        read_whole(units)(written)


def test_bounds_are_named() -> None:
    with pytest.raises(UnfitError, match=re.escape("a whole number from 0 to 65535")):
        read_whole("", 0, 65535)(65536)
    with pytest.raises(UnfitError, match="of at least 10 milliseconds"):
        read_whole("milliseconds", 10)("9ms")
    assert read_whole("", 0)(0) == 0


def test_prices_are_exact() -> None:
    assert read_dollars("0.1") == Decimal("0.1")
    assert read_dollars(Decimal("0.1")) == Decimal("0.1")
    assert read_dollars(0) == 0
    wrong: list[object] = ["", "a lot", "-1", -1, True, Decimal("nan"), "Infinity", "1e10", [], None]
    for written in wrong:
        with pytest.raises(UnfitError):
            read_dollars(written)


def test_days_flags_and_texts() -> None:
    assert read_date("2026-01-31").isoformat() == "2026-01-31"
    assert read_flag(True) is True
    assert read_text("a b") == "a b"
    assert read_text("", empty=True) == ""
    for read, written in (
        (read_date, "31.1.2026"),
        (read_date, 2026),
        (read_flag, 1),
        (read_flag, "true"),
        (read_text, ""),
        (read_text, "  "),
        (read_text, "two\nlines"),
        (read_text, 5),
    ):
        with pytest.raises(UnfitError):
            read(written)


@given(st.text(max_size=12) | st.integers() | st.decimals() | st.booleans() | st.none())
def test_anything_is_read_or_refused(written: object) -> None:
    readers: tuple[Callable[[object], object], ...] = (
        read_seconds,
        read_dollars,
        read_date,
        read_flag,
        read_text,
        *(read_whole(units) for units in ("", "bytes", "days", "milliseconds")),
    )
    for read in readers:
        try:
            read(written)
        except UnfitError as unfit:
            assert str(unfit)


SECRETS = [
    "sk-proj-abcdefgh12345678",
    "Bearer abcdefgh12345678",
    "gsk_abcdefgh12345678",
    "AIzaSyA1234567890abcdef",
    "hf_abcdefghijk",
    "xai-abcdefgh1234",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_keys_are_recognised_and_not_shown(secret: str) -> None:
    assert is_credential(secret)
    assert looks_secret(secret)
    assert secret not in shown(secret)


def test_long_mixtures_are_not_shown_but_may_be_used() -> None:
    organisation = "org-a1b2c3d4e5f6g7h8i9j0k1l2"
    assert looks_secret(organisation)
    assert not is_credential(organisation)
    assert shown(organisation) == "a text that looks like a secret"


@pytest.mark.parametrize("plain", ["openai/gpt-4o", "https://api.openai.com/v1", "task-list", "127.0.0.1"])
def test_ordinary_words_are_shown(plain: str) -> None:
    assert not looks_secret(plain)
    assert shown(plain) == f'"{plain}"'


def test_values_in_messages() -> None:
    assert shown(True) == "true"
    assert shown({}) == "a table"
    assert shown([1]) == "a list"
    assert shown(Decimal("0.50")) == "0.50"
    assert shown("x " * 100) == '"' + "x " * 30 + '…"'
