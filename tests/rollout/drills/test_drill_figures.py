"""What a drill counts, for any numbers."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from freehold.rollout.drills.figures import proportion_low, quantile, share


def _tail(good: int, calls: int, chance: float) -> float:
    """P(Bin(calls, chance) >= good), term by term."""
    return math.fsum(
        math.comb(calls, k) * chance**k * (1 - chance) ** (calls - k) for k in range(good, calls + 1)
    )


@given(st.integers(1, 60).flatmap(lambda calls: st.tuples(st.integers(0, calls), st.just(calls))))
def test_the_interval_is_the_exact_one(counts: tuple[int, int]) -> None:
    good, calls = counts
    low = proportion_low(good, calls)
    assert 0.0 <= low <= good / calls
    if good:
        # At its end, so many successes or more are as unlikely as was promised.
        assert math.isclose(_tail(good, calls, low), 0.05, rel_tol=1e-6)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1.0))
def test_a_quantile_is_the_least_value_that_so_many_do_not_pass(values: list[float], wanted: float) -> None:
    found = quantile(values, wanted)
    assert found in values
    below = sum(value <= found for value in values)
    under = sum(value < found for value in values)
    assert below >= wanted * len(values) - 1e-9
    assert under < wanted * len(values) + 1e-9


@given(st.floats(0, 1))
def test_a_share_is_never_rounded_up_to_all(value: float) -> None:
    shown = share(value)
    assert (shown == "100 %") == (value >= 1.0)
    assert float(shown.removesuffix(" %")) <= value * 100 + 1e-9
