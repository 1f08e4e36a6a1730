"""Comparisons with the model that comes with Freehold: no network, no key, no endpoint."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from browser import browser, opened
from compared import Folder
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[2]
CASES = 240
FULL = os.environ.get("FREEHOLD_TEST_ALL_CASES") == "1"
"""Ask all cases, which takes minutes, and not only until the verdict is sure."""


def shown(kind: str) -> list[list[str]]:
    """The commands that the docs show of this example, in their order; `kind` is the first word of them."""
    text = (ROOT / "docs/comparisons.md").read_text()
    part = text.split("## Try it with the model that comes with Freehold")[1].split("\n## ")[0]
    found = re.findall(rf"^ +{kind} (.*)$", part, re.MULTILINE)
    assert found
    return [shlex.split(line) for line in found]


class Run(msgspec.Struct, frozen=True):
    """What the commands of the docs came to."""

    shell: Shell
    result: dict[str, Any]
    page: Path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("letters")
    (folder / "examples").symlink_to(ROOT / "examples")
    shell = Shell(folder)
    [[script, redirected, lines]] = shown("python")
    assert redirected == ">"
    with (folder / lines).open("w") as file:
        subprocess.run([sys.executable, script], check=True, cwd=folder, stdout=file)
    added, worse, *_ = shown("freehold")
    [suite] = shell.json(*added)
    assert suite["cases"] == CASES
    more = ("--to-the-end",) if FULL else ()
    [result] = shell.json(*worse, *more)
    done = shell("compare", "report", str(result["comparison"]), "-o", "report.html")
    assert done.returncode == 0, done.stderr
    return Run(shell, result, folder / "report.html")


def test_it_ends_in_a_verdict(run: Run) -> None:
    [whole] = [one for one in run.result["verdicts"] if not one.get("task_class")]
    assert whole["candidate"] == "local/smollm2-135m [french]"
    assert whole["decision"] == "does not replace"
    evidence = whole["evidence"]
    assert evidence["high"] < -0.1
    assert evidence["losses"] > evidence.get("wins", 0)
    assert evidence["failures"] == {"incumbent": 0, "candidate": 0}
    assert evidence["n"] == CASES if FULL else 5 < evidence["n"] < CASES
    assert (run.result["state"], run.result["spent"], run.result["unpriced"]) == ("done", "0", 0)
    assert {one.get("task_class", "") for one in run.result["verdicts"]} == {"", "name", "order", "town"}


def test_every_answer_is_a_call_in_the_ledger_and_kept(run: Run) -> None:
    comparison = str(run.result["comparison"])
    calls = run.shell.json("calls", "--key", comparison, "--limit", "1000")
    assert len(calls) == run.result["asked"]
    assert {(call["route"], call["status"]) for call in calls} == {("local/smollm2-135m", 200)}
    folder = Folder(run.shell.folder)
    with closing(folder.database()), folder.archive() as archive:
        name = run.result["terms"]["candidates"][0]
        pairs = [pair for some in archive.pairs(comparison, name) for pair in some]
        answers = archive.answers([pair.candidate_answer for pair in pairs])
    assert len(answers) == len(pairs)
    assert all(answer.text and answer.output_tokens for answer in answers.values())
    assert {answer.call_id for answer in answers.values()} <= {call["id"] for call in calls}


@pytest.fixture(scope="module")
def chromium(run: Run) -> Iterator[Any]:
    """A browser. The comparison is run before: its driver holds this thread's event loop."""
    with browser() as started:
        yield started


@pytest.mark.parametrize("width", [390, 1280])
def test_its_report_opens_in_a_browser(chromium: Any, run: Run, width: int) -> None:
    with opened(chromium, run.page, width=width) as page:
        marks = page(
            "Object.fromEntries([...document.querySelectorAll('.chart')].map(c => "
            "[c.id, c.querySelectorAll('svg g[class*=mark-] > path').length]))"
        )
        assert set(marks) == {"course-0", "classes", "costs", "latencies"}
        assert all(many >= 2 for many in marks.values()), marks
        assert "does not replace" in page.page.locator("header .glance").inner_text()
        assert 5 < page.page.locator("article.case").count() <= 20
        assert page("document.documentElement.scrollWidth") == width
        wanted = page(
            "(() => { let n = 0; for (const e of document.querySelectorAll('a[href], summary')) "
            "if (e.checkVisibility()) e.dataset.wanted = n++; return n; })()"
        )
        reached = set()
        for _ in range(wanted * 3):
            page.page.keyboard.press("Tab")
            reached.add(page("document.activeElement.dataset.wanted ?? null"))
        assert {int(one) for one in reached if one is not None} == set(range(wanted))
        assert page.said == []
        assert page.asked == []


@pytest.mark.skipif(not FULL, reason="takes minutes; set FREEHOLD_TEST_ALL_CASES=1")
def test_a_prompt_that_does_as_well_replaces(run: Run) -> None:
    *_, better, _ = shown("freehold")
    result: dict[str, Any] = run.shell.json(*better)[0]
    [whole] = [one for one in result["verdicts"] if not one.get("task_class")]
    assert whole["candidate"] == "local/smollm2-135m [shop]"
    assert whole["decision"] == "replaces"
    assert whole["evidence"]["low"] > -0.1
    # The incumbent's answers are there from before.
    assert result["asked"] < whole["evidence"]["n"] + 20
