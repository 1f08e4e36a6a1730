"""The line that starts a rollout is one that a rollout takes, whatever the traffic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from freehold.rollout.migration.plan import stages
from freehold.rollout.migration.report import Span
from freehold.rollout.plan import parse_plan


@given(st.integers(0, 10**9), st.none() | st.floats(0, 400))
def test_the_stages_are_a_plan(calls: int, days: float | None) -> None:
    span = None if days is None else Span(since="", until="", days=days, extrapolates=days >= 1)
    text = stages(calls, span)
    assert parse_plan(text).text == text


def test_where_there_is_much_traffic_there_is_a_stage_more() -> None:
    def of(calls: int) -> str:
        return stages(calls, Span(since="", until="", days=10.0, extrapolates=True))

    assert of(100) == "shadow:50,canary:5%,25%,cutover"
    assert of(1_000) == "shadow:200,canary:5%,25%,cutover"
    assert of(50_000) == "shadow:500,canary:1%,5%,25%,cutover"
