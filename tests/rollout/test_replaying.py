"""Whatever decides, the same comes out of what is kept of it; and every word of it is explained."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.core.decision import Decision
from freehold.rollout.policy import RolloutPolicy
from freehold.rollout.replaying import REPLAYS, replay
from freehold.routing.decisions import Fact, Lock, LockKind, Policy, Situation
from freehold.routing.explaining import REASONS, WHYS, in_words
from freehold.routing.locks import decide_by_lock, decide_freely, decide_without_maker
from freehold.routing.policies import learned
from freehold.routing.policies.cascade import Cascade, Finding, Found, settle
from freehold.routing.policies.cheapest import Cheapest
from freehold.routing.policies.fastest import Fastest
from freehold.routing.policies.settings import PolicyKind
from freehold.routing.policies.standing import Standing
from freehold.routing.policies.weighted import Weighted
from freehold.routing.routes import Target

targets = st.builds(Target, st.sampled_from(["a", "b", "ä"]), st.text('xy/ :="\\\n', min_size=1, max_size=4))
routes = st.lists(targets, min_size=1, max_size=4, unique=True).map(tuple)
amounts = st.none() | st.floats(0, 1e9, allow_nan=False)
standings = st.builds(Standing, st.just(""), st.booleans(), amounts, amounts)


@st.composite
def policies(draw: st.DrawFn, route: tuple[Target, ...]) -> Policy:
    """One of every kind, for this route."""
    known = {one.name: msgspec.structs.replace(draw(standings), model=one.name) for one in route}
    kind = draw(st.integers(0, 4))
    match kind:
        case 0:
            return Weighted(
                {one.name: draw(st.integers(0, 5)) for one in route}, salt=draw(st.text(max_size=3))
            )
        case 1:
            return Cheapest(known, unproven=draw(st.booleans()))
        case 2:
            return Fastest(known, unproven=draw(st.booleans()))
        case 3:
            return Cascade(route, "logprobs", draw(st.floats(0, 1)), 3)
    share, stage = draw(st.floats(0, 1)), draw(st.integers(0, 5))
    return RolloutPolicy("rollout_1", route[0], draw(targets), share, stage)


@st.composite
def learned_facts(draw: st.DrawFn, route: tuple[Target, ...]) -> dict[str, Fact]:
    """What a router keeps of a decision: the policy itself needs a trained one."""
    chances = st.floats(0, 1)
    models = [one.name for one in draw(routes)]
    facts: dict[str, Fact] = {"incumbent": route[0].name, "router": "0123456789abcdef"}
    match draw(st.integers(0, 4)):
        case 0:
            facts["alarm"] = "too many worse answers"
        case 1:
            facts["made for"] = "another/model"
        case 2:
            facts |= {"draw": draw(chances), "share": draw(chances)}
        case 3:
            facts |= {"threshold": draw(chances), **{f"worse {name}": draw(chances) for name in models}}
    return facts | {f"place {place}": name for place, name in enumerate(models)}


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    """What a policy decides, or a lock in front of it."""
    route = draw(routes)
    policy = draw(policies(route))
    situation = Situation("chat", route, draw(st.text(max_size=9)))
    kind = draw(st.sampled_from(get_args(LockKind)))
    match draw(st.integers(0, 6)):
        case 0:
            lock = Lock(draw(st.sampled_from(route)), kind)
            return decide_by_lock(policy, situation, lock, found_by="state", name=policy.name)
        case 1:
            return decide_without_maker(policy, situation, kind=kind, why="unknown", name=policy.name)
        case 2:
            return decide_freely(situation)
        case 3:
            return learned.replay(Decision(learned.NAME, "", "", facts=draw(learned_facts(route))))
    decision = policy.decide(situation)
    if isinstance(policy, Cascade):
        for found in draw(st.lists(st.sampled_from(get_args(Found)), max_size=5)):
            score = draw(st.floats(0, 1)) if found == "score" else None
            decision = settle(decision, decision.chosen, Finding(found, score))
    return decision


def kept(decision: Decision) -> Decision:
    """As the ledger gives it back; facts may come in any order."""
    return msgspec.json.decode(msgspec.json.encode(decision, order="deterministic"), type=Decision)


@examples
@given(decisions())
def test_the_same_decision_comes_out_of_what_is_kept(decision: Decision) -> None:
    found = replay(kept(decision))
    assert (found.verdict, found.decision) == ("same", decision)


@examples
@given(decisions())
def test_every_word_is_explained(decision: Decision) -> None:
    assert decision.reason in REASONS or decision.reason in WHYS
    for one in decision.rejected:
        assert one.why in WHYS, one.why
        assert in_words(one.why, WHYS) == f"{one.why}, that is, {WHYS[one.why]}"


@examples
@given(decisions())
def test_a_decision_that_was_changed_is_found_out(decision: Decision) -> None:
    other = msgspec.structs.replace(decision, chosen="nobody/else")
    assert replay(kept(other)).verdict == "different"
    locked = decision.reason.startswith("lock.")
    reworded = msgspec.structs.replace(decision, reason="lock.other" if locked else "other")
    assert replay(kept(reworded)).verdict == "different"


def test_a_policy_that_nobody_knows_is_not_guessed() -> None:
    assert replay(Decision("of tomorrow", "a/x", "a whim")).verdict == "unknown"


def test_every_policy_of_the_configuration_can_be_made_again() -> None:
    assert set(get_args(PolicyKind)) | {"rollout"} == set(REPLAYS)


@pytest.mark.parametrize("policy", sorted(REPLAYS))
def test_facts_that_do_not_say_enough_make_nothing_up(policy: str) -> None:
    for facts in ({}, {"incumbent": None, "draw": "x"}):
        assert replay(Decision(policy, "a/x", "drawn", facts=facts)).verdict != "same"
