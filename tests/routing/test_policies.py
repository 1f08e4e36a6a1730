"""Policies choose as they say, and make the same decision again from what is kept of it."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.decision import Decision, Rejected
from freehold.routing.decisions import Lock, Policy, Situation
from freehold.routing.locks import decide_by_lock, decide_freely, decide_without_maker, replay_lock
from freehold.routing.policies import cheapest, fastest, weighted
from freehold.routing.policies.cheapest import Cheapest
from freehold.routing.policies.fastest import Fastest
from freehold.routing.policies.standing import Standing
from freehold.routing.policies.weighted import Weighted
from freehold.routing.routes import Target

A, B, C = Target("a", "x"), Target("b", "y y"), Target("c", "z")
ROUTE = (A, B, C)


def situation(sticky: str = "one", targets: tuple[Target, ...] = ROUTE) -> Situation:
    return Situation("chat", targets, sticky)


def standing(target: Target, **known: object) -> Standing:
    return msgspec.convert({"model": target.name, "proven": False, **known}, Standing)


def cheapest_of(*standings: Standing, unproven: bool = False) -> Cheapest:
    return Cheapest({one.model: one for one in standings}, unproven=unproven)


def kept(decision: Decision) -> Decision:
    """As it comes back from a database that does not keep the order of facts."""
    return msgspec.json.decode(msgspec.json.encode(decision, order="deterministic"), type=Decision)


def test_weights_are_the_share_of_conversations() -> None:
    policy = Weighted({A.name: 3, B.name: 1}, salt="chat")
    chosen = [policy.decide(situation(f"conversation {number}")).chosen for number in range(8000)]
    assert chosen.count(C.name) == 0
    assert 0.23 < chosen.count(B.name) / len(chosen) < 0.27


def test_a_conversation_is_drawn_once() -> None:
    policy = Weighted({A.name: 1, B.name: 1, C.name: 1}, salt="chat")
    first = policy.decide(situation("the same"))
    assert all(policy.decide(situation("the same")) == first for _ in range(20))
    assert {one.why for one in first.rejected} == {"not drawn"}


def test_a_model_without_a_weight_is_never_drawn() -> None:
    decision = Weighted({B.name: 5}, salt="chat").decide(situation())
    assert decision.chosen == B.name
    assert decision.rejected == (Rejected(A.name, "no weight"), Rejected(C.name, "no weight"))


def test_the_cheapest_that_is_proven_is_chosen() -> None:
    policy = cheapest_of(standing(A, price=5.0), standing(B, price=1.0), standing(C, price=2.0, proven=True))
    decision = policy.decide(situation())
    assert (decision.chosen, decision.reason) == (C.name, "cheapest")
    assert decision.rejected == (Rejected(A.name, "dearer"), Rejected(B.name, "no verdict"))


def test_a_model_whose_price_is_unknown_is_never_the_cheapest() -> None:
    policy = cheapest_of(standing(A, price=5.0), standing(B, proven=True), unproven=True)
    decision = policy.decide(situation(targets=(A, B)))
    assert decision.chosen == A.name
    assert decision.rejected == (Rejected(B.name, "price unknown"),)


def test_where_no_price_is_known_the_incumbent_stays() -> None:
    decision = cheapest_of(standing(A), standing(B, proven=True)).decide(situation(targets=(A, B)))
    assert (decision.chosen, decision.reason) == (A.name, "no price known")


def test_a_free_model_is_the_cheapest() -> None:
    decision = cheapest_of(standing(A, price=0.1), standing(B, price=0.0, proven=True)).decide(situation())
    assert decision.chosen == B.name


def test_of_equals_the_incumbent_stays() -> None:
    policy = cheapest_of(standing(A, price=1.0), standing(B, price=1.0, proven=True))
    assert policy.decide(situation(targets=(A, B))).chosen == A.name


def test_who_is_not_among_those_that_are_chosen_from_is_passed_over() -> None:
    policy = cheapest_of(standing(A, price=5.0), standing(C, price=1.0), unproven=True)
    decision = policy.decide(situation())
    assert decision.chosen == C.name
    assert Rejected(B.name, "not among") in decision.rejected


def test_the_fastest_that_is_proven_is_chosen() -> None:
    known = [standing(A, pace=900.0), standing(B, pace=100.0), standing(C, pace=300.0, proven=True)]
    decision = Fastest({one.model: one for one in known}).decide(situation())
    assert (decision.chosen, decision.reason) == (C.name, "fastest")
    assert decision.rejected == (Rejected(A.name, "slower"), Rejected(B.name, "no verdict"))


amounts = st.none() | st.floats(0, 1000)
anything = st.fixed_dictionaries(
    {"proven": st.booleans(), "price": amounts, "pace": amounts, "apart": st.booleans()}
)


@given(st.lists(anything, min_size=3, max_size=3), st.booleans(), st.sampled_from(["price", "pace"]))
def test_nobody_is_chosen_who_may_not_be_and_the_choice_is_made_again(
    known: list[dict[str, object]], unproven: bool, measure: str
) -> None:
    standings = {
        target.name: standing(target, **{**one, "apart": False})
        for target, one in zip(ROUTE, known, strict=True)
        if not one["apart"] or target == A
    }
    policy: Policy = (Cheapest if measure == "price" else Fastest)(standings, unproven=unproven)
    decision = policy.decide(situation())
    assert {decision.chosen, *(one.model for one in decision.rejected)} == {one.name for one in ROUTE}
    replay = cheapest.replay if measure == "price" else fastest.replay
    assert replay(kept(decision)) == decision
    if decision.chosen != A.name:
        chosen = standings[decision.chosen]
        assert chosen.proven or unproven
        amount = getattr(chosen, measure)
        assert amount is not None
        for one in standings.values():
            other = getattr(one, measure)
            if other is not None and (one.proven or unproven or one.model == A.name):
                assert amount <= other


@given(st.dictionaries(st.sampled_from([one.name for one in ROUTE]), st.integers(0, 50)), st.text())
def test_a_draw_is_made_again(weights: dict[str, int], sticky: str) -> None:
    decision = Weighted(weights, salt="chat").decide(situation(sticky))
    assert weighted.replay(kept(decision)) == decision
    assert weights.get(decision.chosen, 0) > 0 or not any(weights.values())


class Moving:
    """A policy that is part of a rollout."""

    rollout = "rollout_1"

    def arm_of(self, model: str) -> str | None:
        return "candidate" if model == B.name else "incumbent"


@pytest.mark.parametrize("kind", ["tool_loop", "state", "conversation"])
def test_what_a_lock_decides_belongs_to_the_rollout_all_the_same(kind: str) -> None:
    lock = msgspec.convert({"target": {"provider": "b", "model": "y y"}, "kind": kind}, Lock)
    decision = decide_by_lock(Moving(), situation(), lock, found_by="history", name="rollout")
    assert (decision.chosen, decision.reason) == (B.name, f"lock.{kind}")
    assert (decision.rollout, decision.arm) == ("rollout_1", "candidate")
    assert {one.why for one in decision.rejected} == {"locked"}
    assert replay_lock(kept(decision)) == decision


def test_without_a_maker_it_is_the_incumbent() -> None:
    decision = decide_without_maker(None, situation(), kind="tool_loop", why="nobody knows", name="weighted")
    assert (decision.chosen, decision.reason, decision.arm) == (A.name, "lock.tool_loop", None)
    assert replay_lock(kept(decision)) == decision
    free = decide_freely(situation())
    assert replay_lock(kept(free)) == free


def test_draws_of_two_routes_are_independent() -> None:
    draw = Random(1)
    names = [f"{draw.random()}" for _ in range(4000)]
    one, other = (Weighted({A.name: 1, B.name: 1}, salt=salt) for salt in ("one", "other"))
    both = [(one.decide(situation(name)).chosen, other.decide(situation(name)).chosen) for name in names]
    assert 0.22 < both.count((A.name, B.name)) / len(both) < 0.28
