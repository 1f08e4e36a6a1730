"""Gates: what is told in, a finding out. Simulations count errors in `benchmarks/rollouts`."""

from __future__ import annotations

import math
import random
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from freehold.rollout.gates.blocks import Block
from freehold.rollout.gates.history import Looks, Sample, lower_bound, upper_bound
from freehold.rollout.gates.panel import Compared, Panel, go_on, keep, panel_of
from freehold.rollout.gates.wealth import differences, events
from freehold.rollout.observed import Observation
from freehold.rollout.plan import parse_plan
from freehold.rollout.terms import Terms
from freehold.routing.decisions import Arm
from freehold.routing.routes import Target

TERMS = Terms(
    incumbent=Target("old", "m"),
    candidate=Target("new", "m"),
    plan=parse_plan("shadow:500,canary:5%,25%,cutover"),
)
SHADOW, FIRST, SECOND, CUTOVER = range(4)


def seen(arm: Arm, number: int, stage: int = SECOND, **said: Any) -> Observation:
    share = TERMS.plan.stages[stage].share
    facts: dict[str, Any] = {
        "failed": False,
        "seconds": 1.0,
        "dollars": 0.01,
        "declined": False,
        "lossy": False,
    }
    return Observation(arm=arm, unit=str(number), share=share, stage=stage, **{**facts, **said})


def word(panel: Panel, gate: str, stage: int = SECOND) -> str:
    return next(one.word for one in panel.findings(stage) if one.gate == gate)


def begun(stage: int = SECOND) -> Panel:
    panel = panel_of(TERMS)
    panel.begin(stage)
    return panel


def feed(panel: Panel, conversations: int, **worse: Any) -> int:
    """Conversations of both arms, the candidate's with these facts, until there is harm; how many of the candidate."""
    chance = random.Random(1)
    answered = 0
    for number in range(conversations):
        arm: Arm = "candidate" if chance.random() < 0.25 else "incumbent"
        answered += arm == "candidate"
        panel.observe(seen(arm, number, **(worse if arm == "candidate" else {})))
        if any(one.word == "harm" for one in panel.findings(SECOND)):
            return answered
    return answered


@pytest.mark.parametrize(
    ("gate", "worse", "most"),
    [
        ("errors", {"failed": True, "seconds": None}, 15),
        ("refusals", {"declined": True}, 20),
        ("losses", {"lossy": True}, 20),
        ("latency", {"seconds": 3.0}, 60),
        ("cost", {"dollars": 0.03}, 60),
    ],
)
def test_what_is_always_worse_is_found_soon(gate: str, worse: dict[str, Any], most: int) -> None:
    panel = begun()
    assert feed(panel, 2_000, **worse) <= most
    assert [one.gate for one in panel.findings(SECOND) if one.word == "harm"] == [gate]


def test_who_is_as_good_does_no_harm() -> None:
    panel = begun()
    feed(panel, 2_000)
    assert {one.word for one in panel.findings(SECOND)} <= {"no harm", "no evidence"}


def test_hanging_candidate_whose_clients_hang_up_is_found() -> None:
    panel = begun()
    assert feed(panel, 500, failed=True, seconds=30.0, dollars=None) <= 15


def test_a_little_slower_is_tolerated_and_told_in_percent() -> None:
    panel = begun()
    feed(panel, 4_000, seconds=1.2)
    latency = next(one for one in panel.findings(SECOND) if one.gate == "latency")
    assert latency.word == "no harm"
    assert "20% slower" in latency.told


def test_unknown_cost_is_not_nothing() -> None:
    panel = begun()
    feed(panel, 500, dollars=None)
    assert word(panel, "cost") == "no evidence"


def test_a_conversation_counts_once() -> None:
    panel = begun()
    for _ in range(1_000):
        panel.observe(seen("candidate", 1, failed=True))
        panel.observe(seen("incumbent", 2))
    assert panel.answered[SECOND] == 1
    assert word(panel, "errors") != "harm"


def test_what_failed_at_cutover_is_held_against_all_that_the_incumbent_did() -> None:
    panel = begun(CUTOVER)
    feed(panel, 1_000)
    for number in range(40):
        panel.observe(seen("candidate", number, CUTOVER, failed=number % 2 == 0))
    assert word(panel, "errors", CUTOVER) == "harm"


def test_few_calls_of_the_incumbent_are_not_taken_for_the_truth() -> None:
    panel = begun(CUTOVER)
    for number in range(12):
        panel.observe(seen("incumbent", number))
    for number in range(40):
        panel.observe(seen("candidate", number, CUTOVER, failed=number % 10 == 0))
    assert word(panel, "errors", CUTOVER) != "harm"


def pair(number: int, difference: float | None, *, judged: bool = True) -> Compared:
    return Compared(
        unit=str(number), stage=SHADOW, failed=(False, False), difference=difference, judged=judged
    )


def test_copies_that_fail_where_their_calls_did_not_are_harm() -> None:
    alike, worse = begun(SHADOW), begun(SHADOW)
    for number in range(300):
        failed = number % 10 == 0
        alike.compare(Compared(unit=str(number), stage=SHADOW, failed=(failed, number % 10 == 5)))
        worse.compare(Compared(unit=str(number), stage=SHADOW, failed=(False, failed)))
    assert word(alike, "errors", SHADOW) == "no harm"
    assert word(worse, "errors", SHADOW) == "harm"


