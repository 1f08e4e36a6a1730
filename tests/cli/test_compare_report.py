"""`freehold compare report` through the command line: a comparison that was really run, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from compared import RIGHT, WRONG, Folder, case, simulated
from planted import call_number, plant
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.catalog.prices import ModelPrice, PriceList
from freehold.catalog.rates import Rates

DAY_US = 86_400_000_000
RATES = Rates(input=Decimal(1), output=Decimal(10))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def result(shell: Shell, *words: str) -> dict[str, Any]:
    (found,) = shell.json(*words)
    return found


@pytest.fixture
def compared_id(folder: Folder, shell: Shell) -> Iterator[str]:
    """The id of a comparison with two candidates, and calls of the route beside it."""
    with simulated(RIGHT) as old, simulated(RIGHT, WRONG) as new:
        folder.configure(old, new)
        folder.add(case(number, task_class="ab"[number % 2]) for number in range(120))
        now_us = time.time_ns() // 1000
        calls = [
            call_number(
                number, route="copilot", provider="old", model="model", started_us=now_us - ago * DAY_US
            )
            for number, ago in enumerate((0, 3, 3, 5, 40))
        ]
        plant(folder.path, calls, PriceList(own={"old/model": (ModelPrice(RATES),)}, lists={}))
        words = ("compare", "copilot", "--suite", "words", "--margin", "0.1")
        yield result(shell, *words, "--with", "new/model", "--with", "new/model2")["comparison"]


def test_a_page_is_written_and_the_value_is_printed(shell: Shell, tmp_path: Path, compared_id: str) -> None:
    done = shell("compare", "report", compared_id)
    assert done.returncode == 0, done.stderr
    path = tmp_path / f"{compared_id}.html"
    assert done.stdout == f"{compared_id}.html\n"
    assert "no network is needed to read it" in done.stderr
    page = path.read_text("utf-8")
    assert "new/model may replace old/model." in page
    assert "new/model2 does not replace old/model." in page
    assert "http-equiv" in page

    report = result(shell, "compare", "report", compared_id[len("comparison_") :][:20])
    assert report["comparison"] == compared_id
    assert {one["candidate"]: one["decision"] for one in report["courses"]} == {
        "new/model": "replaces",
        "new/model2": "does not replace",
    }
    calls = {one["id"] for one in shell.json("calls", "--key", compared_id, "--limit", "1000")}
    assert report["calls"]
    assert set(report["calls"]) <= calls
    # The route's own calls of whole days are its traffic: not today's, none of an older month, and not those of the
    # comparison itself.
    assert (report["traffic"]["calls"], report["traffic"]["days"]) == (3, 5)
    saving = next(one for one in report["savings"] if one["candidate"] == "new/model")
    assert saving["month_calls"] == 18
    left = Decimal(saving["month_cost"]) - Decimal(saving["month_cost_then"])
    assert Decimal(saving["saved"]) == left


def test_it_is_written_where_it_is_wanted(shell: Shell, tmp_path: Path, compared_id: str) -> None:
    done = shell("compare", "report", compared_id, "-o", "verdict.html")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "verdict.html").stat().st_size > 500_000
    refused = shell("compare", "report", compared_id, "-o", "nowhere/verdict.html")
    assert refused.returncode == 1
    assert "`nowhere/verdict.html` cannot be written: No such file or directory." in refused.stderr
    refused = shell("compare", "report", compared_id, "--json", "-o", "verdict.html")
    assert refused.returncode == 1
    assert "`--json` prints the report" in refused.stderr


def test_a_comparison_that_is_not_there_is_told(folder: Folder, shell: Shell) -> None:
    with simulated(RIGHT) as old:
        folder.configure(old, old)
        refused = shell("compare", "report", "comparison_nothing")
    assert refused.returncode != 0
    assert "There is no comparison `comparison_nothing`." in refused.stderr
