"""`freehold own` to its end, killed in the middle: a tiny model takes a route over from a simulated one."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import question_and_answer, tiny_model, tiny_tokenizer
from tiny_training import command, run

from freehold.providers.simulated import Behaviour, Script, SimulatedProvider

CASES = range(3_000, 3_120)
ROWS = range(200)
OWN = (
    "--suite",
    "tickets",
    "--from",
    "file:rows.jsonl",
    "--base",
    "base",
    "--set",
    "epochs=2",
    "--set",
    "batch=8",
    "--set",
    "learning_rate=1e-3",
    "--set",
    "save_minutes=0",
    "--set",
    "context=64",
    "--also",
    "data=--maker people --alike 1.0",
    "--also",
    "export=--suite tickets",
    "--also",
    "rollout=--without-quality --unpriced",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("home")
    torch.set_num_threads(1)  # of two, one waits for the other when the machine is busy
    tokenizer = tiny_tokenizer()
    model = tiny_model(tokenizer, steps=100)
    model.save_pretrained(home / "base")
    tokenizer.save_pretrained(home / "base")
    (home / "base" / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    for name, numbers, key in (("suite", CASES, "target"), ("rows", ROWS, "answer")):
        lines = [dict(zip(("input", key), question_and_answer(number), strict=True)) for number in numbers]
        (home / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    script = Script(models={"sorter": Behaviour(text="hardware")})
    with SimulatedProvider.in_thread(script) as provider:
        (home / "freehold.toml").write_text(
            f'[providers.far]\nbase_url = "{provider.base_url}"\n\n[routes.triage]\nincumbent = "far/sorter"\n'
        )
        added = run(home, "suite", "add", "suite.jsonl", "--name", "tickets", "--scorer", "exact")
        assert added.returncode == 0, added.stderr
        yield home


def steps(home: Path) -> dict[str, dict[str, Any]]:
    shown = run(home, "own", "triage", "--status", "--json")
    assert shown.returncode == 0, shown.stderr
    return {one["step"]: one for one in json.loads(shown.stdout)["steps"]}


def points(home: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in home.glob(".freehold/runs/*/curve.jsonl"))


def test_a_loop_that_is_killed_in_training_goes_on_there_and_ends_in_a_rollout(home: Path) -> None:
    with subprocess.Popen(
        command("own", "triage", *OWN, "--yes-until", "train"),
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until = time.monotonic() + 150
        while time.monotonic() < until and process.poll() is None and points(home) < 3:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGKILL, said
    stood = steps(home)
    assert stood["data"]["state"] == "passed", stood["data"]["told"]
    assert stood["train"]["state"] == "running"

    until = time.monotonic() + 60
    while time.monotonic() < until and any(
        one["state"] == "running"
        for one in map(json.loads, run(home, "train", "list", "--json").stdout.splitlines())
    ):
        time.sleep(0.1)  # the training learns that nobody waits for it, and keeps a checkpoint
    waiting = run(home, "own", "triage")
    assert waiting.returncode == 1
    assert "goes on with it" in waiting.stderr

    ended = run(home, "own", "triage", "--yes-until", "compare", "--json")
    stood = steps(home)
    assert ended.returncode == 3, (ended.stderr, stood)
    assert "train resume" in stood["train"]["command"]
    assert len(list(home.glob(".freehold/runs/*/run.json"))) == 1
    assert stood["compare"]["told"].startswith("`own/triage` replaces `far/sorter`")
    assert "waits for your approval" in ended.stderr

    moved = run(home, "own", "triage", "--yes-until", "rollout", "--json")
    assert moved.returncode == 0, (moved.stderr, steps(home))
    [rollout] = [json.loads(line) for line in run(home, "rollout", "list", "--json").stdout.splitlines()]
    assert (rollout["route"], rollout["candidate"]) == ("triage", "own/triage")
    assert rollout["id"] == steps(home)["rollout"]["found"]
    again = run(home, "own", "triage", "--json")
    assert again.returncode == 0
    for step in ("data", "train", "export", "compare"):
        assert json.loads((home / f".freehold/owning/triage/{step}.json").read_text().splitlines()[-1])
