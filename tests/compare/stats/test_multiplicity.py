import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.compare.stats.multiplicity import e_bh, e_holm, holm
from freehold.compare.stats.paths import Paths

LOGS = st.lists(st.floats(-30, 30), min_size=1, max_size=6)


@examples
@given(LOGS)
def test_e_holm_is_holm_for_one_over_e(logs: list[float]) -> None:
    adjusted = holm([math.exp(-log) for log in logs])
    assert [min(1.0, math.exp(-log)) for log in e_holm(logs)] == pytest.approx(adjusted)


@examples
@given(LOGS, st.integers(0, 5))
def test_more_candidates_never_make_one_of_them_surer(logs: list[float], more: int) -> None:
    assert all(
        after <= before + 1e-9
        for before, after in zip(e_holm(logs), e_holm([*logs, *[0.0] * more]), strict=False)
    )


@examples
@given(LOGS, st.permutations(range(6)))
def test_the_order_of_hypotheses_does_not_matter(logs: list[float], order: list[int]) -> None:
    order = [place for place in order if place < len(logs)]
    mixed = [logs[place] for place in order]
    assert e_holm(mixed) == pytest.approx([e_holm(logs)[place] for place in order])
    assert e_bh(mixed, 0.1) == [e_bh(logs, 0.1)[place] for place in order]


def test_one_hypothesis_alone_is_not_adjusted() -> None:
    assert e_holm([3.0]) == [3.0]
    assert e_holm([]) == []
    assert e_bh([], 0.05) == []
    assert e_bh([math.log(20.001)], 0.05) == [True]
    assert e_bh([math.log(19.999)], 0.05) == [False]


def test_numbers_too_large_for_a_float_are_taken() -> None:
    assert e_holm([2000.0, -2000.0]) == pytest.approx([2000.0 - math.log(2), -2000.0])


def test_e_bh_by_hand() -> None:
    """Four hypotheses at 10 %: the k largest have to be 40 / k at least."""
    assert e_bh([math.log(value) for value in (45.0, 21.0, 9.0, 9.5)], 0.1) == [True, True, False, False]
    assert e_bh([math.log(value) for value in (14.0, 14.0, 13.4, 1.0)], 0.1) == [True, True, True, False]
    assert e_bh([math.log(value) for value in (39.0, 19.0, 13.0, 9.0)], 0.1) == [False] * 4


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


def test_family_wise_errors_of_candidates_that_share_their_incumbent_are_as_rare_as_promised() -> None:
    """Four candidates exactly at the margin, over the same cases; each stops when it is rejected."""
    tries, candidates, margin = 500, 4, 0.05
    generator = np.random.default_rng(3)
    shape = (tries, 1, 1500)
    incumbent = generator.random(shape) < 0.7
    drawn = np.where(
        generator.random((tries, candidates, 1500)) < 0.6, incumbent, generator.random(shape) < 0.575
    )
    differences = drawn.astype(np.float64) - incumbent
    assert differences.mean() == pytest.approx(-margin, abs=0.003)
    up, _ = Paths(tries * candidates, margin=margin).advance(differences.reshape(-1, 1500))
    highest = up.max(axis=1).reshape(tries, candidates)
    alone = int((highest.max(axis=1) >= math.log(20)).sum())
    together = sum(max(e_holm(list(logs))) >= math.log(20) for logs in highest)
    assert together <= 47  # 500 times 5 %, exceeded by chance once in a hundred thousand
    assert alone > 47  # each by itself at 5 %: this is what is prevented
