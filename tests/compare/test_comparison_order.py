"""The order of units: every one comes once, each seed has its own, and it does not change."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.compare.running.order import Order


@given(seed=st.integers(), size=st.integers(0, 700))
def test_every_unit_comes_once(seed: int, size: int) -> None:
    order = Order(seed, size)
    assert sorted(order[place] for place in range(size)) == list(range(size))


@given(seed=st.integers(), size=st.integers(1, 10**12), place=st.integers(0, 10**12))
def test_any_place_can_be_asked_for(seed: int, size: int, place: int) -> None:
    assert 0 <= Order(seed, size)[place % size] < size


def test_there_is_nothing_beyond_the_end() -> None:
    with pytest.raises(IndexError):
        Order(0, 5)[5]


def test_it_is_the_same_today_and_tomorrow() -> None:
    # Whoever goes on with a comparison counts on it.
    assert [Order(0, 10)[place] for place in range(10)] == FIRST


FIRST = [5, 2, 6, 1, 4, 3, 0, 8, 7, 9]


def test_each_unit_is_as_likely_to_be_first() -> None:
    first = Counter(Order(seed, 20)[0] for seed in range(4000))
    # 200 expected each, with a standard deviation of 14.
    assert len(first) == 20
    assert all(120 < many < 280 for many in first.values())
