"""A model from nothing: its curve, its weights after a kill, and what it refuses."""

from __future__ import annotations

import json
import math
import subprocess
import time
from pathlib import Path

import pytest
import torch
from curves import Curve, hold_to_kept
from pretraining import make_documents, program, sentences, surroundings, words_of
from transformers import AutoModelForCausalLM, AutoTokenizer

from freehold.cli.main import run
from freehold.train.run import RunFolder, Runs

DATASET = "deeds"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a dataset of documents, in which commands run."""
    monkeypatch.chdir(tmp_path)
    make_documents(tmp_path / ".freehold", DATASET, sentences(80), sentences(8, seed=2))
    return tmp_path


def _newest(home: Path) -> RunFolder:
    return Runs(home / ".freehold").list()[0]


def _curve(folder: RunFolder) -> Curve:
    points = list(folder.curve())
    return {
        name: [point.values[name] for point in points if name in point.values]
        for name in ("loss", "held_out_loss", "bits_per_byte")
    }


def test_it_learns_as_it_did_when_its_curve_was_kept(home: Path) -> None:
    def make(number: int) -> Curve:
        torch.set_num_threads(1 + number % 2)
        assert run(words_of(DATASET, precision="fp32", micro=[4, 8, 2, 1, 4][number])) == 0
        return _curve(_newest(home))

    hold_to_kept("pretrain", make)


def test_what_it_leaves_is_a_model_that_continues_text(home: Path) -> None:
    torch.set_num_threads(1)
    assert run(words_of(DATASET, tokens=30_000)) == 0
    folder = _newest(home)
    results = folder.read().results
    assert results["held_out_loss"] < math.log(_vocabulary(folder)) / 2
    assert results["parameters"] == sum(
        one.numel() for one in AutoModelForCausalLM.from_pretrained(folder.model).parameters()
    )
    tokenizer = AutoTokenizer.from_pretrained(folder.model)
    model = AutoModelForCausalLM.from_pretrained(folder.model)
    ids = tokenizer("The clerk", return_tensors="pt")["input_ids"]
    told = tokenizer.decode(model.generate(ids, max_new_tokens=4, do_sample=False)[0])
    assert told.split()[2] in {"signs", "keeps", "reads", "returns", "copies", "loses"}, told


def _vocabulary(folder: RunFolder) -> int:
    return int(json.loads((folder.model / "config.json").read_text())["vocab_size"])


def test_killed_and_gone_on_with_it_is_the_model_it_would_have_been(home: Path) -> None:
    torch.set_num_threads(1)
    words = words_of(DATASET, save_minutes=0.0)
    assert run(words) == 0
    whole = _newest(home)

    with subprocess.Popen(
        [*program(), *words], cwd=home, env=surroundings(), stderr=subprocess.DEVNULL
    ) as victim:
        while len(Runs(home / ".freehold").list()) < 2 or len(list(_newest(home).curve())) < 12:
            assert victim.poll() is None, "it ended before it could be killed"
            time.sleep(0.02)
        victim.kill()
    killed = _newest(home)
    assert not killed.model.exists()
    assert run(["train", "resume", killed.folder.name]) == 0

    assert _curve(killed) == _curve(whole)
    assert (killed.model / "model.safetensors").read_bytes() == (
        whole.model / "model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize(
    ("dials", "told"),
    [
        ({"width": 36, "heads": 4}, "multiple of twice `heads`"),
        ({"vocabulary": 100}, "vocabulary"),
        ({"context": 100_000}, "a window has 100,000"),
        ({"schedule": "step"}, "schedule"),
    ],
)
def test_what_cannot_be_made_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], dials: dict[str, object], told: str
) -> None:
    assert run(words_of(DATASET, **dials)) == 1
    assert told in capsys.readouterr().err


def test_without_held_out_text_nothing_is_said_of_it(home: Path) -> None:
    torch.set_num_threads(1)
    make_documents(home / ".freehold", "alone", sentences(20))
    assert run(words_of("alone", tokens=1000)) == 0
    results = _newest(home).read().results
    assert "loss" in results
    assert "held_out_loss" not in results
