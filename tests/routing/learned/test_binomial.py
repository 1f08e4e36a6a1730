"""Sums over the binomial distribution, beside SciPy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from freehold.routing.learned.binomial import at_most, fewest_labels, is_sure, largest_part, most_allowed

SHARES = st.floats(0.001, 0.999)


@given(st.integers(1, 5000), SHARES, st.data())
def test_sums_are_exact(labels: int, share: float, data: st.DataObject) -> None:
    count = data.draw(st.integers(-1, labels))
    assert at_most(count, labels, share) == pytest.approx(stats.binom.cdf(count, labels, share), 1e-6, 1e-9)


@pytest.mark.parametrize(("risk", "known"), [(0.05, 59), (0.01, 299), (0.10, 29)])
def test_it_takes_as_many_labels_as_zero_failures_do_at_the_least(risk: float, known: int) -> None:
    fewest = fewest_labels(risk, 0.05)
    assert fewest >= known
    assert is_sure(0, fewest, risk, 0.05, fewest)
    assert not is_sure(0, fewest - 1, risk, 0.05, fewest - 1)
    assert is_sure(0, known, risk, 0.05, 0) and not is_sure(0, known - 1, risk, 0.05, 0)


@given(st.integers(1, 3000), st.sampled_from((0.02, 0.05, 0.1)))
def test_no_more_is_allowed_than_by_the_exact_test_alone(labels: int, risk: float) -> None:
    allowed = most_allowed(labels, risk, 0.05, labels)
    alone = most_allowed(labels, risk, 0.05, 0)
    assert -1 <= allowed <= alone <= risk * labels
    assert alone == -1 or stats.binom.cdf(alone, labels, risk) <= 0.05
    assert stats.binom.cdf(alone + 1, labels, risk) > 0.05


@given(st.integers(100, 2000), st.integers(0, 100), st.sampled_from((0.02, 0.05, 0.1)))
def test_a_part_by_lot_is_as_large_as_is_sure(labels: int, count: int, risk: float) -> None:
    part = largest_part(count, labels, risk, 0.05, labels)
    assert 0.0 <= part <= 1.0
    if part > 0.0:
        assert is_sure(count, labels, risk, 0.05, labels, part=part)
    if part < 1.0:
        assert not is_sure(count, labels, risk, 0.05, labels, part=min(1.0, part + 1e-6))
