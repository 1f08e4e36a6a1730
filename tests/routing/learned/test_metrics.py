"""RouteLLM's figures, where they are known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.routing.metrics import figures_of

RANDOM = np.random.default_rng(5)
WEAK = (RANDOM.random(20_000) < 0.6).astype(float)
STRONG = (RANDOM.random(20_000) < 0.9).astype(float)


def test_by_lot_half_of_the_lead_takes_half_of_the_calls() -> None:
    figures = figures_of(RANDOM.random(20_000), WEAK, STRONG)
    assert figures.apgr == pytest.approx(0.5, abs=0.02)
    assert figures.cpt50 == pytest.approx(50, abs=3)
    assert figures.cpt80 == pytest.approx(80, abs=3)


def test_whoever_knows_the_answers_is_far_above_it() -> None:
    figures = figures_of(STRONG - WEAK + RANDOM.random(20_000) * 0.1, WEAK, STRONG)
    assert figures.apgr > 0.9 and figures.cpt50 < 25
