"""A law is found again in the points that it made."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numpy")

from benchmarks.pretraining.fitting import Law, fit

TOKENS = [1000 * at for at in range(5, 100, 5)]


@settings(deadline=None, max_examples=30)
@given(floor=st.floats(0, 3), scale=st.floats(1, 8), exponent=st.integers(10, 120))
def test_a_law_is_found_again_in_its_points(floor: float, scale: float, exponent: int) -> None:
    law = Law(floor=floor, scale=scale, exponent=exponent / 100)
    found = fit(TOKENS, [law.at(tokens) for tokens in TOKENS])
    for tokens in (TOKENS[0], TOKENS[-1], 10 * TOKENS[-1]):
        assert found.at(tokens) == pytest.approx(law.at(tokens), rel=0.02)
