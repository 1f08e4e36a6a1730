"""Win rates without what length alone does."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from freehold.compare.stats.length import Numbers, length_controlled


def verbose(chance: np.random.Generator, n: int, a: float, b: float) -> tuple[Numbers, Numbers, Numbers]:
    """A candidate that writes more, judged by somebody who likes that."""
    candidate, incumbent = chance.gamma(3, 200, n), chance.gamma(3, 150, n)
    longer = candidate - incumbent
    wins = chance.random(n) < 1 / (1 + np.exp(-(a + b * np.tanh(longer / longer.std()))))
    return wins * 2.0 - 1, candidate, incumbent


def test_what_length_alone_does_is_taken_out() -> None:
    chance = np.random.default_rng(1)
    preferences, candidate, incumbent = verbose(chance, 4000, 0.0, 1.5)
    found = length_controlled(preferences, candidate, incumbent, np.arange(4000), alpha=0.05)
    assert found is not None
    assert found.raw > 0.55
    assert found.low < 0.5 < found.high
    assert found.length_effect == pytest.approx(1.5, abs=0.2)


def test_it_is_the_logistic_regression_of_others() -> None:
    chance = np.random.default_rng(2)
    preferences, candidate, incumbent = verbose(chance, 300, 0.4, 0.8)
    longer = candidate - incumbent
    known = LogisticRegression(C=1e6, tol=1e-10).fit(np.tanh(longer / longer.std())[:, None], preferences > 0)
    found = length_controlled(preferences, candidate, incumbent, np.arange(300), alpha=0.05)
    assert found is not None
    assert found.controlled == pytest.approx(1 / (1 + np.exp(-known.intercept_[0])), abs=0.01)


def test_the_interval_holds_the_truth() -> None:
    chance = np.random.default_rng(3)
    truth, held = 1 / (1 + np.exp(0.3)), 0
    for _ in range(200):
        preferences, candidate, incumbent = verbose(chance, 200, -0.3, 1.0)
        found = length_controlled(preferences, candidate, incumbent, np.arange(200), alpha=0.05)
        assert found is not None
        held += found.low <= truth <= found.high
    assert 0.91 <= held / 200 <= 0.99


def test_the_other_way_round_is_the_rest() -> None:
    chance = np.random.default_rng(4)
    preferences, candidate, incumbent = verbose(chance, 100, 0.5, 0.5)
    one = length_controlled(preferences, candidate, incumbent, np.arange(100), alpha=0.05)
    other = length_controlled(-preferences, incumbent, candidate, np.arange(100), alpha=0.05)
    assert one is not None
    assert other is not None
    assert one.controlled == pytest.approx(1 - other.controlled)
    assert one.low == pytest.approx(1 - other.high)


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_who_wins_everything_is_not_sure_of_it(value: float) -> None:
    same = np.full(40, 100.0)
    found = length_controlled(np.full(40, value), same, same, np.arange(40), alpha=0.05)
    assert found is not None
    assert 0 < found.low < found.controlled < found.high < 1
    assert found.controlled == pytest.approx((value * 40 + 41) / 82)
    assert length_controlled(np.ones(5), np.ones(5), np.ones(5), np.arange(5), alpha=0.05) is None
