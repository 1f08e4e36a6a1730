"""The commands on a PostgreSQL server: they say the same as on files, and what is wrong when it is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import NOT_INSTALLED, Databases, place_of
from planted import PRICES, call_number
from postgres_server import programs
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.core.secret import Secret
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger
from freehold.store.places import Server

pytestmark = pytest.mark.skipif(programs() is None, reason=NOT_INSTALLED)

TOML = """
[database]
url = "env:DATABASE"
[local]
enabled = false
"""


@pytest.fixture
def shell(own: Databases, tmp_path: Path) -> Iterator[Shell]:
    """A folder whose configuration leads to a database with three calls."""
    if not own.server.running:
        own.server.start()
    place = own.make()
    shell = Shell(tmp_path)
    shell.environment["DATABASE"] = place.url.reveal().replace("freehold@", "freehold:hushhush@")
    (tmp_path / "freehold.toml").write_text(TOML)
    ledger = Ledger(place, LedgerSettings(), PRICES)
    ledger.start()
    for number in range(3):
        ledger.record(call_number(number))
    assert ledger.close()
    yield shell
    if own.server.running:
        own.drop(place)


def states(shell: Shell, status: int) -> dict[str, tuple[str, str]]:
    done = shell("doctor", "--json")
    assert done.returncode == status, done.stdout
    import json  # noqa: PLC0415 - here only

    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["subject"]: (one["state"], one["found"]) for one in found}


def test_calls_spending_keys_and_export_say_what_is_there(shell: Shell) -> None:
    assert len(shell.json("calls")) == 3
    assert sum(int(str(one["calls"])) for one in shell.json("spend")) == 3
    assert len(shell("calls", "export").stdout.splitlines()) == 3
    (made,) = shell.json("keys", "create", "laptop")
    assert [one["name"] for one in shell.json("keys", "list")] == ["laptop"]
    assert str(made["key"]).startswith("fh-")
    assert shell("keys", "revoke", "laptop").returncode == 0
    assert not (shell.folder / ".freehold" / "access.db").exists()


def test_the_doctor_looks_at_the_server_and_at_what_waits_for_it(own: Databases, shell: Shell) -> None:
    found = states(shell, 0)
    assert found["database"][0] in ("good", "notice")
    assert "is PostgreSQL" in found["database"][1]
    assert found["ledger"][1].startswith("3 calls, 4 bodies;")
    away = Server(Secret("postgresql://127.0.0.1:9/x", "test"))
    spool = shell.folder / ".freehold" / "spool"
    waiting = Ledger(away, LedgerSettings(), PRICES, spool=spool)
    waiting.start()
    for number in range(3, 10):
        waiting.record(call_number(number))
    assert waiting.close()
    state, text = states(shell, 0)["spool"]
    assert state == "notice"
    assert text.startswith("7 calls in ")
    aside = spool / "damaged-1-2-00000001.calls"
    aside.write_bytes(b"?")
    told = [one for one in shell.json("doctor") if str(aside) in str(one["found"])]
    assert [one["state"] for one in told] == ["notice"]
    aside.unlink()
    own.server.stop("immediate")
    state, text = states(shell, 1)["database"]
    assert state == "broken"
    assert "cannot be reached" in text


@pytest.mark.parametrize("words", [("keys", "list"), ("keys", "create", "x"), ("calls",), ("spend",)])
def test_a_command_says_that_the_server_is_away_and_what_to_do(
    own: Databases, shell: Shell, words: tuple[str, ...]
) -> None:
    own.server.stop("immediate")
    done = shell(*words)
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Check that the server runs" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_password_is_shown_anywhere(own: Databases, shell: Shell) -> None:
    said = [shell(*words) for words in (("doctor",), ("check",), ("check", "--json"), ("keys", "list"))]
    own.server.stop("immediate")
    said += [shell(*words) for words in (("doctor",), ("keys", "list"), ("calls",), ("up",))]
    assert all("hushhush" not in done.stdout + done.stderr for done in said)
    (shell.folder / "freehold.toml").write_text('[database]\nurl = "postgresql://me:hushhush@h/d"\n')
    done = shell("check")
    assert done.returncode == 1
    assert "hushhush" not in done.stdout + done.stderr
    assert "passwords are not written into this file" in done.stdout + done.stderr


def test_a_database_that_is_not_there_is_told_so(own: Databases, shell: Shell) -> None:
    url = own.server.url("nobody_made_it")
    done = shell("keys", "list", DATABASE=url)
    assert done.returncode == 1
    assert "has no such database" in done.stderr
    assert "createdb" in done.stderr
    assert str(place_of(url)) in done.stderr
