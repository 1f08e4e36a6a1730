"""What counts as evidence in `freehold compare`: nothing foreign does, and nothing that was paid for is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from compared import RIGHT, Folder, simulated
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

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
