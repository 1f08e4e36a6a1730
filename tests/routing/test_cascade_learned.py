"""A cascade that goes by a route's router: by what is asked, it is known who is worth asking."""

from __future__ import annotations

import pytest

from freehold.core.decision import Decision
from freehold.routing.decisions import Situation
from freehold.routing.policies.cascade import Cascade, is_open, predicted_of, replay
from freehold.routing.policies.learned import Learned
from freehold.routing.routes import Target

np = pytest.importorskip("numpy")

CHEAP, DEAR = Target("p", "cheap"), Target("p", "dear")
EASY = ["what is the capital of", "please greet my friend", "name a colour of", "say hello to"]
HARD = ["prove the theorem about", "derive the integral of", "find the limit of", "solve the equation for"]
THINGS = ["France", "cats", "rivers", "sums", "rings", "Spain", "trees", "groups", "waves", "knots"]


@pytest.fixture(scope="module")
def learned() -> Learned:
    """Of a router that has seen the cheap model fail at mathematics."""
    from freehold.routing.learned.router import About, Certificate, Router, Seen  # noqa: PLC0415
    from freehold.routing.learned.training import train  # noqa: PLC0415

    prompts = [f"{words} {thing}" for thing in THINGS for words in (*EASY, *HARD)]
    worse = np.array([[float(prompt.startswith(tuple(HARD)))] for prompt in prompts])
    certificate = Certificate(
        risk=0.1, confidence=0.9, tolerance=0.0, trained=len(prompts), certified=10, worse=0, share=0.5,
        saving=0.5, best_single=None, best_drawn=None,
    )  # fmt: skip
    about = About(
        route="r", incumbent=DEAR.name, models=(CHEAP.name,), chosen=(CHEAP.name,), threshold=0.5,
        certificate=certificate, seen=Seen((), (0,)), source="test", made_us=0,
    )  # fmt: skip
    return Learned(Router(about, train(prompts, worse).model, "0" * 64))


def decide(learned: Learned, prompt: str | None, incumbent: Target = DEAR) -> Decision:
    policy = Cascade((CHEAP, DEAR), "learned", 0.5, 3, learned=learned)
    targets = (incumbent, *(one for one in (CHEAP, DEAR) if one != incumbent))
    decision = policy.decide(Situation("r", targets, "sticky", prompt=prompt))
    assert replay(decision) == decision
    assert policy.reads == learned.reads
    return decision


def test_what_the_cheap_model_can_do_it_is_asked_first(learned: Learned) -> None:
    decision = decide(learned, "say hello to rivers")
    assert (decision.chosen, is_open(decision)) == (CHEAP.name, True)
    assert (predicted_of(CHEAP.name, decision.facts) or 0.0) > 0.5


def test_what_it_cannot_do_it_is_not_asked(learned: Learned) -> None:
    decision = decide(learned, "prove the theorem about rivers")
    assert (decision.chosen, is_open(decision)) == (DEAR.name, False)
    assert [one.why for one in decision.rejected] == ["unpromising"]


@pytest.mark.parametrize(("prompt", "incumbent"), [(None, DEAR), ("say hello to rivers", CHEAP)])
def test_where_nothing_is_predicted_the_last_model_answers(
    learned: Learned, prompt: str | None, incumbent: Target
) -> None:
    decision = decide(learned, prompt, incumbent)
    assert decision.chosen == DEAR.name
    assert [one.why for one in decision.rejected] == ["no prediction"]


def test_a_router_that_is_not_relied_on_any_more_predicts_nothing(learned: Learned) -> None:
    alarmed = Learned(learned._router, alarm="feedback")
    decision = decide(alarmed, "say hello to rivers")
    assert (decision.chosen, decision.facts["alarm"]) == (DEAR.name, "feedback")
