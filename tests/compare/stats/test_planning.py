import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.compare.stats.planning import cases_ahead, plan
from freehold.compare.stats.populations import population_of, tilted, wins_and_losses
from freehold.compare.stats.sequential import PairedTest


@examples
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30), st.floats(0.05, 0.95))
def test_a_tilted_population_has_the_mean_and_no_new_values(differences: list[float], share: float) -> None:
    population = population_of(np.array(differences))
    low, high = float(population.values[0]), float(population.values[-1])
    if high - low < 1e-6:
        return
    wanted = low + share * (high - low)
    found = tilted(population, wanted)
    assert found.mean == pytest.approx(wanted, abs=1e-9)
    assert found.values is population.values
    assert float(found.shares.sum()) == pytest.approx(1.0)
    assert (found.shares >= 0.0).all()


def test_tilting_to_its_own_mean_changes_nothing() -> None:
    population = wins_and_losses(0.3, 0.1)
    assert tilted(population, 0.1).shares == pytest.approx(population.shares)


@pytest.mark.parametrize("mean", [-1.0, 0.6])
def test_a_mean_outside_of_all_differences_is_refused(mean: float) -> None:
    with pytest.raises(ValueError, match="cannot have a mean"):
        tilted(population_of(np.array([-1.0, 0.0, 0.5])), mean)


def test_what_is_drawn_is_distributed_as_it_should_be() -> None:
    population = population_of(np.array([-1.0, 0.0, 0.0, 0.5]))
    assert (population.mean, population.discordance) == (-0.125, 0.5)
    drawn = population.draw(np.random.default_rng(1), 200, 200)
    assert set(np.unique(drawn)) == {-1.0, 0.0, 0.5}
    assert (drawn == 0.0).mean() == pytest.approx(0.5, abs=0.015)
    assert drawn.mean() == pytest.approx(population.mean, abs=0.015)
    assert drawn.var() == pytest.approx(population.variance, abs=0.015)


def test_a_plan_says_how_many_cases() -> None:
    found = plan(0.05, discordance=0.1)
    assert found.fixed == 248
    assert found.sequential.half is not None
    assert found.sequential.nine_in_ten is not None
    assert 150 < found.sequential.half < 330 < found.sequential.nine_in_ten < 800
    assert found.sequential.replaces > 0.95
    assert plan(0.05, discordance=0.1) == found  # the same question has the same answer


def test_a_smaller_margin_or_more_discordance_needs_more() -> None:
    halves = [
        plan(margin, discordance=discordance).sequential.half or 10**9
        for margin, discordance in ((0.1, 0.1), (0.05, 0.1), (0.05, 0.3), (0.03, 0.3))
    ]
    assert halves == sorted(halves)
    assert len(set(halves)) == 4


def test_nothing_known_is_the_worst_case() -> None:
    found = plan(0.1)
    assert (found.discordance, found.fixed) == (1.0, 619)


def test_a_plan_does_not_look_further_than_it_was_told() -> None:
    found = plan(0.02, most=300)
    assert (found.sequential.half, found.sequential.nine_in_ten, found.sequential.most) == (None, None, 300)
    assert found.sequential.replaces < 0.1


def test_a_pilot_without_a_single_difference_is_not_believed() -> None:
    found = plan(0.05, pilot=np.zeros(20))
    assert found.discordance > 0.02
    assert found.fixed > 60


def test_a_pilot_s_scores_are_used() -> None:
    steady, wild = np.array([-0.1, 0.0, 0.1] * 40), np.array([-1.0, 0.0, 1.0] * 40)
    assert plan(0.1, pilot=steady).fixed < plan(0.1, pilot=wild).fixed / 10


def test_a_candidate_at_the_margin_cannot_be_planned_for() -> None:
    with pytest.raises(ValueError, match="no number of cases"):
        plan(0.05, discordance=0.2, difference=-0.05)


def test_a_test_that_is_nearly_sure_is_soon_over() -> None:
    test = PairedTest(margin=0.05, alpha=0.05)
    drawn = np.random.default_rng(4).choice([-1.0, 0.0, 1.0], p=[0.09, 0.8, 0.11], size=1000)
    for value in drawn:
        test.add(float(value))
        if test.log_e_replaces > 2.7:
            break
    assert test.decision is None
    ahead = cases_ahead(test)
    assert ahead.half is not None
    assert ahead.half < 40
    assert ahead.replaces > 0.9
    fresh = cases_ahead(PairedTest(margin=0.05, alpha=0.05))
    assert (fresh.half or 10**9) > 10 * ahead.half  # nothing told: the worst case
