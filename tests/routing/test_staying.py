"""Conversations stay with the model that can read their state."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.routing.routes import Route, Target
from freehold.routing.staying import Plan, staying_with

BIG, SMALL, OWN = Target("acme", "big"), Target("acme", "small"), Target("local", "own")
ROUTE = Route("copilot", BIG, (SMALL, OWN))


def test_the_maker_comes_first_and_the_others_follow_in_their_order() -> None:
    assert staying_with(ROUTE, lambda target: target == OWN) == Plan((OWN, BIG, SMALL), "state")
    assert staying_with(ROUTE, lambda target: target == SMALL) == Plan((SMALL, BIG, OWN), "state")


def test_the_route_s_own_order_needs_no_reason() -> None:
    assert staying_with(ROUTE, lambda target: target == BIG) == Plan(ROUTE.plan)
    assert staying_with(ROUTE, lambda _: False) == Plan(ROUTE.plan)


targets = st.builds(Target, st.sampled_from("ab"), st.sampled_from("mn"))


@examples
@given(incumbent=targets, fallbacks=st.lists(targets, max_size=5), maker=targets)
def test_every_model_is_tried_as_often_as_before(
    incumbent: Target, fallbacks: list[Target], maker: Target
) -> None:
    route = Route("r", incumbent, tuple(fallbacks))
    plan = staying_with(route, lambda target: target == maker)
    assert sorted(target.name for target in plan.targets) == sorted(target.name for target in route.plan)
    assert (plan.targets[0] == maker) == (maker in route.plan)
    assert (plan.reason is None) == (plan.targets == route.plan)
