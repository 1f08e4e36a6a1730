"""A file that somebody or something has damaged is named, with what to do about it."""

from __future__ import annotations

from pathlib import Path

from tiny_training import put_dataset, row, run


def test_a_damaged_dataset(tmp_path: Path) -> None:
    name, _, version = put_dataset(tmp_path / ".freehold", "colours", [row(1)]).partition("@")
    (tmp_path / ".freehold/datasets" / name / version / "manifest.json").write_bytes(b"")
    done = run(tmp_path, "dataset", "list")
    assert done.returncode == 2
    assert "manifest.json` cannot be read" in done.stderr
    assert "make the dataset again" in done.stderr
