import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.compare.stats.course import course_of
from freehold.compare.stats.paths import Paths
from freehold.compare.stats.sequential import PairedTest

MARGINS = st.one_of(st.sampled_from([0.0, 0.02, 0.05, 0.1, 0.5]), st.floats(-0.9, 0.9))
DIFFERENCES = st.one_of(
    st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=60), st.lists(st.floats(-1, 1), max_size=60)
)


def told(differences: list[float], margin: float = 0.05, alpha: float = 0.05) -> PairedTest:
    test = PairedTest(margin=margin, alpha=alpha)
    test.extend(differences)
    return test


Distribution = list[tuple[float, float]]
"""What may come next: values in [-1, 1], each with its probability."""
WEIGHED = st.lists(st.tuples(st.floats(-1, 1), st.floats(0.01, 1)), min_size=1, max_size=6)


def with_mean(weighed: Distribution, mean: float) -> Distribution:
    """Any distribution, mixed with just as much of -1 or of 1 as brings it to the mean."""
    whole = math.fsum(weight for _, weight in weighed)
    is_now = math.fsum(value * weight for value, weight in weighed) / whole
    end = 1.0 if is_now < mean else -1.0
    share = (mean - is_now) / (end - is_now) if is_now != mean else 0.0
    return [(value, (1 - share) * weight / whole) for value, weight in weighed] + [(end, share)]


def expected(history: list[float], margin: float, ahead: Distribution, name: str) -> tuple[float, float]:
    """An e-value as it is, and what it is on average after one difference more."""
    after = math.fsum(
        chance * math.exp(getattr(told([*history, value], margin), name)) for value, chance in ahead
    )
    return math.exp(getattr(told(history, margin), name)), after


@examples
@given(DIFFERENCES, MARGINS, WEIGHED)
def test_at_the_margin_no_bettor_gains_or_loses_on_average(
    history: list[float], margin: float, weighed: Distribution
) -> None:
    """Whatever happened, and however the next difference is distributed: both e-values are martingales."""
    ahead = with_mean(weighed, -margin)
    for name in ("log_e_replaces", "log_e_worse"):
        before, after = expected(history, margin, ahead, name)
        assert after == pytest.approx(before, rel=1e-9)


@examples
@given(DIFFERENCES, MARGINS, WEIGHED, st.floats(0, 1))
def test_no_bettor_gains_on_average_where_the_hypothesis_is_true(
    history: list[float], margin: float, weighed: Distribution, far: float
) -> None:
    """Beyond the margin, too: the e-value against it is a supermartingale."""
    for name, mean in (
        ("log_e_replaces", -margin - far * (1 - margin)),
        ("log_e_worse", -margin + far * (1 + margin)),
    ):
        before, after = expected(history, margin, with_mean(weighed, mean), name)
        assert after <= before * (1 + 1e-9)


def against(differences: list[float], margin: float, mean: float) -> tuple[float, float]:
    """The logarithms of the wealth that is bet against this mean, from below and from above."""
    if not differences:
        return 0.0, 0.0
    up, down = Paths(1, margin=margin, threshold=mean).advance(np.array([differences]))
    return float(up[0, -1]), float(down[0, -1])


@examples
@given(DIFFERENCES, MARGINS, WEIGHED, st.floats(-0.99, 0.99))
def test_bets_against_the_truth_neither_gain_nor_lose_on_average(
    history: list[float], margin: float, weighed: Distribution, truth: float
) -> None:
    """So their wealth ever reaches 1/alpha with a chance of alpha at most."""
    before = against(history, margin, truth)
    ahead = [
        (chance, against([*history, value], margin, truth)) for value, chance in with_mean(weighed, truth)
    ]
    for side in (0, 1):
        mean = math.fsum(chance * math.exp(after[side]) for chance, after in ahead)
        assert mean == pytest.approx(math.exp(before[side]), rel=1e-9)


@examples
@given(DIFFERENCES, MARGINS, st.sampled_from([0.05, 0.3, 0.8]))
def test_an_interval_ends_where_bets_against_the_truth_would_have_won(
    differences: list[float], margin: float, alpha: float
) -> None:
    """So with the property above an end ever passes the truth with a chance of alpha at most: it covers."""
    low, high = told(differences, margin).interval(alpha)
    near, enough = 4e-6, math.log(1 / alpha)
    for end, inwards, side in ((low, near, 0), (high, -near, 1)):
        if abs(end) < 1 - 2 * near:
            assert against(differences, margin, end - inwards)[side] >= enough
        assert against(differences, margin, end + inwards)[side] < enough


