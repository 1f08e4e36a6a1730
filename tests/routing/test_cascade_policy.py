"""The cascade's choice is a pure function of what was found, and can be made again from what is kept."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.decision import Decision
from freehold.routing.decisions import Lock, Situation
from freehold.routing.policies.cascade import (
    Cascade,
    Finding,
    Found,
    is_open,
    models_in,
    replay,
    settle,
)
from freehold.routing.routes import Target

TARGETS = tuple(Target("p", name) for name in ("a", "b", "c", "d"))
findings = st.builds(
    lambda found, score: Finding(found, score if found == "score" else None),
    st.sampled_from(get_args(Found)),
    st.floats(0, 1),
)


def situation(lock: Target | None = None, targets: tuple[Target, ...] = TARGETS) -> Situation:
    found = None if lock is None else Lock(lock, "conversation")
    return Situation("r", targets, "sticky", lock=found)


def played(count: int, threshold: float, found: list[Finding], lock: Target | None) -> list[Decision]:
    """Every decision of a call, the last one last."""
    policy = Cascade(TARGETS[:count], "logprobs", threshold, 3)
    decisions = [policy.decide(situation(lock))]
    for finding in found:
        if not is_open(decisions[-1]):
            break
        decisions.append(settle(decisions[-1], decisions[-1].chosen, finding))
    return decisions


@given(
    st.integers(2, 4),
    st.floats(0, 1),
    st.lists(findings, min_size=4, max_size=4),
    st.none() | st.sampled_from(TARGETS),
)
def test_it_goes_up_until_it_is_sure_and_never_down(
    count: int, threshold: float, found: list[Finding], lock: Target | None
) -> None:
    decisions = played(count, threshold, found, lock)
    models = models_in(decisions[0].facts)
    places = [models.index(one.chosen) for one in decisions]
    start = TARGETS.index(lock) if lock in TARGETS[:count] and lock is not None else 0
    assert places[0] == start
    steps = [after - before for before, after in pairwise(places)]
    assert all(step in (0, 1) for step in steps)  # 0: its answer stands
    last = decisions[-1]
    assert not is_open(last)
    if last.chosen != models[-1]:
        finding = found[len(decisions) - 2]
        assert finding.found in ("nothing to check", "too long") or (finding.score or 0.0) >= threshold
    assert {one.model for one in last.rejected} == {*models} - {last.chosen}


@given(st.integers(2, 4), st.floats(0, 1), st.lists(findings, min_size=4, max_size=4))
def test_every_decision_can_be_made_again_from_what_is_kept(
    count: int, threshold: float, found: list[Finding]
) -> None:
    for one in played(count, threshold, found, None):
        kept = msgspec.json.decode(msgspec.json.encode(one), type=Decision)
        assert replay(kept) == kept == one


@given(st.integers(2, 4), st.lists(findings, min_size=4, max_size=4))
def test_when_the_last_fails_the_best_there_is_stands(count: int, found: list[Finding]) -> None:
    last = played(count, 2.0, found, None)[-1]  # nobody is ever that sure
    models = models_in(last.facts)
    if last.chosen != models[-1]:
        return
    failed = settle(last, last.chosen, Finding("failed"))
    held = [one for one, finding in zip(models[:-1], found, strict=False) if finding.has_answer]
    assert failed.chosen == (held[-1] if held else models[-1])
    assert failed.reason == "others failed"
    assert replay(failed) == failed


def test_a_model_that_is_not_there_any_more_is_passed_over() -> None:
    policy = Cascade(TARGETS, "schema", 0.0, 3)
    decision = policy.decide(situation(targets=TARGETS[1:]))
    assert models_in(decision.facts) == ["p/b", "p/c", "p/d"]
    alone = policy.decide(situation(targets=(Target("q", "z"),)))
    assert (alone.chosen, is_open(alone)) == ("q/z", False)


def test_what_rollouts_said_of_the_call_stays_with_it() -> None:
    first = msgspec.structs.replace(
        Cascade(TARGETS, "schema", 0.0, 3).decide(situation()), rollout="ro_1", arm="candidate"
    )
    then = settle(first, first.chosen, Finding("not in form"))
    assert (then.rollout, then.arm) == ("ro_1", "candidate")
