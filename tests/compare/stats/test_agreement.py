"""Agreement between a judge and people, against other people's implementations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from freehold.compare.stats.agreement import kappa, resampled, share


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (371, 1000)])
def test_intervals_of_shares_are_wilsons(hits: int, n: int) -> None:
    found = share(hits, n, alpha=0.05)
    assert found is not None
    known = binomtest(hits, n).proportion_ci(method="wilson")
    assert [found.low, found.high] == pytest.approx([known.low, known.high])
    assert share(0, 0, alpha=0.05) is None


@pytest.mark.parametrize("levels", [[0.0, 1.0], [-1.0, 0.0, 1.0], [0.0, 0.25, 0.5, 0.75, 1.0]])
def test_kappa_is_cohens(levels: list[float]) -> None:
    chance = np.random.default_rng(len(levels))
    people = chance.choice(levels, size=80)
    judge = np.where(chance.random(80) < 0.6, people, chance.choice(levels, size=80))
    place = {level: number for number, level in enumerate(levels)}
    known = cohen_kappa_score(
        [place[one] for one in judge], [place[one] for one in people], weights="quadratic"
    )
    assert kappa(judge, people) == pytest.approx(known)


def test_kappa_of_one_word_is_nothing_beyond_chance() -> None:
    assert kappa(np.ones(10), np.ones(10)) == 0.0
    assert kappa(np.ones(10), np.array([0.0, 1.0] * 5)) == pytest.approx(0.0)


def test_whole_groups_are_drawn() -> None:
    chance = np.random.default_rng(0)
    values = np.repeat(chance.normal(size=25), 8)
    alone = resampled(lambda rows: float(values[rows].mean()), np.arange(200), alpha=0.05)
    together = resampled(lambda rows: float(values[rows].mean()), np.repeat(np.arange(25), 8), alpha=0.05)
    assert alone is not None
    assert together is not None
    assert together.value == alone.value
    assert (together.high - together.low) > 2 * (alone.high - alone.low)
    assert resampled(lambda rows: 1.0, np.zeros(5, np.int64), alpha=0.05) is None
