"""`freehold own` as a person types it, as far as it goes without what trains models."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import pytest
from tiny_training import command, run

CONFIG = """
[providers.far]
base_url = "http://127.0.0.1:9/v1"
[routes.triage]
incumbent = "far/sorter"
"""
WORDS = [
    "printer",
    "screen",
    "bill",
    "refund",
    "password",
    "login",
    "keyboard",
    "invoice",
    "account",
    "badge",
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "freehold.toml").write_text(CONFIG)
    for name, numbers, key in (("suite", range(500, 540), "target"), ("rows", range(60), "answer")):
        lines = (
            {
                "input": f"{WORDS[number % 10]} number {number} of {WORDS[number // 7 % 10]}",
                key: str(number % 10),
            }
            for number in numbers
        )
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    added = run(tmp_path, "suite", "add", "suite.jsonl", "--name", "tickets", "--scorer", "exact")
    assert added.returncode == 0, added.stderr
    return tmp_path


BEGIN = (
    "own",
    "triage",
    "--suite",
    "tickets",
    "--from",
    "file:rows.jsonl",
    "--also",
    "data=--maker people --alike 1.0",
)


def test_it_stops_at_each_gate_shows_the_next_step_and_goes_on(home: Path) -> None:
    waits = run(home, *BEGIN)
    assert waits.returncode == 3
    assert "1 of 6, sample" in waits.stderr
    assert "command: freehold suite show tickets" in waits.stderr
    assert "takes: no money" in waits.stderr
    done = run(home, "own", "triage", "--yes-until", "data", "--json")
    assert done.returncode == 3, done.stderr
    facts = json.loads(done.stdout)
    assert [one["state"] for one in facts["steps"]] == ["passed", "passed", "open", "open", "open", "open"]
    assert facts["next"] == "train"
    assert facts["steps"][2]["command"].startswith("freehold train sft --data triage@")
    printed = json.loads((home / ".freehold/owning/triage/data.json").read_text())
    assert printed["dataset"] == facts["steps"][1]["found"]
    shown = run(home, "own", "triage", "--status")
    assert shown.returncode == 0
    assert "40 cases in the suite `tickets`, scored by `exact`." in shown.stdout
    if importlib.util.find_spec("torch") is None:
        failed = run(home, "own", "triage", "--yes-until", "train")
        assert failed.returncode == 1
        assert "make train-env" in failed.stderr
    again = run(home, "own", "triage", "--back-to", "data", "--also", "data=--maker people --held-out 0.9")
    assert again.returncode == 3, again.stderr
    assert "2 of 6, data" in again.stderr
    refused = run(home, "own", "triage", "--yes-until", "train", "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["steps"][1]["state"] == "refused"
    assert "learned by heart" in refused.stderr
    stands = run(home, "own", "triage", "--status")
    assert "refused: " in stands.stderr and "learned by heart" in stands.stderr


def test_at_a_terminal_it_asks_and_takes_no_for_an_answer(home: Path) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        command(*BEGIN), cwd=home, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        said = b""
        for answer, question in ((b"y\n", b"Do `sample` now?"), (b"n\n", b"Do `data` now?")):
            while question not in said:
                said += os.read(ours, 4096)
            os.write(ours, answer)
        assert process.wait(30) == 3
    os.close(ours)
    stood = json.loads(run(home, "own", "triage", "--status", "--json").stdout)
    assert [one["state"] for one in stood["steps"]][:2] == ["passed", "open"]
    assert stood["takes"].startswith("no money")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("own", "nope", "--suite", "tickets"), "There is no route `nope`."),
        (("own", "triage"), "How are answers to be measured?"),
        (("own", "triage", "--suite", "tickets", "--yes-until", "dat"), "Did you mean `data`?"),
        (("own", "triage", "--suite", "tickets", "--also", "data"), "names no words"),
        (("own", "triage", "--suite", "tickets", "--also", "data='a"), "cannot be read"),
        (("own", "triage", "--back-to", "train"), "no loop of `triage`"),
        (("own", "triage", "--suite", "tickets", "--recipe", "sfd"), "Did you mean `sft`?"),
        (("own", "triage", "--suite", "tickets", "--recipe", "rank"), "makes no model that answers"),
    ],
)
def test_what_cannot_be_done_is_told(home: Path, words: tuple[str, ...], said: str) -> None:
    done = run(home, *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert not (home / ".freehold" / "owning" / "triage.json").exists()
