"""Plans of rollouts, as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from freehold.core.errors import BadRequest
from freehold.rollout.plan import DEFAULT, Plan, Stage, parse_plan


def test_the_usual_plan() -> None:
    plan = parse_plan("shadow:500,canary:1%,5%,25%,cutover")
    assert [stage.name for stage in plan.stages] == ["shadow", "1%", "5%", "25%", "cutover"]
    assert [stage.share for stage in plan.stages] == [0.0, 0.01, 0.05, 0.25, 1.0]
    assert plan.stages[0].copies == 500
    assert plan.text == DEFAULT


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("canary:5%,1%,cutover", "`1%` follows `5%`"),
        ("canary:5%,5%,cutover", "`5%` follows `5%`"),
        ("canary:1%,shadow:500,cutover", "`shadow` follows `1%`"),
        ("cutover,canary:1%", "`1%` follows `cutover`"),
        ("cutover,cutover", "out of order"),
        ("shadow:1,shadow:2,cutover", "out of order"),
        ("canary:1%", "the last stage is `cutover`"),
        ("shadow,cutover", "how many calls"),
        ("shadow:0,cutover", "1 to 1,000,000"),
        ("canary:0%,cutover", "answer nothing"),
        ("canary:100%,cutover", "is everybody"),
        ("cannary:1%,cutover", "no stage"),
        ("", "no stage"),
        (",".join(["1%"] * 30), "at most 20"),
    ],
)
def test_what_is_no_plan(text: str, named: str) -> None:
    with pytest.raises(BadRequest) as raised:
        parse_plan(text)
    assert named in raised.value.message


@given(
    copies=some.one_of(some.none(), some.integers(1, 1_000_000)),
    shares=some.sets(some.integers(1, 999_999), max_size=10),
)
def test_what_is_written_is_read_again(copies: int | None, shares: set[int]) -> None:
    stages = [Stage("canary", share=one / 1_000_000) for one in sorted(shares)]
    if copies is not None:
        stages.insert(0, Stage("shadow", copies=copies))
    plan = Plan((*stages, Stage("cutover", share=1.0)))
    assert parse_plan(plan.text) == plan
