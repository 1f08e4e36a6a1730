"""`make bench-compare` as a whole: where there is nothing to measure, and where there is little."""

from __future__ import annotations

import gzip
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.compare.measured import Run
from benchmarks.compare.part import keep, kept
from benchmarks.compare.resampling import Errors, Result, Stops
from benchmarks.compare.throughput import THROUGHPUT
from benchmarks.compare.throughput_page import Measured, Rate
from benchmarks.compare.throughput_page import Run as Throughput
from benchmarks.compare.verdicts import VERDICTS

ROOT = Path(__file__).parents[2]


def bench(*words: str) -> tuple[int, dict[str, Any], str, str]:
    """Its status, its last line, all else that it printed, and what it said meanwhile."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.compare", "--quick", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    printed, _, last = done.stdout.strip().rpartition("\n")
    return done.returncode, json.loads(last), printed, done.stderr


def test_what_is_not_there_is_left_out_with_a_word(tmp_path: Path) -> None:
    status, figures, printed, said = bench("--only", "verdicts,judges", "--data", str(tmp_path))
    assert (status, printed) == (0, "")
    assert figures["false_replace_max"] is figures["median_n_over_fixed"] is None
    assert figures["cases_per_s_ratio_inspect"] is figures["judge_coverage"] is None
    for name in ("bfcl", "logickor", "routellm mmlu"):
        assert f"No recorded results of {name} in the data folder: left out." in said
    assert "No recorded verdicts of llmbar in the data folder: left out." in said


def test_a_source_that_is_there_is_measured(tmp_path: Path) -> None:
    (tmp_path / "bfcl").mkdir()
    chance = random.Random(1)
    with gzip.open(tmp_path / "bfcl" / "result_matrix_2024-08-11.jsonl.gz", "wt") as file:
        for case in range(400):
            good = chance.random() < 0.8
            for model, right in (("good", good), ("fair", good != (chance.random() < 0.06))):
                row = {"model": model, "category": "simple", "i": case, "correct": right}
                file.write(json.dumps(row) + "\n")
    status, figures, printed, said = bench("--only", "verdicts", "--data", str(tmp_path))
    assert status == 0, said
    assert 0.0 < figures["false_replace_max"] < 0.1
    assert 0.5 < figures["median_n_over_fixed"] < figures["same_power_n_over_fixed"]
    assert "| **0.1** | **all** | **1** |" in printed
    assert "1 of 1: bfcl" in said


def test_what_was_measured_is_kept_as_it_was(tmp_path: Path) -> None:
    stops = Stops(10.0, 20.0, math.inf, 0.5)
    result = Result("a", "b", "c", 0.05, 9, 0.0, 0.3, 40, 0.8, Errors(1, 2, None, 3, 500, 0.1), stops, stops)
    run = Run("here", ["x"], [result], [], [], None)
    keep(VERDICTS, run, tmp_path)
    assert kept(VERDICTS, tmp_path) == run
    both = Throughput("here", Rate(64, 5.0, 4.0, 3.0, 2.0), None, {1000: Measured(2000, 3.0, 4.0, 99.0)})
    assert kept(THROUGHPUT, tmp_path) is None
    keep(THROUGHPUT, both, tmp_path)
    assert kept(THROUGHPUT, tmp_path) == both
    assert "1,000" in THROUGHPUT.tables(both)
    assert THROUGHPUT.figures(both)["cases_per_s_ratio_inspect"] is None
    assert not THROUGHPUT.whole(both)
    slow = Throughput("here", both.ours, Rate(64, 2.0, 4.0, 3.0, 2.0), {})
    assert THROUGHPUT.broken(slow) == [
        "2.5 times as many scored answers for a second of a core as Inspect AI, not 5"
    ]
