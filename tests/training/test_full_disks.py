"""A disk that has no room for the finished model: the run says so, and leaves nothing that looks like a model."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import msgspec
import pytest
from pretraining import make_documents, sentences
from private_disk import PrivateDisk
from tiny_training import command, put_base, put_dataset, row

from freehold.train.data.row import Row

PRETRAIN = [
    "pretrain",
    *("--set", "tokens=512", "--set", "context=32", "--set", "batch=8", "--set", "vocabulary=512"),
    *("--set", "width=256", "--set", "layers=2", "--set", "held_out=0"),
]


@pytest.mark.parametrize("recipe", ["pretrain", "prefer"])
def test_no_room_for_the_model(tmp_path: Path, recipe: str) -> None:
    disk = PrivateDisk(tmp_path / "disk", 2_600_000)
    if not disk.possible:
        pytest.skip("this system lets us have no disk of our own")
    if recipe == "prefer":
        put_base(tmp_path / "base", width=256)
    with disk.open() as inside:
        seen = disk.seen_by(inside.pid)
        if recipe == "pretrain":
            make_documents(seen / ".freehold", "texts", sentences(20))
            words = [*PRETRAIN, "--data", "texts"]
        else:
            put_dataset(seen / ".freehold", "tastes", map(_preferred, range(8)))
            words = ["prefer", "--data", "tastes", "--base", str(tmp_path / "base")]
        there = ["sh", "-c", f'cd {disk.folder} && exec "$@"', "sh", *command("train", *words)]
        failed = subprocess.run(
            [*inside.within, *there], capture_output=True, text=True, timeout=200, check=False
        )
        assert failed.returncode == 2
        assert "could not be written" in failed.stderr, failed.stderr
        (folder,) = (seen / ".freehold/runs").iterdir()
        assert json.loads((folder / "run.json").read_bytes())["state"] == "failed"
        assert not (folder / "model").exists()


def _preferred(number: int) -> Row:
    worse = {"role": "assistant", "content": "no idea"}
    return row(number, rejected=msgspec.Raw(json.dumps(worse).encode()))
