"""A comparison whose models are asked from a Ray cluster: the verdict, the ledger and the budget are the same."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from compared import RIGHT, WRONG, Folder, case, simulated
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

pytest.importorskip("ray")

WORDS = ("compare", "copilot", "--with", "new/model", "--suite", "words", "--margin", "0.3")
RAY = ("--on", "ray")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shell.environment["PYTHONWARNINGS"] = "default"  # of what Ray stands on
    return shell


def compared(shell: Shell, *more: str) -> dict[str, Any]:
    (found,) = shell.json(*WORDS, *more)
    return cast("dict[str, Any]", found)


def test_the_verdict_is_the_same_and_every_call_is_on_record(tmp_path: Path, shell: Shell) -> None:
    folder = Folder(tmp_path)
    with simulated(RIGHT) as old, simulated(WRONG) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(40))
        there = compared(shell, *RAY)
        assert len(shell.json("calls", "--limit", "1000")) == there["asked"] >= 20
        here = compared(shell, "--fresh")
    for found in (there, here):
        (verdict,) = found["verdicts"]
        assert verdict["decision"] == "does not replace"
    ours, theirs = here["verdicts"][0]["evidence"], there["verdicts"][0]["evidence"]
    assert ours == theirs


def test_a_budget_is_shared_out_and_never_overrun(tmp_path: Path, shell: Shell) -> None:
    folder = Folder(tmp_path)
    with simulated(RIGHT) as old, simulated(RIGHT) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(200))
        found = compared(shell, *RAY, "--budget", "0.002", "--concurrency", "4", "--margin", "0.01")
        calls = shell.json("calls", "--limit", "1000")
    (verdict,) = found["verdicts"]
    assert verdict["decision"] == "undecided" and "budget" in verdict["reason"]
    spent = sum(Decimal(str(one["cost"])) for one in calls)
    assert Decimal("0.001") < spent <= Decimal("0.002")
    assert len(calls) == found["asked"]
