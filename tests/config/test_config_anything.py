"""Whatever is written, it is read or refused with a reason; nothing else happens."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.config.check import check
from freehold.config.load import load
from freehold.config.problems import InvalidSettingsError
from freehold.config.reading import fields_of
from freehold.config.reference import SECTIONS
from freehold.config.settings import Settings
from freehold.providers.presets import preset_names

NAMES = sorted({name for section in SECTIONS.values() for name in fields_of(section)})
WORDS = [
    "",
    "openai",
    "local",
    "mine",
    "openai/gpt-4o",
    "local/smollm2-135m",
    "mine/x",
    "unlimited",
    "30s",
    "32MiB",
    "30d",
    "2026-01-01",
    "env:KEY",
    "env:",
    "file:nowhere",
    "https://api.example.com/v1",
    "http://[::1",
    "https://a:b@c/d?e#f",
    "/path",
    "x\ny",
    "ü",
]
SCALARS = st.one_of(
    st.sampled_from([*WORDS, *preset_names()]),
    st.text(max_size=8),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.decimals(),
    st.sampled_from([date(2026, 1, 1), datetime(2026, 1, 1, 1, 1), time(1, 1), Decimal("1e400000")]),  # noqa: DTZ001
)
KEYS = st.one_of(st.sampled_from([*NAMES, *WORDS, "resource"]), st.text(max_size=8))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
PROVIDERS = st.dictionaries(
    KEYS, st.dictionaries(st.sampled_from([*NAMES, "resource"]), VALUES, max_size=5), max_size=3
)
ROUTES = st.dictionaries(
    KEYS,
    st.fixed_dictionaries(
        {"incumbent": st.sampled_from(WORDS)},
        optional={"fallbacks": st.lists(st.sampled_from(WORDS), max_size=3), "keep_bodies": VALUES},
    ),
    max_size=3,
)
MODELS = st.dictionaries(
    st.sampled_from(WORDS), st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4), max_size=3
)
POOLS = st.dictionaries(
    KEYS, st.fixed_dictionaries({"providers": st.lists(st.sampled_from(WORDS), max_size=3)}), max_size=2
)
LIMITS = st.dictionaries(
    KEYS,
    st.fixed_dictionaries(
        {"on": st.sampled_from(["user", "model", "organisation", "teams"])},
        optional={
            "per": st.sampled_from(["day", "last 60 seconds", "year"]),
            "zone": st.sampled_from(["UTC", *WORDS]),
            "only": st.lists(st.sampled_from(WORDS), max_size=2),
            **dict.fromkeys(["money", "tokens", "requests", "concurrency"], SCALARS),
        },
    ),
    max_size=2,
)
ADDRESSES = st.fixed_dictionaries(
    {"url": st.sampled_from([*WORDS, "localhost:1", "redis://[", "valkey://a:b@c:99999"])},
    optional={"headers": st.dictionaries(KEYS, st.sampled_from(WORDS), max_size=2)},
)
MORE = {"pools": POOLS, "limits": LIMITS, **dict.fromkeys(["telemetry", "shared", "database"], ADDRESSES)}
FILES = st.one_of(
    st.dictionaries(
        st.one_of(st.sampled_from(sorted(fields_of(SECTIONS["file"]))), KEYS), VALUES, max_size=4
    ),
    st.fixed_dictionaries({}, optional={"providers": PROVIDERS, "routes": ROUTES, "models": MODELS} | MORE),
)


@settings(max_examples=300, deadline=None)
@given(FILES)
def test_anything_is_read_or_refused(values: dict[str, object]) -> None:
    # A name with a dot would be taken for a path to a setting, as on the command line.
    overrides = {name: value for name, value in values.items() if "." not in name}
    environ = {"KEY": "secret-word", "OPENAI_API_KEY": "secret-word"}
    try:
        read = load(None, environ, overrides=overrides, folder=Path("/nonexistent"))
    except InvalidSettingsError as error:
        assert error.problems
        assert all(problem.level == "error" and problem.message for problem in error.problems)
        assert "secret-word" not in str(error)
        return
    assert isinstance(read, Settings)
    assert "secret-word" not in repr(read)
    for route in read.routes.values():
        assert len(set(route.plan)) == len(route.plan)
        assert all(target.provider in read.providers for target in route.plan)
    assert check(None, environ, overrides=overrides, folder=Path("/nonexistent")).settings == read


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 40_000 + "]" * 40_000,
        "a = " + "{a=" * 20_000 + "1" + "}" * 20_000,
        "[server]\nport = " + "9" * 5000,
        "[limits.x]\nmoney = 1e99999999999999999999",
        'data = "' + "a" * 5000 + '"',
        'data = "~nobody-of-this-name/x"',
        '[providers.x]\nbase_url = "http://a/v1"\napi_key = "file:~nobody-of-this-name/x"',
        '[admin]\nlisten = "[zzz:1"',
        '[admin]\nlisten = "127.0.0.1"',
        '[admin]\nlisten = "::1:8790"',
        '[database]\nurl = "postgresql://[/x"',
        '[telemetry]\nurl = "http://[::1"',
        '[pools.x]\nproviders = ["y"]',
    ],
)
def test_a_text_from_anywhere_is_checked_without_falling_over(text: str) -> None:
    report = check(None, {}, folder=Path("/nonexistent"), text=text)
    assert [finding for finding in report.findings if finding.level == "error"]
    assert all(len(finding.message) < 6000 for finding in report.findings)