def test_judged_pairs_say_that_it_may_replace_or_that_it_does_harm() -> None:
    good, bad = begun(SHADOW), begun(SHADOW)
    for number in range(400):
        good.compare(pair(number, 0.0))
        bad.compare(pair(number, -1.0 if number % 5 == 0 else 0.0))
    assert (good.quality.finding().word, good.quality.may_replace) == ("may replace", True)
    assert (bad.quality.finding().word, bad.quality.may_replace) == ("harm", False)


def test_good_forms_alone_say_nothing_for_a_candidate() -> None:
    panel = begun(SHADOW)
    for number in range(2_000):
        panel.compare(pair(number, 0.0, judged=False))
    assert not panel.quality.may_replace
    for number in range(2_000, 2_400):
        panel.compare(pair(number, -1.0, judged=False))
    assert panel.quality.finding().word == "harm"


def test_people_who_only_complain_promote_nobody() -> None:
    panel = begun()
    chance = random.Random(3)
    for number in range(6_000):
        arm: Arm = "candidate" if chance.random() < 0.25 else "incumbent"
        panel.observe(seen(arm, number))
        if chance.random() < (0.2 if arm == "candidate" else 0.19):
            panel.vote(str(number), arm, 0.0, cutover=False)
    assert panel.quality.evidence > 200
    assert panel.quality.votes.mean == 0.0  # every vote is as bad as any other
    assert not panel.quality.may_replace


def test_people_who_complain_twice_as_often_are_heard() -> None:
    panel = begun()
    chance = random.Random(3)
    for number in range(6_000):
        arm: Arm = "candidate" if chance.random() < 0.25 else "incumbent"
        panel.observe(seen(arm, number))
        if chance.random() < (0.2 if arm == "candidate" else 0.1):
            panel.vote(str(number), arm, 0.0, cutover=False)
    assert word(panel, "complaints") == "harm"


def test_votes_on_what_was_never_drawn_do_not_count() -> None:
    panel = begun()
    panel.vote("unseen", "candidate", 0.0, cutover=False)
    panel.observe(seen("incumbent", 1))
    panel.vote("1", "candidate", 0.0, cutover=False)  # by a lock, it was with the other one
    assert panel.quality.evidence == 0


def test_another_process_goes_on_where_one_left_off() -> None:
    whole, first = begun(), begun()
    chance = random.Random(5)
    told = [
        seen(
            "candidate" if chance.random() < 0.25 else "incumbent", number % 700, failed=chance.random() < 0.1
        )
        for number in range(1_000)
    ]
    for one in told:
        whole.observe(one)
    for one in told[:400]:
        first.observe(one)
    second = go_on(keep(first))
    for one in told[400:]:
        second.observe(one)
    assert second.findings(SECOND) == whole.findings(SECOND)
    assert keep(second) == keep(whole)


@given(some.lists(some.tuples(some.sampled_from(["incumbent", "candidate"]), some.floats(0, 1)), max_size=60))
def test_blocks_use_every_value_once(values: list[tuple[Arm, float]]) -> None:
    block = Block()
    found = [one for arm, value in values if (one := block.add(arm, value)) is not None]
    assert all(-1.0 <= one <= 1.0 for one in found)
    arms = [arm for arm, _ in values]
    assert len(found) <= min(arms.count("incumbent"), arms.count("candidate"))


@settings(max_examples=30, deadline=None)
@given(some.lists(some.floats(-1, 1), min_size=1, max_size=60), some.floats(-0.2, 0.2))
def test_wealth_never_grows_on_average_where_there_is_no_harm(values: list[float], threshold: float) -> None:
    """One step: over a distribution whose mean is the threshold, the expected factor is at most 1."""
    test = differences(2, threshold=threshold, margin=0.05)
    test.groups.begin(0)
    for one in values:
        test.add(one)
    before = math.exp(test.log_e)
    high, low = threshold + 0.5, threshold - 0.5
    after = []
    for value in (high, low):
        again = deepcopy(test)
        again.add(value)
        after.append(math.exp(again.log_e))
    assert sum(after) / 2 <= before * (1 + 1e-9)


@given(some.floats(0.001, 0.999), some.lists(some.booleans(), max_size=40))
def test_events_are_worth_nothing_on_average_where_both_are_hit_alike(share: float, hits: list[bool]) -> None:
    def wealth(told: list[bool]) -> float:
        test = events(3)
        test.groups.begin(1)
        for candidate in told:
            test.add("candidate" if candidate else "incumbent", share)
        return math.exp(test.log_e)

    expected = share * wealth([*hits, True]) + (1 - share) * wealth([*hits, False])
    assert expected == pytest.approx(wealth(hits), rel=1e-9)


@given(some.integers(1, 5_000), some.floats(0, 1), some.floats(0.1, 20))
def test_bounds_hold_the_mean_between_them(n: int, mean: float, room: float) -> None:
    sample = Sample(n, mean * n)
    low, high = lower_bound(sample, room), upper_bound(sample, room)
    assert 0.0 <= low <= sample.total / n + 1e-9
    assert sample.total / n - 1e-9 <= high <= 1.0
    assert upper_bound(sample, 2 * room) >= high - 1e-9


def test_two_samples_of_the_same_are_seldom_told_apart() -> None:
    chance = random.Random(7)
    wrong = 0
    for _ in range(300):
        looks, incumbent = Looks(0.05), Sample()
        for _ in range(200):
            incumbent.add(float(chance.random() < 0.1))
            looks.add(float(chance.random() < 0.1), incumbent)
        wrong += looks.sure
    assert wrong <= 15