@examples
@given(DIFFERENCES, MARGINS, st.floats(-1, 1), st.floats(-1, 1))
def test_a_better_difference_is_never_held_against_the_candidate(
    history: list[float], margin: float, one: float, other: float
) -> None:
    worse, better = (told([*history, value], margin) for value in sorted((one, other)))
    assert worse.log_e_replaces <= better.log_e_replaces
    assert worse.log_e_worse >= better.log_e_worse


@examples
@given(DIFFERENCES, MARGINS)
def test_swapping_the_models_swaps_the_verdicts(differences: list[float], margin: float) -> None:
    test, swapped = told(differences, margin), told([-value for value in differences], -margin)
    assert (test.log_e_replaces, test.log_e_worse) == (swapped.log_e_worse, swapped.log_e_replaces)
    assert test.interval() == pytest.approx(tuple(-end for end in reversed(swapped.interval())), abs=2e-6)
    others = {"replaces": "does not replace", "does not replace": "replaces", None: None}
    assert swapped.decision == others[test.decision]


@examples
@given(DIFFERENCES, MARGINS, st.floats(0.001, 0.9))
def test_the_interval_says_what_the_test_says(differences: list[float], margin: float, alpha: float) -> None:
    test = told(differences, margin)
    low, high = test.interval(alpha)
    assert -1.0 <= low < high <= 1.0
    assert (low >= -margin) == (test.log_e_replaces >= math.log(1 / alpha))
    assert (high <= -margin) == (test.log_e_worse >= math.log(1 / alpha))


def test_what_is_staked_is_what_the_documents_say() -> None:
    """d / (v + d²), v as if ten differences with a mean square of 0.25 had been seen, and 95 % at the most."""
    wealth = dict.fromkeys((1 / 3, 1.0, 3.0, 9.0), 1.0)
    seen: list[float] = []
    for difference in (0.5, -1.0, 0.0, 1.0):
        square = (2.5 + sum(one * one for one in seen)) / (10 + len(seen))
        for size in wealth:
            share = min(size * 0.05 / (square + 0.05**2), 0.95 / (1 - 0.05))
            wealth[size] *= 1 + share * (difference + 0.05)
        seen.append(difference)
    together = sum(
        weight * wealth[size] for weight, size in zip((0.1, 0.75, 0.08, 0.07), wealth, strict=True)
    )
    assert told(seen).log_e_replaces == pytest.approx(math.log(together), abs=1e-12)


@examples
@given(DIFFERENCES, st.floats(0.001, 0.9), st.floats(0.001, 0.9))
def test_an_interval_that_errs_less_is_wider(differences: list[float], one: float, other: float) -> None:
    test = told(differences)
    (wide_low, wide_high), (low, high) = (test.interval(alpha) for alpha in sorted((one, other)))
    assert wide_low <= low + 2e-6
    assert high <= wide_high + 2e-6


@examples
@given(DIFFERENCES, MARGINS)
def test_a_test_is_what_it_was_told(differences: list[float], margin: float) -> None:
    whole = told(differences, margin)
    again = told(list(whole.differences), margin)
    assert (again.log_e_replaces, again.log_e_worse) == (whole.log_e_replaces, whole.log_e_worse)
    assert (again.n, again.decision, again.decided_at) == (whole.n, whole.decision, whole.decided_at)
    assert again.interval() == whole.interval()


@examples
@given(DIFFERENCES, MARGINS, st.integers(1, 60))
def test_many_tests_at_once_are_the_same_as_one(differences: list[float], margin: float, cut: int) -> None:
    paths = Paths(2, margin=margin)
    rows = np.array([differences, [-value for value in differences]]).reshape(2, -1)
    for part in (rows[:, :cut], rows[:, cut:]):
        if part.shape[1]:
            up, down = paths.advance(part)
    if differences:
        for row, values in enumerate(rows):
            test = told(list(values), margin)
            assert up[row, -1] == pytest.approx(test.log_e_replaces, abs=1e-9)
            assert down[row, -1] == pytest.approx(test.log_e_worse, abs=1e-9)


def most_of(tries: int, rate: float) -> int:
    """The count that is exceeded with a probability under one in a million where the rate is true (exact binomial)."""
    tail, count = 1.0, 0
    while tail > 1e-6:
        tail -= math.comb(tries, count) * rate**count * (1 - rate) ** (tries - count)
        count += 1
    return count


