"""A comparison with the model that comes with Freehold: no network, no key, no endpoint."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from compared import Folder, case
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

pytestmark = pytest.mark.model

CASES = 5


def test_the_local_model_is_compared_with_itself_under_another_prompt(tmp_path: Path) -> None:
    folder, shell = Folder(tmp_path), Shell(tmp_path)
    folder.add(case(number, max_tokens=4, temperature=0) for number in range(CASES))
    (tmp_path / "parrot.txt").write_text("Repeat what the user says, and nothing else.")
    (found,) = shell.json(
        "compare", "default", "--with", "local/smollm2-135m", "--system", "parrot.txt", "--suite", "words"
    )
    verdicts: Any = found["verdicts"]
    (verdict,) = verdicts
    assert verdict["decision"] == "undecided"
    assert verdict["candidate"] == "local/smollm2-135m [parrot]"
    assert verdict["evidence"]["n"] == CASES
    assert verdict["evidence"]["failures"] == {"incumbent": 0, "candidate": 0}
    assert (found["asked"], found["spent"], found["unpriced"]) == (2 * CASES, "0", 0)
    calls = shell.json("calls", "--key", str(found["comparison"]))
    assert {(call["route"], call["status"]) for call in calls} == {("local/smollm2-135m", 200)}
    # What the models said is kept, and not only how it was scored.
    with closing(folder.database()), folder.archive() as archive:
        pairs = [
            pair for some in archive.pairs(str(found["comparison"]), verdict["candidate"]) for pair in some
        ]
        answers = archive.answers([pair.candidate_answer for pair in pairs])
    assert len(answers) == CASES
    assert all(answer.text and answer.output_tokens for answer in answers.values())
