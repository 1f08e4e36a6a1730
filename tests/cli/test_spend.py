"""`freehold spend`: exact, and honest about what is unknown."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from planted import call_number, plant
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.core.usage import Usage


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    day = 86_400
    plant(
        tmp_path,
        [
            *(call_number(number) for number in range(3)),
            call_number(
                3,
                provider="small",
                model="two",
                usage=Usage(input_tokens=1, output_tokens=1, source="provider"),
            ),
            call_number(4, provider="far", model="three"),
            call_number(5, provider="far", model="three", usage=Usage()),
            call_number(day, route="copilot", key_id=None),
            call_number(
                day + 1, route=None, provider=None, model=None, usage=Usage(), outcome="refused", status=404
            ),
        ],
    )
    return Shell(tmp_path)


def test_sums_are_exact_to_the_last_digit(shell: Shell) -> None:
    by_model = {str(one["model"]): one for one in shell.json("spend", "--by", "model")}
    read = [1000, 1001, 1002, 87_400]
    exact = sum((Decimal(tokens) * Decimal("2.5") + 10 * 10) / 1_000_000 for tokens in read)
    assert Decimal(str(by_model["big/one"]["cost"])) == exact
    assert by_model["small/two"]["cost"] == "0.000000000400"
    assert by_model["big/one"]["input_tokens"] == sum(read)


def test_unknown_is_never_added_as_nothing(shell: Shell) -> None:
    by_model = {str(one["model"]): one for one in shell.json("spend", "--by", "model")}
    far = by_model["far/three"]
    assert (far["calls"], far["cost"], far["calls_of_unknown_cost"], far["calls_of_unknown_tokens"]) == (
        2,
        None,
        2,
        1,
    )
    lines = shell("spend", "--by", "model").stdout.splitlines()
    assert lines[0].split() == ["MODEL", "CALLS", "COST", "UNKNOWN", "READ", "WRITTEN", "UNCOUNTED"]
    assert next(line for line in lines if line.startswith("far/three")).split() == [
        "far/three", "2", "unknown", "2", "1,004", "10", "1",
    ]  # fmt: skip
    total = lines[-1].split()
    assert total[:2] == ["total", "8"]
    assert total[3] == "3"
    assert Decimal(total[2].strip("$")) == sum(
        Decimal(str(one["cost"])) for one in by_model.values() if one["cost"] is not None
    )


def test_every_call_is_in_one_group_whatever_is_asked(shell: Shell) -> None:
    names = {}
    for by in ("route", "provider", "model", "key", "day"):
        groups = shell.json("spend", "--by", by)
        assert sum(int(str(one["calls"])) for one in groups) == 8
        names[by] = {one[by] for one in groups}
    assert names["route"] == {"default", "copilot", None}
    assert names["provider"] == {"big", "small", "far", None}
    assert names["day"] == {"2026-09-21", "2026-09-22"}
    assert "(none)" in shell("spend", "--by", "key").stdout


def test_spending_is_selected_by_time_and_what_was_called(shell: Shell) -> None:
    one = shell.json("spend", "--since", "2026-09-22", "--until", "2026-09-23", "--utc", "--route", "copilot")
    assert [(group["route"], group["calls"]) for group in one] == [("copilot", 1)]
    assert shell.json("spend", "--provider", "nobody") == []
    wrong = shell("spend", "--since", "whenever")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "`whenever` is not a moment" in wrong.stderr


def test_keys_are_shown_by_name_and_chosen_by_name(shell: Shell) -> None:
    shell("keys", "create", "laptop")
    key = shell.json("keys", "list")[0]["id"]
    plant(shell.folder, [call_number(100, key_id=key)])
    groups = {one["key"]: one for one in shell.json("spend", "--by", "key")}
    assert groups[key]["key_name"] == "laptop"
    assert "laptop" in shell("spend", "--by", "key").stdout
    assert [one["calls"] for one in shell.json("spend", "--key", "laptop")] == [1]
    assert [one["key_name"] for one in shell.json("calls", "--key", "laptop")] == ["laptop"]
    unknown = shell("calls", "--key", "nobody")
    assert unknown.returncode == 1
    assert "No key is called `nobody`" in unknown.stderr
