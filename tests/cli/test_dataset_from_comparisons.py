"""`freehold dataset make --accept scorer` and `judge`: answers that comparisons have found good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from compared import RIGHT, Folder, case, simulated
from honest_judge import HonestJudge
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.compare.case import ScorerSettings
from freehold.providers.simulated.script import Behaviour

pytest.importorskip("datasketch")
pytest.importorskip("presidio_analyzer")

CASES = 24
PAIRWISE = ScorerSettings(kind="pairwise-judge", settings=msgspec.Raw(b'{"model": "house/judge"}'))
MADE = (
    "dataset",
    "make",
    "words",
    "--unmasked",
    "--from",
    "suite:words",
    "--alike",
    "100%",
    "--held-out",
    "0",
)
TOML = """
[local]
enabled = false
[providers.old]
base_url = "{old}"
[providers.new]
base_url = "{new}"
[providers.house]
base_url = "{house}/v1"
[models."old/model"]
licence = "MIT"
[models."new/model"]
licence = "Apache-2.0"
"""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """The incumbent is always wrong, the candidate repeats the question, which is right."""
    with ExitStack() as stack:
        old = stack.enter_context(simulated(Behaviour(text="WRONG")))
        new = stack.enter_context(simulated(RIGHT))
        house = stack.enter_context(HonestJudge())
        toml = TOML.format(old=old.base_url, new=new.base_url, house=house.url)
        (tmp_path / "freehold.toml").write_text(toml)
        yield Shell(tmp_path)


def _compare(shell: Shell, *words: str) -> None:
    done = shell("compare", "old/model", "--with", "new/model", "--suite", "words", "--to-the-end", *words)
    assert "replaces" in done.stdout, done.stderr


def _rows(shell: Shell) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shell("dataset", "export", "words").stdout.splitlines()]


def test_answers_with_full_marks_are_learned_from(shell: Shell) -> None:
    suite = Folder(shell.folder).add(case(number, task_class="words") for number in range(CASES))
    early = shell(*MADE, "--accept", "scorer")
    assert early.returncode == 1
    assert "24 lines were left out, as they are cases of which no kept answer was found good." in early.stderr
    _compare(shell)
    [made] = shell.json(*MADE, "--accept", "scorer")
    assert made["makers"] == {"new/model": CASES}
    assert made["scorers"] == [{"kind": "exact"}]
    assert f"It is made of cases of the suite `words` ({suite.hash[:12]})" in str(made["notes"])
    for number, row in enumerate(_rows(shell)):
        assert row["answer"] == {"role": "assistant", "content": f"word{number}"}
        assert (row["accepted"], row["target"]) == ("scorer", f"word{number}")
        assert row["origin"] == f"suite {suite.hash[:12]} case case-{number}"
        assert row["task_class"] == "words"
    assert shell(*MADE, "--accept", "judge").returncode == 1


def test_an_answer_that_a_judge_preferred_comes_with_the_other_one(shell: Shell) -> None:
    Folder(shell.folder).add((case(number) for number in range(CASES)), scorers=(PAIRWISE,))
    _compare(shell)
    [made] = shell.json(*MADE, "--accept", "judge")
    assert made["makers"] == {"new/model": CASES}
    for row in _rows(shell):
        assert row["accepted"] == "judge"
        assert row["rejected"]["content"] == "WRONG"
    assert shell(*MADE, "--accept", "scorer").returncode == 1