@pytest.mark.parametrize(
    ("margin", "values", "shares"),
    [
        (0.05, [-1.0, 0.0, 1.0], [0.15, 0.75, 0.10]),
        (0.02, [-1.0, 0.0, 1.0], [0.02, 0.98, 0.00]),  # only losses, and few
        (0.10, [-0.6, -0.1, 0.4], [0.35, 0.3, 0.35]),
        (0.00, [-1.0, 0.0, 1.0], [0.25, 0.5, 0.25]),
    ],
)
def test_errors_at_the_margin_are_as_rare_as_promised_whenever_one_stops(
    margin: float, values: list[float], shares: list[float]
) -> None:
    assert np.dot(values, shares) == pytest.approx(-margin)
    tries = 1000
    drawn = np.random.default_rng(7).choice(values, p=shares, size=(tries, 1500))
    for alpha in (0.05, 0.2):
        for wealth in Paths(tries, margin=margin).advance(drawn):
            wrong = int((wealth.max(axis=1) >= math.log(1 / alpha)).sum())
            assert wrong <= most_of(tries, alpha)


def test_the_interval_covers_the_truth_at_all_times_at_once() -> None:
    tries, truth = 1000, 0.1
    drawn = np.random.default_rng(8).choice([-1.0, 0.0, 1.0], p=[0.1, 0.7, 0.2], size=(tries, 1500))
    for wealth in Paths(tries, margin=0.05, threshold=truth).advance(drawn):
        assert int((wealth.max(axis=1) >= math.log(20)).sum()) <= most_of(tries, 0.05)


def test_equal_models_are_told_from_bad_ones_soon_enough() -> None:
    """The fixed-n design with 80 % power takes 495 pairs here; the median must not be above 1.2 times that."""
    drawn = np.random.default_rng(9).choice([-1.0, 0.0, 1.0], p=[0.1, 0.8, 0.1], size=(400, 2500))
    up, down = Paths(400, margin=0.05).advance(drawn)
    sure = up >= math.log(20)
    stops = np.where(sure.any(axis=1), sure.argmax(axis=1) + 1, 10_000)
    assert np.median(stops) < 1.2 * 495
    assert np.quantile(stops, 0.9) < 2.8 * 495
    assert (down.max(axis=1) < math.log(20)).mean() > 0.95


def test_ties_alone() -> None:
    assert told([0.0] * 2000, margin=0.0).decision is None
    assert told([0.0] * 2000, margin=0.0).log_e_replaces == pytest.approx(0.0, abs=1e-12)
    test = told([0.0] * 200, margin=0.05)
    assert test.decision == "replaces"
    assert test.decided_at is not None
    assert 60 < test.decided_at < 90


def test_nothing_is_known_before_anything_is_seen() -> None:
    test = told([])
    assert (test.n, test.difference, test.decision) == (0, None, None)
    assert (test.log_e_replaces, test.log_e_worse) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert test.interval() == pytest.approx((-1.0, 1.0), abs=2e-6)


@pytest.mark.parametrize(
    ("value", "decision"), [(1.0, "replaces"), (-1.0, "does not replace"), (-0.5, "does not replace")]
)
def test_always_the_same(value: float, decision: str) -> None:
    test = told([value] * 60)
    assert test.decision == decision
    low, high = test.interval()
    assert low < value <= high or low <= value < high
    assert math.isfinite(test.log_e_replaces)
    assert math.isfinite(test.log_e_worse)
    assert test.difference == pytest.approx(value)


def test_a_verdict_comes_when_the_e_value_reaches_one_over_alpha() -> None:
    test = PairedTest(margin=0.05, alpha=0.05)
    while test.log_e_replaces < math.log(20):
        assert test.decision is None
        test.add(0.25)
    assert (test.decision, test.decided_at) == ("replaces", test.n)


def test_a_verdict_stays() -> None:
    test = told([1.0] * 40)
    assert test.decision == "replaces"
    at = test.decided_at
    test.extend([-1.0] * 400)
    assert (test.decision, test.decided_at) == ("replaces", at)
    assert test.log_e_worse > math.log(20)


@pytest.mark.parametrize("value", [1.0001, -1.5, math.nan, math.inf])
def test_a_difference_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="between -1 and 1"):
        told([value])


@pytest.mark.parametrize(
    ("margin", "alpha"), [(1.0, 0.05), (-1.0, 0.05), (0.05, 0.0), (0.05, 1.0), (math.nan, 0.05)]
)
def test_a_margin_or_alpha_out_of_range_is_refused(margin: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="lies between"):
        PairedTest(margin=margin, alpha=alpha)


@examples
@given(DIFFERENCES, MARGINS)
def test_the_course_of_a_test_ends_where_the_test_does(differences: list[float], margin: float) -> None:
    course = course_of(differences, margin=margin, alpha=0.05, steps=8)
    assert [step.n for step in course] == sorted({step.n for step in course})
    assert len(course) <= 8
    if differences:
        test = told(differences, margin)
        last = course[-1]
        assert (last.n, last.difference) == (test.n, test.difference)
        assert (last.low, last.high) == test.interval()
        assert course[0].n == 1
