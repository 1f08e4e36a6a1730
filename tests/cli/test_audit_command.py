from __future__ import annotations

import os
import pwd
import sqlite3
from pathlib import Path

import msgspec
from shell import Shell, forks  # noqa: F401 - a fixture of every test here


def test_every_act_of_the_command_line_is_on_record(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    assert "No act is on record yet." in shell("audit", "list").stderr
    assert not (tmp_path / ".freehold").exists()
    shell("keys", "create", "laptop")
    shell("admin-keys", "create", "alice", "--role", "owner")
    shell("keys", "revoke", "laptop")
    shell("admin-keys", "revoke", "alice")
    found = shell.json("audit", "list")
    me = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    assert [(one["actor"], one["act"], one["number"]) for one in found] == [
        (me, "admin_keys.revoke", 4),
        (me, "keys.revoke", 3),
        (me, "admin_keys.create", 2),
        (me, "keys.create", 1),
    ]
    lines = shell("audit", "list", "-n", "2").stdout.splitlines()
    assert lines[0].split() == ["NUMBER", "WHEN", "WHO", "ACT", "WHAT", "DETAIL"]
    assert len(lines) == 3
    exported = [msgspec.json.decode(line) for line in shell("audit", "export").stdout.splitlines()]
    assert exported == found[::-1]


def test_verifying_says_the_first_entry_that_was_changed(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    for name in ("one", "two", "three"):
        shell("keys", "create", name)
    done = shell("audit", "verify")
    head = done.stdout.strip()
    assert (done.returncode, len(head)) == (0, 64)
    assert shell.json("audit", "verify", "--head", head)[0]["good"] is True
    shell("keys", "create", "four")
    assert shell("audit", "verify", "--head", head).returncode == 0  # it went on since
    _change(tmp_path, "DELETE FROM audit WHERE number >= 3")
    assert shell("audit", "verify").returncode == 0  # the end alone leaves no trace
    cut = shell("audit", "verify", "--head", head)
    assert (cut.returncode, cut.stdout) == (2, "")
    assert "Entries behind 2 are missing" in cut.stderr
    _change(tmp_path, "UPDATE audit SET actor = 'cli:nobody' WHERE number = 1")
    changed = shell("audit", "verify")
    assert changed.returncode == 2
    assert "Entry 1 is not what was written there." in changed.stderr
    wrong = shell("audit", "verify", "--head", "12")
    assert (wrong.returncode, "`12` is not a head." in wrong.stderr) == (1, True)


def test_an_administrators_key_is_shown_once(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    done = shell("admin-keys", "create", "alice", "--role", "operator", "--expires", "30d")
    token = done.stdout.strip()
    assert token.startswith("fha-")
    assert "operator" in done.stderr
    listed = shell("admin-keys", "list")
    assert token[:8] in listed.stdout
    assert token[8:] not in listed.stdout
    assert [(one["name"], one["role"], one["state"]) for one in shell.json("admin-keys", "list")] == [
        ("alice", "operator", "good")
    ]
    assert token.encode()[8:] not in (tmp_path / ".freehold" / "access.db").read_bytes()
    shell("admin-keys", "revoke", token[:8])
    assert shell.json("admin-keys", "list") == []
    assert [one["state"] for one in shell.json("admin-keys", "list", "--all")] == ["revoked"]


def _change(folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / ".freehold" / "access.db") as direct:
        direct.execute(statement)
    direct.close()
