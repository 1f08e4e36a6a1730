"""A file that somebody or something has damaged is named, with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_training import put_dataset, row, run

from freehold.train.run import RUN


@pytest.mark.parametrize("damage", [b"", b"{", b'{"id": 5}'])
def test_a_damaged_run(tmp_path: Path, damage: bytes) -> None:
    folder = tmp_path / ".freehold/runs/run_1"
    folder.mkdir(parents=True)
    (folder / RUN).write_bytes(damage)
    done = run(tmp_path, "train", "list")
    assert done.returncode == 2
    assert ".freehold/runs/run_1/run.json` cannot be read" in done.stderr
    assert "Take the folder away" in done.stderr


def test_a_damaged_dataset(tmp_path: Path) -> None:
    name, _, version = put_dataset(tmp_path / ".freehold", "colours", [row(1)]).partition("@")
    (tmp_path / ".freehold/datasets" / name / version / "manifest.json").write_bytes(b"")
    done = run(tmp_path, "dataset", "list")
    assert done.returncode == 2
    assert "manifest.json` cannot be read" in done.stderr
    assert "make the dataset again" in done.stderr
