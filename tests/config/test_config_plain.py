"""Settings without their secrets: whole, comparable, and never with a secret in them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from freehold.config.load import load
from freehold.config.plain import changes_between, digest_of, plain
from freehold.config.settings import Settings

SECRETS = {
    "KEY": "sk-planted-0123456789",
    "DATABASE": "postgresql://someone:planted-password@db.example/freehold",
    "PEPPER": "0123456789abcdef" * 4,
    "SHARED": "valkey://:planted-word@valkey.example:6379/0",
    "COLLECTOR": "planted-header-0123",
}
TOML = """
[database]
url = "env:DATABASE"
[access]
pepper = "env:PEPPER"
[shared]
url = "env:SHARED"
[telemetry]
url = "http://127.0.0.1:4318"
headers = { authorization = "env:COLLECTOR" }
[providers.openai]
api_key = "env:KEY"
headers = { x-team = "blue", x-auth-word = "planted-in-a-header" }
query = { version = "1", sig-token = "planted-in-a-query" }
[limits.x]
on = "team"
per = "month"
zone = "Europe/Berlin"
money = "2.50"
[models."openai/gpt-4o"]
input = 1
output = "2.5"
from = 2026-01-01
"""


def settings(toml: str = TOML, **secrets: str) -> Settings:
    return load(None, SECRETS | secrets, folder=Path("/nonexistent"), text=toml)


def test_no_secret_is_shown_and_where_it_is_from_is() -> None:
    text = msgspec.json.encode(plain(settings())).decode()
    for secret in (*SECRETS.values(), "planted"):
        assert secret not in text
    shown = plain(settings())
    assert shown["providers"]["openai"]["api_key"] == "from env:KEY"
    assert shown["providers"]["openai"]["headers"] == {"x-team": "blue", "x-auth-word": "***"}
    assert shown["providers"]["openai"]["query"] == {"version": "1", "sig-token": "***"}
    assert shown["database"] == "postgresql://db.example/freehold"
    assert shown["access"]["pepper"] == "from env:PEPPER"


def test_the_hash_is_of_what_is_in_force_and_not_of_how_it_is_written_nor_of_secrets() -> None:
    here = digest_of(settings())
    assert len(here) == 64
    assert digest_of(settings(f"# a word\n{TOML}")) == here
    assert digest_of(settings(KEY="sk-another-0123456789")) == here
    assert digest_of(settings(TOML.replace("2.50", "2.51"))) != here


@pytest.mark.parametrize(
    ("after", "names"),
    [
        (settings(TOML.replace("2.50", "2.51")), ["limits.x"]),
        (settings(KEY="sk-another-0123456789"), ["providers.openai"]),
        (settings(f'{TOML}[routes.chat]\nincumbent = "openai/gpt-4o"'), ["routes.chat"]),
        (settings(f"{TOML}[ledger]\nbodies = false"), ["ledger.bodies"]),
        (settings(f"# a word\n{TOML}"), []),
    ],
)
def test_what_changed_is_named(after: Settings, names: list[str]) -> None:
    assert changes_between(settings(), after) == names
    assert changes_between(settings(), settings()) == []
