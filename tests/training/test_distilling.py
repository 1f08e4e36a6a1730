"""A model that learns from a bigger one: from how likely it finds each token, or from its answers."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import msgspec
import pytest
import torch
from tiny_training import command, put_base, put_dataset, row, run
from told_provider import ToldProvider

from freehold.train.recipes.distil import Dials, apart

DISTIL = ["train", "distil", "--data", "colours", "--base", "base", "--json"]
DIALS = [
    part
    for dial in ("epochs=3", "batch=8", "learning_rate=5e-3", "held_out=4", "pack=256")
    for part in ("--set", dial)
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    put_dataset(home / ".freehold", "colours", map(row, range(40)), map(row, range(100, 104)))
    put_base(home / "base")
    put_base(home / "nameless", licence=None)
    return home


def test_from_how_likely_a_teacher_finds_each_token(home: Path) -> None:
    """The teacher knows the answers; with its own answers in half of the steps, the student comes near it."""
    taught = run(home, "train", "sft", *DISTIL[2:], "--name", "teacher", *DIALS, "--set", "epochs=12")
    assert taught.returncode == 0, taught.stderr
    teacher = json.loads(taught.stdout)
    done = run(home, *DISTIL, *DIALS, "--set", f"teacher={teacher['id']}", "--set", "longest_answer=8")
    assert done.returncode == 0, done.stderr
    known = json.loads(done.stdout)
    results = known["results"]
    assert results["teacher_held_out_loss"] == pytest.approx(teacher["results"]["held_out_loss"], rel=0.02)
    assert results["held_out_loss"] < results["held_out_loss_before"] - 0.5
    points = [json.loads(line) for line in Path(known["folder"], "curve.jsonl").read_text().splitlines()]
    own = [point["values"]["own"] for point in points if "own" in point["values"]]
    assert set(own) == {0.0, 1.0}


def test_stopped_and_gone_on_with_it_is_the_model_it_would_have_been(home: Path) -> None:
    """What the model writes itself is drawn at random: that goes on where it was, too."""
    words = [*DISTIL, *DIALS, "--set", "teacher=base", "--set", "longest_answer=8", "--set", "save_minutes=0"]
    done = run(home, *words, "--name", "whole")
    assert done.returncode == 0, done.stderr
    whole = json.loads(done.stdout)
    with subprocess.Popen(
        command(*words, "--name", "killed"), cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as victim:
        try:
            while not (killed := _curve_of(home, "killed")) or killed.read_bytes().count(b"\n") < 7:
                assert victim.poll() is None, "it ended before it could be killed"
                time.sleep(0.002)
        finally:
            victim.kill()
    again = run(home, "train", "resume", "killed", "--json")
    assert again.returncode == 0, again.stderr
    resumed = json.loads(again.stdout)
    assert resumed["results"] == whole["results"]
    assert (
        Path(resumed["model"], "model.safetensors").read_bytes()
        == Path(whole["model"], "model.safetensors").read_bytes()
    )


def _curve_of(home: Path, name: str) -> Path | None:
    curves = home.glob(".freehold/runs/*/curve.jsonl")
    return next(
        (one for one in curves if json.loads((one.parent / "run.json").read_text())["name"] == name), None
    )


def test_a_teacher_whose_terms_are_not_known(home: Path) -> None:
    refused = run(home, *DISTIL, "--set", "teacher=nameless")
    assert refused.returncode == 1
    assert "Whether one may learn from `nameless` is not known" in refused.stderr
    decided = run(
        home,
        *DISTIL,
        *DIALS,
        "--set",
        "teacher=nameless",
        "--set",
        "decided=Kim: we made it",
        "--set",
        "max_steps=1",
    )
    assert decided.returncode == 0, decided.stderr
    log = run(home, "audit", "list", "--json").stdout
    assert "train.allow" in log
    assert "we made it" in log


def test_a_teacher_with_other_tokens(home: Path) -> None:
    other = put_base(home / "other")
    vocabulary = json.loads((other / "tokenizer.json").read_text())
    vocabulary["added_tokens"][0]["content"] = "<|begin|>"
    (other / "tokenizer.json").write_text(json.dumps(vocabulary))
    done = run(home, *DISTIL, "--set", "teacher=other")
    assert done.returncode == 1
    assert "`other` has other tokens than the base" in done.stderr
    assert "learn=answers" in done.stderr


def test_from_the_answers_of_a_model_of_the_catalog(home: Path) -> None:
    """A teacher who is away at first is asked everything once it is there."""

    def said(text: str, reason: str = "stop") -> bytes:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return msgspec.json.encode(
            {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        )

    def near(address: str) -> None:
        (home / "freehold.toml").write_text(
            f'[providers.near]\nbase_url = "{address}/v1"\n[models."near/big"]\nlicence = "Apache-2.0"\n'
        )

    with ToldProvider() as provider:
        provider.tell(said("cut", "length"), said("a colour"))
        try:
            near("http://127.0.0.1:1")
            answers = ["--set", "learn=answers", "--set", "concurrency=2", "--set", "teacher=near/big"]
            away = run(home, *DISTIL, *DIALS, *answers, "--name", "answers")
            assert away.returncode == 1
            assert "The teacher `near/big` does not answer" in away.stderr
            near(provider.url)
            done = run(home, "train", "resume", "answers", "--json")
            assert done.returncode == 0, done.stderr
            assert len(provider.asked) == 40
            calls = run(home, "calls", "--json").stdout.splitlines()
        finally:
            (home / "freehold.toml").unlink()
    known = json.loads(done.stdout)
    assert known["makers"] == {"near/big": 40}
    assert known["notes"] == ["1 question left out: the teacher gave no answer."]
    assert known["results"]["rows"] == 39
    call = json.loads(calls[0])
    assert (call["provider"], call["model"]) == ("near", "big")


@pytest.mark.parametrize("reverse", [0.0, 0.3, 1.0])
def test_a_divergence_is_none_between_equals(reverse: float) -> None:
    torch.manual_seed(0)
    one, other = torch.randn(5, 7), torch.randn(5, 7)
    dials = msgspec.convert({**_DIALS, "reverse": reverse}, Dials)
    assert apart(one, one, dials).item() == pytest.approx(0, abs=1e-5)
    assert apart(one, other, dials).item() > 0.1


_DIALS = {
    "teacher": "x", "learn": "logits", "decided": "", "own": 0.5, "temperature": 1.0, "longest_answer": 8,
    "concurrency": 1, "way": "full", "epochs": 1, "batch": 1, "learning_rate": 1e-3, "warmup": 0.0, "weight_decay": 0.0,
    "clip": 1.0, "context": 64, "pack": 64, "precision": "fp32", "rank": 4, "held_out": 0, "save_minutes": 1.0,
    "max_steps": 0,
}  # fmt: skip
