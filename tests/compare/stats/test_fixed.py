import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from examples import examples
from freehold.compare.stats.bootstrap import bootstrap_interval
from freehold.compare.stats.fixed import cases_needed, clustered_error, estimate
from freehold.compare.stats.proportions import mcnemar, tango

DIFFERENCES = st.lists(st.floats(-1, 1), min_size=2, max_size=40).map(np.array)


@pytest.mark.parametrize(
    ("margin", "discordance", "cases"),
    [(0.03, 0.1, 687), (0.05, 0.1, 248), (0.03, 0.2, 1374), (0.05, 0.2, 495)],
)
def test_cases_of_the_design_with_80_percent_power(margin: float, discordance: float, cases: int) -> None:
    assert cases_needed(margin, discordance, alpha=0.05, power=0.8) == cases


def test_a_better_candidate_takes_fewer_cases() -> None:
    # Twice as far from the margin: a quarter of the cases.
    assert cases_needed(0.05, 0.1, alpha=0.05, power=0.8, difference=0.05) == 62


def test_no_number_of_cases_finds_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="no number of cases"):
        cases_needed(0.05, 0.1, alpha=0.05, power=0.8, difference=-0.05)


@examples
@given(DIFFERENCES)
def test_groups_of_one_are_no_groups(differences: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> None:
    names = [str(place) for place in range(len(differences))]
    assert clustered_error(differences, names) == pytest.approx(
        clustered_error(differences), rel=1e-9, abs=1e-15
    )


def test_the_standard_error_is_the_usual_one() -> None:
    differences = np.array([0.5, -1.0, 0.0, 0.25, 1.0])
    assert clustered_error(differences) == pytest.approx(float(differences.std(ddof=1)) / math.sqrt(5))


def test_copies_in_a_group_add_nothing() -> None:
    differences = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], size=60)
    names = [str(place) for place in range(60)]
    once = estimate(differences, 0.05, alpha=0.05)
    thrice = estimate(np.tile(differences, 3), 0.05, alpha=0.05, groups=names * 3)
    assert thrice.error == pytest.approx(once.error)
    assert (thrice.low, thrice.high, thrice.p) == pytest.approx((once.low, once.high, once.p))


@examples
@given(DIFFERENCES, st.floats(-0.5, 0.5))
def test_the_interval_and_the_p_value_agree(
    differences: "np.ndarray[tuple[int], np.dtype[np.float64]]", margin: float
) -> None:
    found = estimate(differences, margin, alpha=0.05)
    if abs(found.low + margin) > 1e-6:
        assert (found.low > -margin) == (found.p < 0.05)


def test_one_case_has_no_error() -> None:
    for call in (
        lambda: clustered_error(np.array([0.5])),
        lambda: clustered_error(np.array([0.5, 0.1]), ["a", "a"]),
        lambda: bootstrap_interval(np.array([0.5]), alpha=0.05),
    ):
        with pytest.raises(ValueError, match="at least two"):
            call()


@pytest.mark.parametrize(
    "differences",
    [
        1.0 - 2.0 * np.random.default_rng(3).beta(0.4, 2.0, size=25),
        np.array([-1.0, 0.2, 0.3, 0.1, 0.25, 0.2, 0.3, 0.15, 0.2, 0.1]),
    ],
    ids=["many", "one is far off"],
)
def test_the_bootstrap_of_skewed_differences_is_that_of_scipy(
    differences: "np.ndarray[tuple[int], np.dtype[np.float64]]",
) -> None:
    """Neither without the correction of the bias nor without the acceleration, which move its ends by 0.01 and more."""
    found = bootstrap_interval(differences, alpha=0.05, resamples=60_000)
    known = stats.bootstrap(
        (differences,), np.mean, confidence_level=0.9, n_resamples=60_000, method="BCa", rng=1
    ).confidence_interval
    assert found == pytest.approx((known.low, known.high), abs=0.008)


