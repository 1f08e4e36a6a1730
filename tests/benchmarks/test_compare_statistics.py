"""The benchmark of verdicts sees what it is there to see: errors where there are too many, and none elsewhere."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.compare.looking import look
from benchmarks.compare.measured import Again, Run, chance_of, figures_of, refuted
from benchmarks.compare.recorded import Pair, pairs_in
from benchmarks.compare.report import tables
from benchmarks.compare.resampling import examine, wrong_at_margin
from freehold.compare.stats.populations import tilted, wins_and_losses


def pair_of(discordance: float, cases: int = 1000) -> Pair:
    generator = np.random.default_rng(1)
    return Pair("made up", "a", "b", wins_and_losses(discordance).draw(generator, 1, cases)[0])


def test_recorded_results_become_pairs_and_absent_ones_are_named(tmp_path: Path) -> None:
    (tmp_path / "bfcl").mkdir()
    rights = {"good": range(9), "fair": range(2, 10), "poor": range(2), "same as good": range(9)}
    with gzip.open(tmp_path / "bfcl" / "result_matrix_2024-08-11.jsonl.gz", "wt") as file:
        for model, right in rights.items():
            for case in range(10):
                row = {"model": model, "category": "simple", "i": case, "correct": case in right}
                file.write(json.dumps(row) + "\n")
    pairs, absent = pairs_in(tmp_path, 5)
    assert [(pair.source, {pair.incumbent, pair.candidate}) for pair in pairs] == [
        ("bfcl", {"good", "fair"}),
        ("bfcl", {"same as good", "fair"}),
    ]
    assert abs(pairs[0].differences.mean()) == pytest.approx(0.1)
    assert absent == ["llmrouter", "logickor", "routellm gsm8k", "routellm mmlu"]


def test_errors_and_cases_of_a_pair_are_counted() -> None:
    result = examine(pair_of(0.3), 0.1, 200, 3000, np.random.default_rng(2))
    assert result.fixed == pytest.approx(0.3 * 618, rel=0.1)
    assert 0.7 < result.fixed_right < 0.9
    for count in (result.errors.replaces, result.errors.worse, result.errors.in_suite):
        assert count is not None
        assert count <= 26  # 200 times 5 %; more by chance less than once in a hundred thousand
    assert 0.5 < result.equal.median / result.fixed < 1.5
    assert result.equal.median < result.equal.ninth_decile
    assert result.equal.right > 0.97
    assert result.harm.right > 0.97


def test_a_suite_too_small_is_not_brought_to_the_margin() -> None:
    result = examine(pair_of(0.3, cases=150), 0.1, 20, 1000, np.random.default_rng(2))
    assert result.errors.in_suite is None


def test_looking_after_every_case_is_seen_to_err() -> None:
    looks = look(tilted(pair_of(0.3).population, -0.05), 0.05, 300, 1500, np.random.default_rng(3))
    assert looks.cases[-1] == 1500
    assert looks.sequential == sorted(looks.sequential)
    assert looks.sequential[-1] < 0.12
    assert looks.usual[-1] > 0.2


def test_too_many_errors_are_proved() -> None:
    pair = pair_of(0.3)
    result = examine(pair, 0.1, 200, 600, np.random.default_rng(2))
    counts = wrong_at_margin(pair, 0.1, 600, 200, np.random.default_rng(4))
    run = Run("", [], [result], [Again("b", 0.1, 0.06, *counts, resamples=200)], [], None)
    assert refuted(run) == []
    assert figures_of(run)["false_replace_max"] == counts[0] / 200
    assert "**all**" in tables(run)
    run.again = [Again("b", 0.1, 0.06, 30, 4, resamples=200)]
    assert refuted(run) == ["b, margin 0.1: 30 of 200"]


@pytest.mark.parametrize(
    ("count", "tries", "chance"), [(0, 10, 1.0), (1, 1, 0.05), (2, 2, 0.0025), (1, 2, 0.0975)]
)
def test_the_chance_of_a_count(count: int, tries: int, chance: float) -> None:
    assert chance_of(count, tries, 0.05) == pytest.approx(chance)
