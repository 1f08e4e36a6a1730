"""One training in two processes, started by `torchrun` and on a Ray cluster: it comes to the loss of one alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from pretraining import make_documents, program, sentences, surroundings, words_of

from freehold.cli.main import run
from freehold.train.run import RunFolder, Runs

DATASET = "deeds"
DIALS: dict[str, object] = {"tokens": 5120, "precision": "fp32"}
"""20 steps."""
NOISE = 1e-4
"""A sum in another order is another sum, in the last digits."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a dataset of documents, in which commands run."""
    monkeypatch.chdir(tmp_path)
    make_documents(tmp_path / ".freehold", DATASET, sentences(80), sentences(8, seed=2))
    return tmp_path


def _newest(home: Path) -> RunFolder:
    return Runs(home / ".freehold").list()[0]


def _learned(folder: RunFolder) -> list[float]:
    points = list(folder.curve())
    return [value for point in points for name, value in point.values.items() if "loss" in name]


def _wait(home: Path, *words: str) -> None:
    with (
        (home / "said").open("w+") as said,
        subprocess.Popen(
            words, cwd=home, env=surroundings(), stdout=said, stderr=said, start_new_session=True
        ) as process,
    ):
        try:
            assert process.wait(timeout=400) == 0, (home / "said").read_text()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it started, too


TORCHRUN = [
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc-per-node=2",
    "-m",
    "freehold",
]


def test_two_processes_come_to_the_loss_of_one(home: Path) -> None:
    torch.set_num_threads(1)
    words = words_of(DATASET, **DIALS)
    assert run(words) == 0
    alone = _learned(_newest(home))
    assert len(alone) == 23  # 20 of training, and 3 on held-out text

    _wait(home, *TORCHRUN, *words)
    assert _learned(_newest(home)) == pytest.approx(alone, rel=NOISE)

    _wait(home, *program(), *words, "--on=ray", "--processes=2")
    assert _learned(_newest(home)) == pytest.approx(alone, rel=NOISE)
    assert len(Runs(home / ".freehold").list()) == 3


def test_a_fine_tuning_in_two_processes_comes_to_the_loss_of_one(home: Path) -> None:
    torch.set_num_threads(1)
    assert run([*words_of(DATASET, tokens=512, context=128), "--name=base"]) == 0
    make_documents(home / ".freehold", "answers", sentences(32, length=2), question="What happened?")
    dials = {"batch": 8, "pack": 64, "epochs": 1, "learning_rate": 1e-2, "precision": "fp32"}
    words = ["train", "sft", "--data=answers", "--base", _newest(home).folder.name]
    words += [f"--set={name}={value}" for name, value in dials.items()]
    assert run(words) == 0
    alone = [point.values["loss"] for point in _newest(home).curve()]
    assert len(alone) == 4

    _wait(home, *TORCHRUN, *words)
    assert [point.values["loss"] for point in _newest(home).curve()] == pytest.approx(alone, rel=NOISE)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--on=moon"], "`moon`"),
        (["--processes=2"], "Add `--on ray`."),
    ],
)
def test_where_nothing_can_be_trained_no_run_is_made(
    home: Path, capsys: pytest.CaptureFixture[str], more: list[str], told: str
) -> None:
    assert run([*words_of(DATASET), *more]) == 1
    assert told in capsys.readouterr().err
    assert not Runs(home / ".freehold").list()


def test_what_cannot_be_shared_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "reason", "--data", DATASET, "--base", "local/smollm2-135m", "--on=ray"]) == 1
    assert "`reason` cannot be trained by several processes" in capsys.readouterr().err
    assert not Runs(home / ".freehold").list()
