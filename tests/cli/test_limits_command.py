from __future__ import annotations

import asyncio
import time
from pathlib import Path

from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.limits.account import PLACE, Counter
from freehold.limits.batch import Batch, Want
from freehold.limits.filed import FiledBooks
from freehold.limits.windows import Calendar

TOML = """
[limits.all]
on = "organisation"
per = "month"
money = 25
requests = 100
[limits.each-team]
on = "team"
per = "day"
tokens = 1_000
[limits.few]
on = "key"
concurrency = 3
"""
NOW = int(time.time() * 1_000_000)
MONTH = Calendar("month").span_at(NOW)
MONEY = Counter(f"all|money|{MONTH.start_us}|*", until_us=MONTH.end_us)
FEW = Counter("few|concurrency||key_1", PLACE)
DOLLAR = 10**9


def _use(folder: Path) -> None:
    """A process spends two dollars, and dies while it holds three."""

    async def play() -> None:
        books = FiledBooks(folder / ".freehold" / "limits.db")
        number = 0

        async def do(now: int, **what: object) -> None:
            nonlocal number
            number += 1
            known: dict[str, object] = {
                "settlements": {},
                "expirations": {},
                "raises": {},
                "truth": None,
                "spares": {},
                "wants": [],
            }
            await books.do(
                Batch(owner="dead", number=number, now_us=now, filled="once", **{**known, **what})  # type: ignore[arg-type]
            )

        await do(NOW, raises={MONEY: 2 * DOLLAR})
        await do(NOW, wants=[(Want(MONEY, 3 * DOLLAR, 25 * DOLLAR), Want(FEW, 1, 3))])
        await do(NOW, expirations={MONEY: 3 * DOLLAR})
        await books.close()

    asyncio.run(play())


def test_without_limits_it_says_how_to_set_one(tmp_path: Path) -> None:
    done = Shell(tmp_path)("limits")
    assert (done.returncode, done.stdout) == (0, "")
    assert "`[limits.NAME]`" in done.stderr


def test_limits_are_shown_before_anybody_used_anything_and_looking_makes_no_files(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text(TOML)
    done = Shell(tmp_path)("limits")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "LIMIT",
        "all",
        "all",
        "each-team",
        "few",
    ]
    assert "$25.00" in done.stdout
    assert not (tmp_path / ".freehold").exists()


def test_what_was_released_is_told_as_json_too(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text(TOML)
    shell = Shell(tmp_path)
    shell("keys", "create", "laptop")
    _use(tmp_path)
    (freed,) = shell.json("limits", "release", "all")
    assert (freed["limit"], freed["measure"], freed["amount"]) == ("all", "money", "3.000000000")


def test_what_is_used_held_expired_and_left_is_shown_and_what_expired_can_be_released(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text(TOML)
    shell = Shell(tmp_path)
    shell("keys", "create", "laptop")
    _use(tmp_path)
    listed = shell("limits", "--utc").stdout
    (line,) = (one for one in listed.splitlines() if "money" in one)
    assert line.split()[:5] == ["all", "organisation", "everybody", "month", "money"]
    assert line.split()[5:9] == ["$2.00", "$3.00", "$25.00", "$20.00"]
    assert line.endswith("00:00:00Z")
    found = {(row["limit"], row["measure"]): row for row in shell.json("limits")}
    money = found["all", "money"]
    assert (money["used"], money["held"], money["expired"]) == ("2.000000000", "0.000000000", "3.000000000")
    assert money["balanced"] is True
    assert found["few", "concurrency"]["held"] == 1
    released = shell("limits", "release", "all")
    assert released.returncode == 0
    assert "Released $3.00 of `all` for everybody" in released.stderr
    after = {(row["limit"], row["measure"]): row for row in shell.json("limits")}["all", "money"]
    assert (after["expired"], after["left"]) == ("0.000000000", "23.000000000")
    assert "Nothing has expired there" in shell("limits", "release", "all").stderr
    assert shell.json("limits", "release", "all") == []
    wrong = shell("limits", "release", "al")
    assert wrong.returncode == 1
    assert "No limit is called `al`" in wrong.stderr


def test_a_forecast_says_how_it_was_made(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text(TOML)
    shell = Shell(tmp_path)
    _use(tmp_path)
    done = shell("spend", "--forecast")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["WINDOW", "this", "all"]
    assert "How: " in done.stderr
    month, limit = shell.json("spend", "--forecast")
    assert month["limit"] is None
    assert limit["limit"] == "all"
    assert limit["spent"] == "5.000000000"
    assert limit["bound"] == "25.000000000"
    assert limit["method"]
    for choice in (("--by", "key"), ("--since", "2h"), ("--route", "chat")):
        refused = shell("spend", "--forecast", *choice)
        assert refused.returncode == 1
        assert "takes no choice of calls" in refused.stderr


def test_a_server_that_is_away_is_said(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text(TOML + '[shared]\nurl = "env:SERVER"\n')
    shell = Shell(tmp_path)
    shell.environment["SERVER"] = "valkey://127.0.0.1:1/0"
    done = shell("limits")
    assert done.returncode == 1
    assert "The limits cannot be read" in done.stderr or "is not installed" in done.stderr
    assert ".." not in done.stderr
