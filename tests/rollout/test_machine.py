"""What happens to a rollout next: pure, so that every case is a value."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from freehold.rollout.gates.finding import Finding, Word
from freehold.rollout.machine import Knowledge, Step, Waiting, applied, next_of
from freehold.rollout.plan import parse_plan
from freehold.rollout.policy import RolloutPolicy, policy_of, replay
from freehold.rollout.terms import STANDING, Rollout, State, Terms
from freehold.routing.decisions import Situation
from freehold.routing.routes import Target

OLD, NEW = Target("old", "m"), Target("new", "m")
TERMS = Terms(
    incumbent=OLD,
    candidate=NEW,
    plan=parse_plan("shadow:100,canary:1%,25%,cutover"),
    settle_calls=50,
    settle_us=1_000,
)
SHADOW, SMALL, LARGE, CUTOVER = range(4)
LATER = 10_000


def at(stage: int, state: State = "running", terms: Terms = TERMS) -> Rollout:
    return Rollout(id="rollout_1", route="r", terms=terms, state=state, stage=stage, stage_us=0, begun_us=0)


def finding(word: Word, gate: str = "errors") -> Finding:
    return Finding(gate=gate, word=word, told="So it is.")


def known(*findings: Finding, **facts: object) -> Knowledge:
    usual: dict[str, object] = {"answered": 100, "quality": True, "may_replace": True, "incumbent": OLD.name}
    return msgspec.convert(
        {**usual, **facts, "findings": [msgspec.structs.asdict(one) for one in findings]}, Knowledge
    )


@pytest.mark.parametrize("stage", [SHADOW, SMALL, LARGE])
def test_whoever_does_no_harm_goes_on(stage: int) -> None:
    step = next_of(at(stage), known(finding("no harm")), LATER)
    assert isinstance(step, Step)
    assert (step.act, step.state, step.stage) == ("pass", "running", stage + 1)


def test_the_end_is_that_it_has_the_whole_route() -> None:
    step = next_of(at(CUTOVER), known(), LATER)
    assert isinstance(step, Step)
    assert (step.act, step.state, step.stage) == ("finish", "finished", CUTOVER)


@pytest.mark.parametrize("state", ["running", "paused"])
@pytest.mark.parametrize("stage", [SHADOW, SMALL, LARGE, CUTOVER])
def test_harm_rolls_back_at_once_from_everywhere(stage: int, state: State) -> None:
    step = next_of(at(stage, state), known(finding("harm"), answered=0), 0)
    assert isinstance(step, Step)
    assert (step.act, step.state) == ("roll back", "rolled back")
    assert "Errors: So it is." in step.reason


@pytest.mark.parametrize(
    ("rollout", "facts", "now_us", "word", "needs_somebody"),
    [
        (at(SHADOW), {"copied": False}, LATER, "100 of 100 copies", False),
        (at(SMALL), {"answered": 49}, LATER, "49 of 50 conversations", False),
        (at(SMALL), {}, 999, "lasts", False),
        (at(LARGE), {"may_replace": False}, LATER, "Undecided: judged pairs and votes", False),
        (at(LARGE), {"may_replace": False, "quality": False}, LATER, "nobody judges or votes", True),
        (at(SMALL, "paused"), {}, LATER, "paused", True),
        (at(SMALL, "rolled back"), {}, LATER, "rolled back", False),
        (at(CUTOVER, "finished"), {}, LATER, "whole route", False),
    ],
)
def test_what_it_waits_for(
    rollout: Rollout, facts: dict[str, object], now_us: int, word: str, needs_somebody: bool
) -> None:
    found = next_of(rollout, known(**facts), now_us)
    assert isinstance(found, Waiting)
    assert word in found.why
    assert found.needs_somebody == needs_somebody


def test_what_looks_worse_is_not_passed() -> None:
    assert isinstance(next_of(at(SMALL), known(finding("looks worse")), LATER), Waiting)


def test_quality_is_asked_before_cutover_alone_and_not_where_nobody_wants_to_know() -> None:
    unknown = known(quality=False, may_replace=False)
    assert isinstance(next_of(at(SMALL), unknown, LATER), Step)
    assert isinstance(next_of(at(LARGE), unknown, LATER), Waiting)
    carefree = msgspec.structs.replace(TERMS, without_quality=True)
    assert isinstance(next_of(at(LARGE, terms=carefree), unknown, LATER), Step)


@pytest.mark.parametrize("state", STANDING)
@pytest.mark.parametrize(("incumbent", "act"), [(None, "abort"), ("other/m", "abort"), (NEW.name, "close")])
def test_a_configuration_that_was_changed_under_it_ends_it(
    state: State, incumbent: str | None, act: str
) -> None:
    step = next_of(at(LARGE, state), known(incumbent=incumbent), LATER)
    assert isinstance(step, Step)
    assert step.act == act
    after, transition = applied(at(LARGE, state), step, by="gates", now_us=5, evidence=b'{"a":1}')
    assert after.share == 0.0
    assert (after.ended_us, after.version, transition.version) == (5, 2, 2)


def test_a_stage_begins_when_it_is_entered() -> None:
    rollout = at(SMALL)
    after, _ = applied(rollout, Step("pass", "running", LARGE, ""), by="gates", now_us=7, evidence=b"{}")
    assert (after.stage_us, after.share) == (7, 0.25)
    paused, _ = applied(after, Step("pause", "paused", LARGE, ""), by="me", now_us=9, evidence=b"{}")
    assert (paused.stage_us, paused.share) == (7, 0.25)


# The policy


def situation(sticky: str) -> Situation:
    return Situation("r", (OLD, NEW), sticky)


@given(some.text(max_size=30), some.lists(some.floats(0, 1), min_size=2, max_size=5))
def test_who_is_in_stays_in(sticky: str, shares: list[float]) -> None:
    chosen = [
        RolloutPolicy("rollout_1", OLD, NEW, share, 0).decide(situation(sticky)).arm == "candidate"
        for share in sorted(shares)
    ]
    assert chosen == sorted(chosen)  # in from some share on, and never out again


@given(some.text(max_size=30), some.floats(0, 1), some.integers(0, 9))
def test_a_decision_can_be_made_again(sticky: str, share: float, stage: int) -> None:
    decision = RolloutPolicy("rollout_1", OLD, NEW, share, stage).decide(situation(sticky))
    assert replay(decision) == decision
    read_again = msgspec.json.decode(msgspec.json.encode(decision), type=type(decision))
    assert replay(read_again) == decision


def test_shares_are_what_they_say_and_independent_between_rollouts() -> None:
    one, other = (RolloutPolicy(f"rollout_{name}", OLD, NEW, 0.25, 0) for name in "ab")
    first = [one.decide(situation(str(number))).arm == "candidate" for number in range(4_000)]
    second = [other.decide(situation(str(number))).arm == "candidate" for number in range(4_000)]
    assert sum(first) == pytest.approx(1_000, abs=120)
    both = sum(a and b for a, b in zip(first, second, strict=True))
    assert both == pytest.approx(250, abs=70)


def test_nobody_is_in_before_and_everybody_after() -> None:
    for stage, arm in ((SHADOW, "incumbent"), (CUTOVER, "candidate")):
        policy = policy_of(at(stage))
        assert {policy.decide(situation(str(number))).arm for number in range(200)} == {arm}
