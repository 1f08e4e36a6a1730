"""What counts as evidence in `freehold compare`: nothing foreign does, and nothing that was paid for is lost."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from compared import RIGHT, Folder, case, simulated
from private_disk import PrivateDisk
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.providers.simulated.script import Behaviour, Echo, Script
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


def have_received(providers: Sequence[ThreadedProvider], wanted: int, _: object) -> bool:
    return sum(len(one.requests) for one in providers) >= wanted


def test_a_budget_outlives_kills(folder: Folder, shell: Shell) -> None:
    ten = "a b c d e f g h i j"
    stuck, quick = Behaviour(text=ten, headers_s=60), Behaviour(text=ten)
    budget = Decimal("0.006")
    words = (*WORDS, "words", "--budget", str(budget), "--json")
    with simulated(stuck) as old, simulated(stuck) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(200))
        for _ in range(3):
            before = len(old.requests) + len(new.requests)
            running = shell.start(*words, "--concurrency", "4")
            wanted = before + 8  # four places at each of two providers
            old.until(partial(have_received, (old, new), wanted), limit=30)
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
        paid = most_billed(old, new)
        running = shell.start(*free, "--fresh", "--concurrency", "2")
        old.until(lambda _: most_billed(old, new) > paid + Decimal("0.002"), limit=30)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
        spent = most_billed(old, new)
        again = shell(*free, "--fresh", "--budget", "0.002", "--json")
        assert "The budget of $0.002 is used up: $0.00 of it are left" in again.stdout
        assert most_billed(old, new) == spent


# What goes wrong in the middle


def test_an_empty_suite_is_told_before_anything_is_made(
    folder: Folder, shell: Shell, old: ThreadedProvider, new: ThreadedProvider
) -> None:
    folder.configure(old, new)
    for name, content in (("empty.jsonl", ""), ("blank.jsonl", "\n \n"), ("empty.csv", "input,target\n")):
        (shell.folder / name).write_text(content)
        for words in (("--scorer", "exact"), ("--recorded", "--scorer", "exact")):
            done = shell("suite", "add", name, *words)
            assert (done.returncode, done.stdout) == (1, "")
            assert "There is no" in done.stderr and name in done.stderr, done.stderr
    assert shell.json("suite", "list") == []
    done = shell(*WORDS, "empty")
    assert done.returncode == 1
    assert "There is no suite `empty`." in done.stderr


def test_a_scorer_that_raises_loses_nothing_that_was_paid_for(
    folder: Folder, shell: Shell, old: ThreadedProvider, new: ThreadedProvider
) -> None:
    """It is the scorer of a task of Inspect AI, which is anybody's code."""
    pytest.importorskip("inspect_ai")
    shell.environment["PYTHONWARNINGS"] = "default"  # of what Inspect AI stands on
    folder.configure(old, new)
    (shell.folder / "words.py").write_text(RAISING)
    shell.json("suite", "add", "words.py@words", "--name", "words")
    done = shell(*WORDS, "words", "--concurrency", "1")
    assert done.returncode == 1
    assert "failed at case `word4`: ZeroDivisionError: in the scorer" in done.stderr
    assert "Every answer is kept." in done.stderr
    assert "Traceback" not in done.stderr
    [listed] = shell.json("compare", "list")
    assert listed["state"] == "failed"
    asked = len(old.requests) + len(new.requests)
    assert 2 <= asked < 40
    # Mended, it goes on, and nothing is asked for twice.
    shell.environment["MENDED"] = "yes"
    [found] = shell.json(*WORDS, "words")
    assert (found["comparison"], found["state"]) == (listed["id"], "done")
    assert asked + int(str(found["asked"])) == len(old.requests) + len(new.requests) == 40
    assert evidence(found)["ties"] == 20


