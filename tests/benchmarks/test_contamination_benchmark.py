"""The benchmark of contamination runs, and finds what it planted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")


def test_all_that_was_planted_as_it_is_is_found(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.contamination", "--planted", "20", "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kinds = json.loads(done.stdout.splitlines()[-1])["contamination"]
    assert [one["kind"] for one in kinds] == ["tickets", "tickets with instructions"]
    for one in kinds:
        assert (one["planted"], one["found"]["as it is"], one["found"]["within a longer text"]) == (
            20,
            20,
            20,
        )
        assert one["found"]["1 edit"] >= 16
        assert one["taken_for_cases"] <= one["rows"] // 20