def test_the_bootstrap_covers_as_promised() -> None:
    """Skewed differences, 60 of them: 90 % of the intervals should hold the mean; by chance 400 leave 340 to 378."""
    generator = np.random.default_rng(5)
    values, shares = np.array([-1.0, 0.0, 0.5]), np.array([0.2, 0.5, 0.3])
    truth, held = float(values @ shares), 0
    for number in range(400):
        low, high = bootstrap_interval(
            generator.choice(values, p=shares, size=60), alpha=0.05, resamples=600, seed=number
        )
        held += low <= truth <= high
    assert 340 <= held <= 378


def test_the_bootstrap_resamples_groups_whole() -> None:
    differences = np.random.default_rng(2).choice([-1.0, 0.0, 1.0], size=50)
    names = [str(place) for place in range(50)]
    alone = bootstrap_interval(differences, alpha=0.05)
    copies = bootstrap_interval(np.tile(differences, 4), alpha=0.05, groups=names * 4)
    assert copies == pytest.approx(alone, abs=0.025)
    blind = bootstrap_interval(np.tile(differences, 4), alpha=0.05)
    assert blind[1] - blind[0] < 0.6 * (copies[1] - copies[0])


def test_the_bootstrap_is_told_its_chance_and_takes_all_ties() -> None:
    differences = np.array([0.0, 1.0, -0.5, 0.25] * 10)
    assert bootstrap_interval(differences, alpha=0.05, seed=4) == bootstrap_interval(
        differences, alpha=0.05, seed=4
    )
    assert bootstrap_interval(np.zeros(30), alpha=0.05) == (0.0, 0.0)


@examples
@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_against_the_binomial_sum(wins: int, losses: int) -> None:
    cases = wins + losses
    tail = sum(math.comb(cases, count) for count in range(min(wins, losses) + 1))
    assert mcnemar(wins, losses) == pytest.approx(min(1.0, 2.0 * tail / 2**cases), rel=1e-9)
    assert mcnemar(wins, losses) == mcnemar(losses, wins)


@examples
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 60), st.floats(-0.6, 0.6))
def test_tango_uses_the_likeliest_table_at_the_margin(
    wins: int, losses: int, ties: int, margin: float
) -> None:
    """Against a search over all tables whose difference is -margin."""
    cases = wins + losses + ties
    if wins == 0 or losses == 0 or abs(margin) < 1e-3:
        return
    loss = np.linspace(max(0.0, margin) + 1e-9, (1.0 + margin) / 2.0 - 1e-9, 200_001)
    with np.errstate(divide="ignore", invalid="ignore"):
        last = ties * np.log(1.0 - 2.0 * loss + margin) if ties else 0.0
        likelihood = wins * np.log(loss - margin) + losses * np.log(loss) + last
    best = float(loss[np.argmax(likelihood)])
    variance = cases * (2.0 * best - margin - margin * margin)
    z = (wins - losses + cases * margin) / math.sqrt(variance)
    assert tango(wins, losses, cases, margin) == pytest.approx(1.0 - NormalDist().cdf(z), abs=2e-3)


def test_tango_without_a_margin_is_mcnemar_without_correction() -> None:
    assert tango(25, 12, 100, 0.0) == pytest.approx(1.0 - NormalDist().cdf(13 / math.sqrt(37)))
    assert tango(0, 0, 100, 0.0) == 0.5
    assert tango(0, 0, 0, 0.05) == 0.5


def test_tango_takes_cases_that_are_all_ties() -> None:
    assert tango(0, 0, 100, 0.05) == pytest.approx(1.0 - NormalDist().cdf(math.sqrt(100 * 0.05 / 0.95)))


@pytest.mark.parametrize(
    ("wins", "losses", "cases", "margin"), [(5, 6, 10, 0.0), (-1, 2, 10, 0.0), (1, 1, 10, 1.0)]
)
def test_tango_refuses_what_cannot_be(wins: int, losses: int, cases: int, margin: float) -> None:
    with pytest.raises(ValueError, match=r"among|lies between"):
        tango(wins, losses, cases, margin)
