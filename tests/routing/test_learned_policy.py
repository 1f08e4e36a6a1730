"""The policy that goes by a router."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routers import router

from freehold.core.decision import Decision
from freehold.rollout.replaying import replay
from freehold.routing.decisions import Situation
from freehold.routing.policies.learned import Learned
from freehold.routing.routes import Target

DEAR, CHEAP = Target("one", "dear"), Target("two", "cheap")
EASY, HARD = "What is the capital of France?", "What is the proof of Fermat?"


def situation(prompt: str | None, *, sticky: str = "x", incumbent: Target = DEAR) -> Situation:
    return Situation("chat", (incumbent,), sticky, prompt=prompt)


def test_easy_questions_go_to_the_cheap_model_and_hard_ones_do_not() -> None:
    policy = Learned(router())
    easy, hard = policy.decide(situation(EASY)), policy.decide(situation(HARD))
    assert (easy.chosen, easy.reason) == (CHEAP.name, "good enough")
    assert [(one.model, one.why) for one in easy.rejected] == [(DEAR.name, "dearer")]
    assert (hard.chosen, hard.reason) == (DEAR.name, "none good enough")
    assert [(one.model, one.why) for one in hard.rejected] == [(CHEAP.name, "not good enough")]
    assert policy.brings == (CHEAP,)


def test_a_decision_says_what_it_went_by_and_nothing_that_was_said() -> None:
    facts = Learned(router()).decide(situation(EASY)).facts
    assert facts["router"] == "f" * 16 and facts["threshold"] == 0.3
    assert isinstance(facts["worse two/cheap"], float) and facts["worse two/cheap"] < 0.3
    assert "France" not in json.dumps(dict(facts))


@pytest.mark.parametrize(
    ("policy", "asked", "reason"),
    [
        (Learned(router(), alarm="after 80 pairs"), situation(EASY), "alarm"),
        (Learned(router()), situation(EASY, incumbent=Target("other", "m")), "another incumbent"),
        (Learned(router()), situation(None), "nothing to read"),
    ],
)
def test_the_incumbent_answers_where_the_router_cannot_be_relied_on(
    policy: Learned, asked: Situation, reason: str
) -> None:
    decision = policy.decide(asked)
    assert decision.chosen == asked.targets[0].name
    assert decision.reason == reason


def test_by_lot_conversations_get_their_share_and_keep_their_model() -> None:
    policy = Learned(router(threshold=None, share=0.3))
    chosen = [policy.decide(situation(HARD, sticky=str(number))).chosen for number in range(2000)]
    assert chosen == [policy.decide(situation(EASY, sticky=str(number))).chosen for number in range(2000)]
    assert 0.25 < chosen.count(CHEAP.name) / 2000 < 0.35


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(st.none(), st.text(max_size=60), st.sampled_from([EASY, HARD])),
    st.one_of(st.none(), st.floats(-1, 2)),
    st.floats(0, 1),
    st.booleans(),
    st.sampled_from([DEAR, CHEAP, Target("other", "m")]),
)
def test_every_decision_is_made_again_from_the_ledger(
    prompt: str | None, threshold: float | None, share: float, alarm: bool, incumbent: Target
) -> None:
    policy = Learned(router(threshold=threshold, share=share), alarm="after 9 pairs" if alarm else None)
    decision = policy.decide(situation(prompt, incumbent=incumbent))
    kept = msgspec.json.decode(msgspec.json.encode(decision, order="deterministic"), type=Decision)
    found = replay(kept)
    assert found.verdict == "same" and found.decision == decision
    assert {decision.chosen, *(one.model for one in decision.rejected)} == {CHEAP.name, incumbent.name}
