"""A task of Inspect AI through the command line: made a suite, compared on, and every call on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from compared import RIGHT, WRONG, Folder, simulated
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

pytest.importorskip("inspect_ai")
pytestmark = pytest.mark.filterwarnings("default")  # of what Inspect AI stands on

TASKS = Path(__file__).parents[1] / "support" / "inspect_tasks.py"


def test_a_task_is_added_and_compared_on(tmp_path: Path) -> None:
    shell, folder = Shell(tmp_path), Folder(tmp_path)
    shell.environment["PYTHONWARNINGS"] = "default"
    with simulated(RIGHT) as old, simulated(WRONG) as new:
        folder.configure(old, new)
        (added,) = shell.json("suite", "add", f"{TASKS}@echo", "--task-arg", "many=40", "--name", "words")
        assert (added["cases"], added["new"]) == (40, True)
        (found,) = shell.json(
            "compare", "copilot", "--with", "new/model", "--suite", "words", "--margin", "0.3"
        )
        calls = shell.json("calls", "--limit", "1000")
    (verdict,) = cast("list[dict[str, Any]]", found["verdicts"])
    assert verdict["decision"] == "does not replace"
    assert verdict["evidence"]["candidate_mean"] == 0.0
    assert len(calls) == found["asked"]


def test_what_is_of_files_is_not_of_tasks(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    Folder(tmp_path)
    (tmp_path / "freehold.toml").write_text("[local]\nenabled = false\n")
    done = shell("suite", "add", f"{TASKS}@echo", "--scorer", "exact")
    assert done.returncode == 1 and "brings its own cases and scorers" in done.stderr
    (tmp_path / "cases.jsonl").write_text('{"input": "hello", "target": "hello"}\n')
    done = shell("suite", "add", "cases.jsonl", "--scorer", "exact", "--grader", "a/b")
    assert done.returncode == 1 and "of tasks of Inspect AI" in done.stderr
