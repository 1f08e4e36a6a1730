"""What a judge's errors are corrected with: against the published formulas, and against known truths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from freehold.compare.stats.correction import (
    Corrected,
    Groups,
    Numbers,
    Uncorrectable,
    beside_known,
    prediction_powered,
    quantile,
)
from freehold.compare.stats.error_rates import Labelled, Seen, error_rates, with_error_rates

N = 400


def labelled(hits: int, good: int, right: int, bad: int, first: int = 10_000) -> Labelled:
    """A judge that passes `hits` of the `good` answers and fails `right` of the `bad` ones."""
    judge = [1.0] * hits + [0.0] * (good - hits) + [0.0] * right + [1.0] * (bad - right)
    truth = [True] * good + [False] * bad
    return Labelled(np.array(judge), np.array(truth), np.arange(first, first + good + bad))


def passes(share: float, n: int = N) -> Numbers:
    return np.array([1.0] * round(share * n) + [0.0] * (n - round(share * n)))


def test_the_rate_of_one_model_is_the_published_one() -> None:
    of = labelled(180, 200, 160, 200)  # sensitivity 0.9, specificity 0.8
    assert error_rates(of) == pytest.approx((0.8, 0.9))
    p, n, q0, q1 = 0.41, N, 0.8, 0.9
    found = with_error_rates([Seen(passes(p), np.arange(n), of, 1.0)], raw=p, alpha=0.05)
    theta = (p + q0 - 1) / (q0 + q1 - 1)
    assert found.difference == pytest.approx(theta)
    # Each sum of squares is divided by its count less one, where the publication divides by the count.
    variance = (
        p * (1 - p) / (n - 1) + (1 - theta) ** 2 * q0 * (1 - q0) / 199 + theta**2 * q1 * (1 - q1) / 199
    ) / (q0 + q1 - 1) ** 2
    assert found.standard_error == pytest.approx(math.sqrt(variance))
    assert (found.interval, found.method, found.labels) == ("formula", "error rates", 400)
    assert found.high - found.difference == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-5)


def test_how_many_failed_is_a_matter_of_chance_and_in_the_variance() -> None:
    labels = np.tile([0.0, 1.0], 20)
    found = prediction_powered(np.array([]), np.array([], int), labels, labels, np.arange(40), alpha=0.05)
    beside = beside_known(found, np.full(10, -1.0), 40)
    share = 10 / 50
    assert beside.difference == pytest.approx((1 - share) * 0.5 - share)
    variance = ((1 - share) * found.standard_error) ** 2 + share * (1 - share) * 1.5**2 / 50
    assert beside.standard_error == pytest.approx(math.sqrt(variance))


def test_each_model_has_its_own_error_rates() -> None:
    """The judge passes both models' answers equally often, and is soft on the candidate's."""
    strict, soft = labelled(170, 200, 190, 200), labelled(190, 200, 120, 200, first=20_000)
    groups = np.arange(N)
    found = with_error_rates(
        [Seen(passes(0.6), groups, strict, -1.0), Seen(passes(0.6), groups, soft, 1.0)], raw=0.0, alpha=0.05
    )
    incumbent = (0.6 + 0.95 - 1) / (0.95 + 0.85 - 1)
    candidate = (0.6 + 0.6 - 1) / (0.6 + 0.95 - 1)
    assert found.difference == pytest.approx(candidate - incumbent)
    assert found.high < 0


def test_the_same_cases_of_both_models_do_not_count_as_independent() -> None:
    of = labelled(180, 200, 160, 200)
    groups = np.arange(N)
    judge = passes(0.55)
    same = with_error_rates(
        [Seen(judge, groups, of, -1.0), Seen(judge, groups, of, 1.0)], raw=0.0, alpha=0.05
    )
    assert same.difference == pytest.approx(0.0)
    assert same.standard_error == pytest.approx(0.0, abs=1e-12)  # whatever is wrong is wrong for both
    apart = Labelled(of.judge, of.good, of.groups + 1_000_000)
    other = with_error_rates(
        [Seen(judge, groups, of, -1.0), Seen(judge, groups + N, apart, 1.0)], raw=0.0, alpha=0.05
    )
    assert other.standard_error > 0.03


def test_a_judge_that_cannot_tell_good_from_bad_is_refused() -> None:
    for of, said in (
        (labelled(100, 200, 100, 200), "not above 1"),
        (labelled(90, 200, 80, 200), "not above 1"),
        (labelled(11, 20, 10, 20), "not sure"),
        (labelled(200, 200, 2, 2), "each takes 4 at least"),
        (labelled(0, 0, 50, 50), "0 of the labelled answers good"),
    ):
        with pytest.raises(Uncorrectable, match=said):
            with_error_rates([Seen(passes(0.5), np.arange(N), of, 1.0)], raw=0.5, alpha=0.05)


def test_a_judge_that_was_never_wrong_about_few_labels_is_not_taken_for_perfect() -> None:
    found = with_error_rates(
        [Seen(passes(0.5, 10_000), np.arange(10_000), labelled(12, 12, 12, 12, first=20_000), 1.0)],
        raw=0.5,
        alpha=0.05,
    )
    assert found.interval == "bootstrap"
    assert found.high - found.low > 0.06  # of 10,000 answers alone it would be 0.02
    assert found.low < 0.5 < found.high


def draw(chance: np.random.Generator, truth: float, n: int, q0: float, q1: float) -> tuple[Numbers, Numbers]:
    good = chance.random(n) < truth
    judge = np.where(good, chance.random(n) < q1, chance.random(n) > q0)
    return judge.astype(float), good.astype(float)


@pytest.mark.parametrize(("labels", "resamples"), [(300, 300), (60, 25)])
def test_intervals_from_error_rates_hold_the_truth(labels: int, resamples: int) -> None:
    """0.70 against 0.62, seen by a judge that is soft on the first; labels have other shares of good answers."""
    chance = np.random.default_rng(5)
    held = nearer = 0
    for number in range(resamples):
        seen = []
        for at, (truth, q0, q1, factor) in enumerate(((0.62, 0.9, 0.8, -1.0), (0.70, 0.7, 0.95, 1.0))):
            judge, _ = draw(chance, truth, N, q0, q1)
            theirs, good = draw(chance, 0.5, labels, q0, q1)
            groups = np.arange(labels) + (at + 1) * 100_000
            seen.append(Seen(judge, np.arange(N), Labelled(theirs, good > 0, groups), factor))
        raw = float(seen[1].judge.mean() - seen[0].judge.mean())
        found = with_error_rates(seen, raw=raw, alpha=0.05, seed=number)
        held += found.low <= 0.08 <= found.high
        nearer += abs(found.difference - 0.08) < abs(raw - 0.08)
    assert 0.92 <= held / resamples <= 1.0
    assert nearer / resamples > 0.65


def powered(
    unlabelled: Numbers, judge: Numbers, people: Numbers, groups: Groups | None = None, alpha: float = 0.05
) -> Corrected:
    known = np.arange(len(judge)) if groups is None else groups
    return prediction_powered(
        unlabelled, 1_000_000 + np.arange(len(unlabelled)), judge, people, known, alpha=alpha
    )


def test_a_useless_judge_weighs_nothing_and_the_labels_alone_decide() -> None:
    people = np.array([1.0, -1.0, 0.0, 1.0] * 25)
    found = powered(np.zeros(500), np.zeros(100), people)
    assert (found.weight, found.difference) == (0.0, 0.25)
    low, high = stats.t.interval(0.95, 99, loc=0.25, scale=people.std(ddof=1) / 10)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)


def test_a_judge_that_errs_against_people_weighs_nothing() -> None:
    people = np.array([1.0, -1.0] * 50)
    assert powered(np.array([1.0, -1.0] * 100), -people, people).weight == 0.0


def test_a_perfect_judge_counts_as_much_as_people() -> None:
    chance = np.random.default_rng(1)
    everything = chance.choice([-1.0, 0.0, 1.0], size=1100, p=[0.2, 0.5, 0.3])
    found = powered(everything[100:], everything[:100], everything[:100])
    assert found.weight == pytest.approx(1000 / 1100, abs=0.02)
    assert found.standard_error == pytest.approx(everything.std() / math.sqrt(1100), rel=0.05)


def test_the_weight_is_the_published_one() -> None:
    chance = np.random.default_rng(2)
    people = chance.choice([-1.0, 0.0, 1.0], size=200)
    judge = np.clip(people + chance.choice([-1.0, 0.0, 0.0, 1.0], size=200), -1, 1)
    more = chance.choice([-1.0, 0.0, 1.0], size=800)
    found = powered(more, judge, people)
    n, many = 200, 800
    of_both = float(np.cov(people, judge, bias=True)[0, 1])
    varies = float(judge.var()) / n + float(more.var()) / many
    weight = of_both / n / varies
    assert found.weight == pytest.approx(weight)
    assert found.difference == pytest.approx(weight * more.mean() + (people - weight * judge).mean())


def test_pairs_of_a_group_are_one_draw() -> None:
    chance = np.random.default_rng(3)
    people = np.repeat(chance.choice([-1.0, 1.0], size=30), 5)
    judge = people.copy()
    alone = powered(np.zeros(0), judge, people)
    together = powered(np.zeros(0), judge, people, np.repeat(np.arange(30), 5))
    assert together.difference == alone.difference
    assert together.standard_error == pytest.approx(alone.standard_error * math.sqrt(5), rel=0.05)


def test_nine_labels_are_too_few() -> None:
    with pytest.raises(Uncorrectable, match="9 independent pairs are labelled"):
        powered(np.zeros(100), np.zeros(9), np.zeros(9))
    with pytest.raises(Uncorrectable, match="2 independent pairs"):
        powered(np.zeros(100), np.zeros(50), np.zeros(50), np.repeat([0, 1], 25))


@pytest.mark.parametrize("labels", [30, 150])
def test_prediction_powered_intervals_hold_the_truth(labels: int) -> None:
    chance = np.random.default_rng(labels)
    levels = np.array([-1.0, 0.0, 1.0])
    resamples, held = 600, 0
    for _ in range(resamples):
        people = chance.choice(levels, size=labels + 400, p=[0.25, 0.4, 0.35])
        # Leans to the candidate: of three errors, two are in its favour.
        judge = np.clip(people + chance.choice(levels, size=len(people), p=[0.1, 0.7, 0.2]), -1, 1)
        found = powered(judge[labels:], judge[:labels], people[:labels])
        held += found.low <= 0.10 <= found.high
    assert 0.93 <= held / resamples <= 0.97


SCORES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=10, max_size=30)


@given(SCORES, SCORES, SCORES)
@settings(max_examples=60)
def test_the_other_way_round_is_the_other_sign(
    more: list[float], judge: list[float], people: list[float]
) -> None:
    n = min(len(judge), len(people))
    one = powered(np.array(more), np.array(judge[:n]), np.array(people[:n]))
    other = powered(-np.array(more), -np.array(judge[:n]), -np.array(people[:n]))
    assert one.difference == pytest.approx(-other.difference)
    assert [one.low, one.high] == pytest.approx([-other.high, -other.low])
    assert -1 <= one.low <= one.difference <= one.high <= 1
    assert 0 <= (one.weight or 0.0) <= 1


@given(
    st.floats(0.02, 0.98),
    st.integers(40, 60),
    st.integers(40, 60),
    st.sampled_from([-0.1, -0.03, 0.0, 0.05]),
)
@settings(max_examples=40)
def test_p_values_and_intervals_say_the_same(share: float, hits: int, right: int, bound: float) -> None:
    of = labelled(hits, 60, right, 60)
    seen = [Seen(passes(share), np.arange(N), of, 2.0)]
    found = with_error_rates(seen, constant=-1.0, raw=0.0, alpha=0.05)
    assert found.low <= found.difference <= found.high
    if found.low > bound:
        assert found.p_no_better_than(bound) <= 0.025 + 1e-9
    if found.p_no_better_than(bound) < 0.025 - 1e-9 and found.low > -1:
        assert found.low >= bound
    assert found.p_no_better_than(bound) + found.p_no_worse_than(bound) == pytest.approx(1.0)


@pytest.mark.parametrize("degrees", [9, 30, 200])
@pytest.mark.parametrize("level", [0.9, 0.975, 0.995])
def test_quantiles_are_students(level: float, degrees: int) -> None:
    assert quantile(level, degrees) == pytest.approx(stats.t.ppf(level, degrees), rel=4e-3)


@given(
    st.integers(10, 200), st.floats(0.01, 0.2), st.sampled_from([-1.0, 0.0, 0.5]), st.sampled_from([-1, 1])
)
@settings(max_examples=60, deadline=None)
def test_labels_that_are_all_alike_are_no_proof(n: int, gap: float, said: float, side: int) -> None:
    """A share `gap` of the pairs may be otherwise, and n labels all miss it with a chance of (1 - gap)^n."""
    found = powered(np.full(300, said), np.full(n, said), np.full(n, said))
    bound = said + side * gap
    p = found.p_no_better_than(bound) if side < 0 else found.p_no_worse_than(bound)
    assert p == pytest.approx(min(0.5, (1 - gap) ** n))
    assert (found.low <= bound <= found.high) or abs(bound) > 1 or (1 - gap) ** n <= 0.025 + 1e-9


def test_few_labels_seldom_say_replaces_where_losses_are_rare() -> None:
    """Every number of losses that n labels can show, of a candidate that loses just as often as the margin says."""
    for margin in (0.02, 0.03, 0.05, 0.1):
        for n in (10, 20, 30, 50, 100, 200, 400):
            wrong = 0.0
            for losses in range(n + 1):
                people = np.array([-1.0] * losses + [0.0] * (n - losses))
                found = powered(np.zeros(100), np.zeros(n), people)
                if found.p_no_better_than(-margin) <= 0.05:
                    wrong += float(stats.binom.pmf(losses, n, margin))
            assert wrong <= 0.05, (margin, n)
