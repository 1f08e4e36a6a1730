"""`freehold train` where nothing is trained: what is said of mistakes, and where PyTorch is not installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from tiny_training import put_dataset, row, run

from freehold.cli.train import SUMMARIES
from freehold.train.catalogue import RECIPES, defaults_of


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is here")
def test_it_says_how_to_install_what_is_missing(tmp_path: Path) -> None:
    put_dataset(tmp_path / ".freehold", "colours", map(row, range(3)))
    done = run(tmp_path, "train", "sft", "--data", "colours", "--base", "local/smollm2-135m")
    assert done.returncode == 1
    assert "`torch`" in done.stderr
    assert "make train-env" in done.stderr
    assert "pip install 'freehold[train]'" in done.stderr
    assert not (tmp_path / ".freehold/runs").exists()


def test_every_recipe_is_a_command_with_dials() -> None:
    assert {recipe.name: recipe.summary for recipe in RECIPES.values()} == SUMMARIES
    for name in ("sft", "distil"):
        assert defaults_of(name)


def test_dials_are_listed_with_what_was_set(tmp_path: Path) -> None:
    done = run(tmp_path, "train", "sft", "--dials", "--set", "epochs=5", "--set", "way=lora", "--json")
    assert done.returncode == 0, done.stderr
    dials = json.loads(done.stdout)
    assert dials == {**defaults_of("sft"), "epochs": 5, "way": "lora"}


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_dial_says_what_it_does(tmp_path: Path, recipe: str) -> None:
    done = run(tmp_path, "train", recipe, "--dials")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert lines.keys() == defaults_of(recipe).keys()
    for dial, value in defaults_of(recipe).items():
        meaning = lines[dial].removeprefix(dial).strip().removeprefix(str(value)).strip()
        assert len(meaning) >= len("of the model"), lines[dial]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sft", "--dials", "--set", "epoch=5"], "Did you mean `epochs`?"),
        (["sft", "--dials", "--set", "epochs"], "sets nothing"),
        (["sft", "--resume", "x", "--seed", "0", "--data", "y"], "gone on with as it was begun"),
        (["show", "nothing"], "There is no run `nothing`"),
        (["resume", "nothing"], "There is no run `nothing`"),
    ],
)
def test_mistakes(tmp_path: Path, words: list[str], said: str) -> None:
    done = run(tmp_path, "train", *words)
    assert done.returncode == 1
    assert said in done.stderr


def test_no_run_yet(tmp_path: Path) -> None:
    done = run(tmp_path, "train", "list")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "There is no run yet" in done.stderr


def test_a_damaged_run_is_named(tmp_path: Path) -> None:
    folder = tmp_path / ".freehold/runs/run_1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{broken")
    done = run(tmp_path, "train", "list")
    assert done.returncode != 0
    assert "run_1/run.json` cannot be read" in done.stderr
    assert "out of the way" in done.stderr
    assert "our mistake" not in done.stderr
