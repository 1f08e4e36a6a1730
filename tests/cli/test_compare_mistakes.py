"""What people mistype when they compare, and what they are told to do instead."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from compared import RIGHT, WRONG, Folder, case, simulated
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.providers.simulated.faults import Refused
from freehold.providers.simulated.script import Behaviour, Echo
from freehold.providers.simulated.threaded import ThreadedProvider

WORDS = ("compare", "copilot", "--with", "new/model", "--suite", "words")


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


def _only(shell: Shell, *words: str) -> dict[str, Any]:
    (found,) = shell.json(*words)
    return found


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("new --with old/model --suite words", "A model of this provider is called `new/NAME`"),
        ("copilot --with modell --suite words", "A model is called `provider/NAME`"),
        ("copilot --with nwe/model --suite words", "Did you mean `new`?"),
        ("copliot --with new/model --suite words", "Did you mean `copilot`?"),
        ("copilot --with new/model --suite Wrods", "Did you mean `words`?"),
        ("copilot --with new/model --suite my/words.csv", "`freehold suite add my/words.csv`"),
        ("lst", "Did you mean `list`?"),
        ("copilot --with new/model --suite words --margin 5%", "'5%' is not a number."),
        ("copilot --with new/model --suite words --max-cases some", "'some' is not a whole number."),
        ("--resume comparison_0 --seed 0", "is known of a comparison that is gone on with"),
        ("--resume comparison_0 --margin 0", "is known of a comparison that is gone on with"),
        ("--resume comparison_0 --allow-judge new/model", "is known of a comparison that is gone on with"),
        ("copilot --with new/model --suite words --system other.txt", "`other.txt` is not UTF-8."),
        ("copilot --with new/model --suite words --system empty.txt", "`empty.txt` is empty."),
    ],
)
def test_a_slip_is_told_with_the_next_step(
    folder: Folder, shell: Shell, old: ThreadedProvider, words: str, told: str
) -> None:
    folder.configure(old, old)
    folder.add([case(1)])
    (folder.path / "other.txt").write_bytes("간단히".encode("utf-16"))
    (folder.path / "empty.txt").write_text("\n")
    done = shell("compare", *words.split())
    assert done.returncode == 1
    assert told in done.stderr
    assert not old.requests
    assert not shell.json("compare", "list")


def test_a_plan_names_the_judges_that_it_does_not_count(
    folder: Folder, shell: Shell, old: ThreadedProvider
) -> None:
    folder.configure(old, old)
    (folder.path / "asked.csv").write_text("input\na\nb\n")
    assert shell("suite", "add", "asked.csv", "--scorer", "rubric-judge:model=third/judge").returncode == 0
    words = ("compare", "copilot", "--with", "new/model", "--suite", "asked", "--plan-only")
    done = shell(*words)
    assert "What `third/judge` as a judge is asked and costs comes on top." in done.stderr
    plan = _only(shell, *words)
    assert plan["judges"] == ["third/judge"]


def test_a_program_is_told_of_every_count(folder: Folder, shell: Shell, old: ThreadedProvider) -> None:
    with simulated(WRONG) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(40))
        found = _only(shell, *WORDS)
    (one,) = found["verdicts"]
    evidence = one["evidence"]
    assert evidence["wins"] == evidence["ties"] == 0
    assert evidence["losses"] == evidence["n"] > 0
    assert one["task_class"] == ""
    looked = shell("compare", "show", found["comparison"])
    assert "a verdict is wrong with a probability of 0.05 at most" in looked.stdout
    assert "asked for" not in looked.stdout


def test_who_fails_is_told_of_with_the_reason(folder: Folder, shell: Shell, old: ThreadedProvider) -> None:
    gone = Behaviour(faults=(Refused(status=404, code="model_not_found"),))
    with simulated(gone) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(40))
        done = shell(*WORDS)
    assert done.returncode == 0
    assert "`new/model` failed to answer" in done.stdout
    assert "(provider_refused)" in done.stdout
    listed = _only(shell, "compare", "list")
    hint = f"`freehold calls --key {listed['id']}` lists the calls that failed, too."
    assert hint in done.stderr
    assert "refused" in shell("calls", "--key", listed["id"]).stdout


def test_what_was_broken_off_tells_how_to_go_on(folder: Folder, shell: Shell) -> None:
    slow = Behaviour(text=Echo(), headers_s=0.02)
    with simulated(slow) as old, simulated(slow) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(200))
        running = shell.start(*WORDS, "--concurrency", "2")
        old.until(lambda one: len(one.requests) > 10, limit=20)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=20)
    listed = _only(shell, "compare", "list")
    assert f"`freehold compare --resume {listed['id']}` goes on with it.".encode() in said
