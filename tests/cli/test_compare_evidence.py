"""What counts as evidence in `freehold compare`: nothing foreign does, and nothing that was paid for is lost."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from compared import RIGHT, Folder, case, simulated
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.providers.simulated.script import Behaviour, Script
from freehold.providers.simulated.threaded import ThreadedProvider

WORDS = ("compare", "copilot", "--with", "new/model", "--suite")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def old() -> Iterator[ThreadedProvider]:
    with simulated(RIGHT) as running:
        yield running


@pytest.fixture
def new() -> Iterator[ThreadedProvider]:
    with simulated(RIGHT) as running:
        yield running


def write(shell: Shell, name: str, rows: list[dict[str, Any]]) -> None:
    (shell.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def evidence(found: dict[str, Any]) -> dict[str, Any]:
    (one,) = found["verdicts"]
    assert isinstance(one["evidence"], dict)
    return one["evidence"]


def test_answers_handed_in_with_another_suite_count_for_nobody_else(
    folder: Folder, shell: Shell, old: ThreadedProvider, new: ThreadedProvider
) -> None:
    folder.configure(old, new)
    asked = [{"id": f"q{at}", "input": f"word{at}", "target": f"word{at}"} for at in range(8)]
    write(shell, "mine.jsonl", asked)
    # The same questions, to which somebody says that `new/model` has answered nonsense.
    handed_in = [
        {
            "case": one["id"],
            "model": "new/model",
            "answer": "no",
            "input": one["input"],
            "target": one["input"],
        }
        for one in asked
    ]
    write(shell, "elsewhere.jsonl", handed_in)
    shell.json("suite", "add", "elsewhere.jsonl", "--recorded", "--scorer", "exact")
    shell.json("suite", "add", "mine.jsonl", "--scorer", "exact")

    [plan] = shell.json(*WORDS, "mine", "--plan-only")
    assert [one["known"] for one in plan["models"]] == [0, 0]  # type: ignore[attr-defined]
    [mine] = shell.json(*WORDS, "mine")
    assert (len(old.requests), len(new.requests)) == (8, 8)
    assert evidence(mine)["ties"] == 8

    # With their own suite they count, and not what the model said to somebody else since.
    [elsewhere] = shell.json(*WORDS, "elsewhere")
    assert elsewhere["asked"] == 0
    assert evidence(elsewhere)["losses"] == 8

    # And whoever compares the other suite again uses what was asked, not what was handed in later.
    [again] = shell.json(*WORDS, "mine", "--seed", "1")
    assert again["asked"] == 0
    assert evidence(again)["ties"] == 8


# The budget


def most_billed(*providers: ThreadedProvider) -> Decimal:
    """What the providers may ask for at the most: all that they received, whatever became of it, at 10 tokens each."""
    asked = [one.asked for provider in providers for one in provider.requests]
    return (
        sum((Decimal(one.input_tokens() + 10 * 10) for one in asked if one is not None), Decimal(0)) / 10**6
    )


def test_a_budget_outlives_kills(folder: Folder, shell: Shell) -> None:
    ten = "a b c d e f g h i j"
    stuck, quick = Behaviour(text=ten, headers_s=60), Behaviour(text=ten)
    budget = Decimal("0.006")
    words = (*WORDS, "words", "--budget", str(budget), "--json")
    with simulated(stuck) as old, simulated(stuck) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(200))

        def asked() -> int:
            return len(old.requests) + len(new.requests)

        for _ in range(3):
            enough = asked() + 8
            running = shell.start(*words, "--concurrency", "4")
            old.until(lambda _: asked() >= enough, limit=30)  # noqa: B023 - it has returned by then
            os.kill(running.pid, signal.SIGKILL)
            running.communicate(timeout=10)
        old.play(Script(models={"model": quick}))
        new.play(Script(models={"model": quick}))
        found = json.loads(shell(*words, "--concurrency", "16").stdout)
        assert found["state"] == "stopped"
        assert "The budget of $0.006 is used up" in found["verdicts"][0]["reason"]
        assert 0 < Decimal(found["spent"]) < most_billed(old, new) <= budget

        # What an earlier run spent without a bound counts against one that is set later.
        folder.add((case(number) for number in range(40)), name="unbounded")
        free = (*WORDS, "unbounded")
        slow = Behaviour(text=ten, headers_s=0.03)
        old.play(Script(models={"model": slow}))
        new.play(Script(models={"model": slow}))
        billed = most_billed(old, new)
        running = shell.start(*free, "--fresh", "--concurrency", "2")
        old.until(lambda _: most_billed(old, new) > billed + Decimal("0.002"), limit=30)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
        spent = most_billed(old, new)
        again = shell(*free, "--fresh", "--budget", "0.002", "--json")
        assert "The budget of $0.002 is used up: $0.00 of it are left" in again.stdout
        assert most_billed(old, new) == spent