def test_a_provider_that_goes_leaves_what_was_answered_before(folder: Folder, shell: Shell) -> None:
    slow = Behaviour(text=Echo(), headers_s=0.02)
    with simulated(slow) as old:
        with simulated(slow) as new:
            folder.configure(old, new)
            folder.add(case(number) for number in range(40))
            running = shell.start(*WORDS, "words", "--concurrency", "4", "--json")
            new.until(lambda one: len(one.requests) > 12, limit=30)
            received = len(new.requests)
        said, _ = running.communicate(timeout=60)
        found = json.loads(said)
        assert found["state"] == "done"  # there is nothing more that could change it
        [one] = found["verdicts"]
        assert one["decision"] == "undecided"
        assert one["evidence"]["failures"]["incumbent"] == 0
        failed = one["evidence"]["failures"]["candidate"]
        assert one["reason"].startswith(f"`new/model` failed to answer {failed} of ")
        # It is back, at another address: what it had answered is not asked again.
        with simulated(slow) as back:
            folder.configure(old, back)
            [again] = shell.json(*WORDS, "words")
            assert evidence(again)["ties"] == 40
            assert evidence(again)["failures"] == {"incumbent": 0, "candidate": 0}
            assert 40 <= received + len(back.requests) <= 40 + 4
        assert len(old.requests) == 40


def test_a_disk_that_fills_up_stops_it_and_what_was_kept_is_not_asked_again(
    folder: Folder, shell: Shell
) -> None:
    disk = PrivateDisk(shell.folder / ".freehold", 20_000_000)
    if not disk.possible:
        pytest.skip("this system lets nobody have a disk of their own")
    (shell.folder / "words.jsonl").write_text(
        "".join(f'{{"input": "word{at}", "target": "word{at}"}}\n' for at in range(60))
    )
    slow = Behaviour(text=Echo(), headers_s=0.05)
    words = (*WORDS, "words", "--concurrency", "2", "--json")
    with simulated(slow) as old, simulated(slow) as new, disk.open() as inside:

        def run(*words: str) -> dict[str, Any]:
            with shell.start(*words, within=inside.within) as running:
                said, told = running.communicate(timeout=60)
            assert running.returncode == 0, told
            found = json.loads(said)
            assert isinstance(found, dict)
            return found

        folder.configure(old, new)
        run("suite", "add", "words.jsonl", "--scorer", "exact", "--json")
        running = shell.start(*words, within=inside.within)
        new.until(lambda one: len(one.requests) > 10, limit=30)
        disk.fill(inside.pid)
        _, told = running.communicate(timeout=60)
        assert running.returncode == 1
        assert b"disk" in told.lower()
        assert b"Traceback" not in told
        before = len(old.requests) + len(new.requests)
        assert before < 120
        disk.free(inside.pid)
        found = run(*words)
        assert found["state"] == "done"
        assert evidence(found)["ties"] == 60
        # Four were under way when no more could be kept, and as many may have been answered and not been kept.
        assert 120 <= len(old.requests) + len(new.requests) <= 120 + 8
        assert found["asked"] == len(old.requests) + len(new.requests) - before


def test_the_same_comparison_begun_twice_at_once_is_run_once(folder: Folder, shell: Shell) -> None:
    slow = Behaviour(text=Echo(), headers_s=0.2)
    with simulated(slow) as old, simulated(slow) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(20))
        words = (*WORDS, "words", "--concurrency", "1", "--json")
        both = [shell.start(*words) for _ in range(2)]
        told = [running.communicate(timeout=60)[1].decode() for running in both]
        assert sorted(running.returncode for running in both) == [0, 1]
        [refused] = [said for running, said in zip(both, told, strict=True) if running.returncode]
        assert "This comparison is being run by another process." in refused
        assert (len(old.requests), len(new.requests)) == (20, 20)
        [listed] = shell.json("compare", "list")
        assert listed["state"] == "done"


RAISING = """
import os

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState, generate


@scorer(metrics=[accuracy()])
def raising() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        if target.text == "word4" and "MENDED" not in os.environ:
            raise ZeroDivisionError("in the scorer")
        return Score(value=1.0 if state.output.completion == target.text else 0.0)

    return score


@task
def words() -> Task:
    samples = [Sample(input=f"word{n}", target=f"word{n}", id=f"word{n}") for n in range(20)]
    return Task(MemoryDataset(samples), solver=generate(), scorer=raising())
"""
