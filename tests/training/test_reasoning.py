"""Learning to reason: its curve, its weights after a kill, its thoughts, and what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import torch
from curves import Curve, hold_to_kept, nudge
from reasoning import make_model, make_questions, program, stopped_when, surroundings, words_of
from transformers import AutoModelForCausalLM, AutoTokenizer

from freehold.cli.main import run
from freehold.train.rewards.examining import answered_in
from freehold.train.run import RunFolder, Runs


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with questions and a model that knows nothing, in which commands run."""
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    make_questions(tmp_path / ".freehold")
    make_model(tmp_path / "base")
    return tmp_path


def _newest(home: Path) -> RunFolder:
    return Runs(home / ".freehold").list()[0]


def _curve(folder: RunFolder, steps: int = 100) -> Curve:
    points = [point for point in folder.curve() if point.step <= steps]
    return {
        name: [point.values[name] for point in points if name in point.values]
        for name in ("reward", "entropy", "held_out_score")
    }


def test_it_learns_to_answer_right(home: Path) -> None:
    assert run(words_of("reason", "letters", home / "base")) == 0
    folder = _newest(home)
    results, rewards = folder.read().results, _curve(folder)["reward"]
    assert results["held_out_score_before"] < 0.3
    assert results["held_out_score"] >= 0.5
    assert sum(rewards[-10:]) > 2.5 * sum(rewards[:10])
    said = {one.step: one for one in answered_in(folder.folder) if one.row == "a1"}
    assert sorted(said) == [0, 20, 40]
    # Whoever serves it begins its answers as it has learned them.
    template = AutoTokenizer.from_pretrained(folder.model).apply_chat_template(
        [{"role": "user", "content": "a 1"}], add_generation_prompt=True, tokenize=False
    )
    assert template.split() == ["<user>", "a", "1", "<assistant>", "<think>", "</think>"]


def test_it_learns_as_it_did_when_its_curve_was_kept(home: Path) -> None:
    def make(number: int) -> Curve:
        base = home / f"base{number}"
        shutil.copytree(home / "base", base)
        model = AutoModelForCausalLM.from_pretrained(base)
        for _ in range(100):  # on another processor an answer or two may be drawn otherwise
            nudge(model, number)
        model.save_pretrained(base)
        assert run(words_of("reason", "letters", base, steps=12, measure_every=12)) == 0
        return _curve(_newest(home))

    hold_to_kept("reason", make)


def test_killed_or_stopped_and_gone_on_with_it_is_the_model_it_would_have_been(home: Path) -> None:
    # Each question is asked several times, so that the order of more than one round through them has to go on, too.
    words = words_of("reason", "letters", home / "base", steps=9, measure_every=4, save_minutes=0)
    assert run(words) == 0
    whole = _newest(home)

    with subprocess.Popen(
        [*program(), *words], cwd=home, env=surroundings(), stderr=subprocess.DEVNULL
    ) as victim:
        while len(Runs(home / ".freehold").list()) < 2 or len(list(_newest(home).curve())) < 5:
            assert victim.poll() is None, "it ended before it could be killed"
            time.sleep(0.02)
        victim.kill()
    killed = _newest(home)
    assert not killed.model.exists()

    with stopped_when(
        lambda: len(Runs(home / ".freehold").list()) > 2 and len(list(_newest(home).curve())) > 4
    ):
        assert run(words) == 1
    stopped = _newest(home)
    assert stopped.read().state == "stopped"
    assert not stopped.model.exists()

    for folder in (killed, stopped):
        assert run(["train", "resume", folder.folder.name]) == 0
        assert _curve(folder) == _curve(whole)
        assert (folder.model / "model.safetensors").read_bytes() == (
            whole.model / "model.safetensors"
        ).read_bytes()
        assert answered_in(folder.folder) == answered_in(whole.folder)
        before = folder.read().results["held_out_score_before"]
        assert before == whole.read().results["held_out_score_before"]


def test_thoughts_are_kept_and_cost_beyond_their_budget(home: Path) -> None:
    dials = {"thought": "opened", "thought_budget": 4, "answer_tokens": 2, "steps": 2, "measure_every": 1}
    assert run(words_of("reason", "letters", home / "base", **dials)) == 0
    folder = _newest(home)
    said = answered_in(folder.folder)
    assert {one.step for one in said} == {0, 1, 2}
    assert all(one.thought_tokens <= 2 * 4 + 2 for one in said)
    assert any(one.thought for one in said)
    points = [point.values for point in folder.curve() if "reward" in point.values]
    # It has learned nothing yet and hardly ever ends a thought: most are too long, and none is right.
    assert all(point["over_budget"] > 0.3 and point["right"] < 0.1 for point in points)
    assert all(point["reward"] < point["right"] for point in points)


@pytest.mark.parametrize(
    ("dataset", "dials", "told"),
    [
        ("letters", {"together": 48}, "no multiple of `together`"),
        ("letters", {"thought": "sometimes"}, "thought"),
        ("letters", {"samples": 1}, "samples"),
        ("unscored", {}, "no scorer"),
        ("judged", {}, "asks a model for every answer"),
        ("numbers", {}, "target"),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], dataset: str, dials: dict[str, object], told: str
) -> None:
    data = home / ".freehold"
    make_questions(data, "unscored", scorers=b"[]")
    make_questions(data, "judged", scorers=json.dumps([{"kind": "pairwise-judge"}]).encode())
    make_questions(data, "numbers", scorers=b'[{"kind":"numeric"}]')
    assert run(words_of("reason", dataset, home / "base", **dials)) == 1
    assert told in capsys.readouterr().err
