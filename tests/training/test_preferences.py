"""Learning which of two answers is the better one: its curve, its weights after a stop, and what it leaves out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from curves import Curve, hold_to_kept, nudge
from reasoning import make_model, make_preferences, make_questions, stopped_when, words_of
from transformers import AutoModelForCausalLM

from freehold.cli.main import run
from freehold.train.run import RunFolder, Runs


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pairs of answers and a model that knows nothing, in which commands run."""
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    make_preferences(tmp_path / ".freehold")
    make_model(tmp_path / "base")
    return tmp_path


def _newest(home: Path) -> RunFolder:
    return Runs(home / ".freehold").list()[0]


def _curve(folder: RunFolder) -> Curve:
    points = list(folder.curve())
    return {name: [p.values[name] for p in points if name in p.values] for name in ("loss", "margin")}


def test_it_learns_as_it_did_when_its_curve_was_kept(home: Path) -> None:
    def make(number: int) -> Curve:
        base = home / f"base{number}"
        shutil.copytree(home / "base", base)
        model = AutoModelForCausalLM.from_pretrained(base)
        nudge(model, number)
        model.save_pretrained(base)
        assert run(words_of("prefer", "tastes", base)) == 0
        return _curve(_newest(home))

    hold_to_kept("prefer", make)
    read = _newest(home).read()
    assert read.results["held_out_preferred_before"] < 0.8
    assert read.results["held_out_preferred"] == 1.0
    assert read.results["pairs"] == 28
    assert read.notes == (
        "1 of 30 rows were left out: both answers are the same.",
        "1 of 30 rows were left out: there is no rejected answer.",
    )


def test_stopped_and_gone_on_with_it_is_the_model_it_would_have_been(home: Path) -> None:
    words = words_of("prefer", "tastes", home / "base", save_minutes=0)
    assert run(words) == 0
    whole = _newest(home)
    with stopped_when(
        lambda: len(Runs(home / ".freehold").list()) > 1 and len(list(_newest(home).curve())) > 5
    ):
        assert run(words) == 1
    stopped = _newest(home)
    assert stopped.read().state == "stopped"
    assert run(["train", "resume", stopped.folder.name]) == 0
    assert _curve(stopped) == _curve(whole)
    assert (stopped.model / "model.safetensors").read_bytes() == (
        whole.model / "model.safetensors"
    ).read_bytes()
    assert stopped.read().results == whole.read().results


def test_adapters_learn_preferences_and_are_merged(home: Path) -> None:
    assert run(words_of("prefer", "tastes", home / "base", rank=8, learning_rate=2e-2)) == 0
    folder = _newest(home)
    assert folder.read().results["held_out_preferred"] == 1.0
    assert not list(folder.model.glob("adapter*"))


@pytest.mark.parametrize(
    ("dataset", "dials", "told"),
    [
        (
            "letters",
            {},
            "no pair of answers to learn from. 28 of 28 rows were left out: there is no rejected",
        ),
        ("tastes", {"together": 3}, "no multiple of `together`"),
        ("tastes", {"strength": 0}, "strength"),
        ("tastes", {"context": 3}, "too long"),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], dataset: str, dials: dict[str, object], told: str
) -> None:
    make_questions(home / ".freehold")
    assert run(words_of("prefer", dataset, home / "base", **dials)) == 1
    assert told in capsys.readouterr().err
