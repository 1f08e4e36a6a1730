from __future__ import annotations

import re
from pathlib import Path

import pytest
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.access.keys import Keys


def _good(folder: Path, token: str) -> bool:
    keys = Keys(folder / ".freehold" / "access.db", folder / ".freehold" / "secret")
    try:
        return keys.find(token) is not None
    finally:
        keys.close()


def test_a_new_key_is_the_only_thing_on_standard_output(tmp_path: Path) -> None:
    done = Shell(tmp_path)("keys", "create", "laptop")
    assert done.returncode == 0
    assert re.fullmatch(r"fh-[\w-]{43}\n", done.stdout)
    assert done.stdout.strip() not in done.stderr
    assert "`laptop`" in done.stderr
    assert "cannot be shown again" in done.stderr
    assert _good(tmp_path, done.stdout.strip())


def test_keys_are_listed_by_their_beginning_and_taken_back(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    token = shell(
        "keys", "create", "laptop", "--expires", "30d", "--route", "copilot", "--route", "a/b"
    ).stdout.strip()
    shell("keys", "create", "phone")
    listed = shell("keys", "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["NAME", "laptop", "phone"]
    assert f"{token[:7]}…" in listed.stdout
    assert "a/b, copilot" in listed.stdout
    assert token[7:] not in listed.stdout
    first, second = shell.json("keys", "list")
    assert (first["name"], first["routes"], first["state"]) == ("laptop", ["a/b", "copilot"], "good")
    assert (second["routes"], second["expires"], second["revoked"]) == (None, None, None)
    revoked = shell("keys", "revoke", token[:7])
    assert (revoked.returncode, revoked.stdout) == (0, "")
    assert "`laptop`" in revoked.stderr
    assert not _good(tmp_path, token)
    assert [key["name"] for key in shell.json("keys", "list")] == ["phone"]
    assert [key["state"] for key in shell.json("keys", "list", "--all")] == ["revoked", "good"]


def test_expiry_is_a_span_from_now(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    made = shell.json("keys", "create", "visitor", "--expires", "1h")[0]
    listed = shell.json("keys", "list")[0]
    assert re.fullmatch(r"fh-[\w-]{43}", str(made["key"]))
    assert {**listed, "key": made["key"]} == made
    wrong = shell("keys", "create", "other", "--expires", "soon")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "`soon` is not a length of time" in wrong.stderr
    assert len(shell.json("keys", "list", "--all")) == 1


@pytest.mark.parametrize(
    ("words", "told", "next_step"),
    [
        (("create", "laptop"), "There is a key called `laptop`.", "freehold keys revoke 'laptop'"),
        (("create", ""), "A key's name has 1 to 64 printable characters.", "Name who holds it"),
        (("revoke", "labtop"), "No key is called `labtop`.", "Did you mean `laptop`?"),
    ],
)
def test_mistakes_are_yours_and_come_with_the_next_step(
    tmp_path: Path, words: tuple[str, ...], told: str, next_step: str
) -> None:
    shell = Shell(tmp_path)
    shell("keys", "create", "laptop")
    done = shell("keys", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"error: {told}\n" in done.stderr
    assert " next: " in done.stderr
    assert next_step in done.stderr


def test_a_lost_pepper_is_our_trouble_and_is_said_at_once(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell("keys", "create", "laptop")
    (tmp_path / ".freehold" / "secret").unlink()
    done = shell("keys", "create", "phone")
    assert (done.returncode, done.stdout) == (2, "")
    assert "none of the 1 keys" in done.stderr
    assert "backup" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in shell("--debug", "keys", "create", "phone").stderr


def test_names_of_good_keys_complete(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    for name in ("laptop", "phone", "landline"):
        shell("keys", "create", name)
    shell("keys", "revoke", "landline")
    line = "freehold keys revoke la"
    done = shell(_FREEHOLD_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD="3")
    assert done.stdout.split() == ["laptop"]


def test_a_key_may_belong_to_a_team_and_a_user(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell("keys", "create", "laptop", "--team", "search ", "--user", "ana")
    shell("keys", "create", "phone", "--user", "ana")
    first, second = shell.json("keys", "list")
    assert (first["team"], first["user"]) == ("search", "ana")
    assert (second["team"], second["user"]) == (None, "ana")
    wrong = shell("keys", "create", "other", "--team", " ")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "A team's name has 1 to 64 printable characters." in wrong.stderr
