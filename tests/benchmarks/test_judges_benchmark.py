"""The benchmark of judges, on recorded verdicts of its own."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest

from benchmarks.compare.judged import judged_in
from benchmarks.compare.judges import examine, examine_elsewhere
from benchmarks.compare.judges_page import figures_of, tables
from benchmarks.compare.judges_results import Run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A judge that prefers the second answer, which is the longer one, in half of the cases where people do not."""
    chance = random.Random(1)
    pairs, decisions = [], []
    for number in range(600):
        label = 1 if chance.random() < 0.6 else 2
        says = "2" if label == 2 or chance.random() < 0.5 else "1"
        other = says if chance.random() < 0.9 else "12".replace(says, "")
        subset = "LLMBar/Natural" if number % 2 else "Processed/MT-Bench"
        pairs.append(
            {"subset": subset, "i": number, "input": "?", "output_1": "a", "output_2": "ab", "label": label}
        )
        decisions.append(
            {
                "subset": subset,
                "judge": "J",
                "prompting": "Vanilla_NoRules",
                "i": number,
                "label": label,
                "decision": {"swap = False": says, "swap = True": other},
            }
        )
    folder = tmp_path / "llmbar"
    folder.mkdir()
    for name, rows in (("pairs", pairs), ("decisions", decisions)):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return tmp_path


def test_what_a_leaning_judge_says_is_brought_to_what_people_say(data: Path) -> None:
    (judged,), absent = judged_in(data)
    assert absent == ["prometheus"]
    assert judged.truth == pytest.approx(-0.2, abs=0.1)
    assert judged.agree_in_both_orders == pytest.approx(0.9, abs=0.05)
    result = examine(judged, 200, 300, 150, np.random.default_rng(1))
    assert result.judge_says > result.truth + 0.3
    assert result.raw_error > 0.3
    assert result.powered_error < result.labels_error < 0.1
    assert 0.9 <= result.powered_coverage <= 0.99
    assert result.rates_coverage is not None
    assert result.rates_coverage > 0.9
    elsewhere = examine_elsewhere(judged, 50, 300, 150, np.random.default_rng(1))
    run = Run(
        where="here",
        absent=absent,
        resamples=200,
        pairs=300,
        labels=150,
        results=[result],
        elsewhere=[elsewhere],
        repeats=None,
    )
    assert figures_of(run)["judge_nearer"] == 1
    assert "Left out, as it is not in the data folder: prometheus." in tables(run)
