"""Circuit breakers open for what fails, and always recover."""

from __future__ import annotations

import random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.routing.breakers import MOST, STANDARD, Breakers, Ending, Passage, spots_of

SPOTS = spots_of("acme", "big", "acme")
PROVIDER, MODEL, QUOTA = SPOTS
LONGEST = STANDARD.longest_pause * 1.25


def fresh() -> Breakers:
    return Breakers(random.Random(7).random)


def call(breakers: Breakers, ending: Ending, now: float, model: str = "big") -> None:
    breakers.end(breakers.begin(spots_of("acme", model, "acme"), now), ending, now)


def broken(ending: Ending = "failed", now: float = 0.0) -> Breakers:
    breakers = fresh()
    for _ in range(STANDARD.failures_in_row):
        call(breakers, ending, now)
    return breakers


def test_failures_in_a_row_open_it_at_once() -> None:
    """25 straight errors stayed in rotation elsewhere: https://github.com/BerriAI/litellm/pull/34836."""
    breakers = fresh()
    for _ in range(STANDARD.failures_in_row - 1):
        call(breakers, "failed", 0.0)
    assert breakers.state(MODEL, 0.0) == "closed"
    call(breakers, "failed", 0.0)
    assert breakers.state(MODEL, 0.0) == "open"
    assert breakers.free_at(SPOTS, 0.0) > 0.5
    assert breakers.state(PROVIDER, 0.0) == breakers.state(QUOTA, 0.0) == "closed"


def test_a_429_is_neither_success_nor_failure() -> None:
    """A 429 that counted as a success reset the breaker: https://github.com/voidmind-io/voidllm/pull/185."""
    breakers = fresh()
    for _ in range(STANDARD.failures_in_row - 1):
        call(breakers, "failed", 0.0)
        call(breakers, "neither", 0.0)
    call(breakers, "failed", 0.0)
    assert breakers.state(MODEL, 0.0) == "open"
    only = fresh()
    for _ in range(100):
        call(only, "neither", 0.0)
    assert only.open_spots(0.0) == {}


def test_an_answer_in_between_keeps_it_closed_until_half_have_failed() -> None:
    breakers = fresh()
    for _ in range(6):
        call(breakers, "failed", 0.0)
        call(breakers, "answered", 0.0)
        call(breakers, "answered", 0.0)
    assert breakers.state(MODEL, 0.0) == "closed"
    for _ in range(12):
        call(breakers, "failed", 1.0)
        call(breakers, "failed", 1.0)
        call(breakers, "answered", 1.0)
    assert breakers.open_spots(1.0)


@pytest.mark.parametrize(
    ("ending", "spot", "times"),
    [("unreachable", PROVIDER, 5), ("failed", MODEL, 5), ("locked-out", QUOTA, 1), ("missing", MODEL, 1)],
)
def test_what_failed_is_left_alone_and_nothing_else(
    ending: Ending, spot: tuple[str, ...], times: int
) -> None:
    breakers = fresh()
    for _ in range(times):
        call(breakers, ending, 0.0)
    assert set(breakers.open_spots(0.0)) == {spot}


def test_a_model_that_is_missing_does_not_close_the_way_to_the_others() -> None:
    breakers = fresh()
    call(breakers, "missing", 0.0)
    assert breakers.free_at(SPOTS, 0.0) > 0.0
    assert breakers.free_at(spots_of("acme", "small", "acme"), 0.0) == 0.0


def test_half_open_lets_one_call_pass_and_its_answer_closes_it() -> None:
    breakers = broken()
    later = breakers.free_at(SPOTS, 0.0)
    assert breakers.state(MODEL, later) == "half-open"
    probe = breakers.begin(SPOTS, later)
    assert breakers.free_at(SPOTS, later) > later, "a second call must wait for the probe"
    breakers.end(probe, "answered", later + 1)
    assert breakers.state(MODEL, later + 1) == "closed"
    assert breakers.free_at(SPOTS, later + 1) == later + 1


def test_a_probe_that_fails_opens_it_for_longer() -> None:
    breakers = broken()
    pauses = []
    now = 0.0
    for _ in range(12):
        free = breakers.free_at(SPOTS, now)
        pauses.append(free - now)
        now = free
        call(breakers, "failed", now)
    assert pauses[3] > pauses[0] * 2
    assert max(pauses) <= LONGEST


def test_a_probe_that_tells_nothing_makes_room_for_another() -> None:
    """Hanging in half-open is how members never recover: https://github.com/deltawi/deltallm/issues/247."""
    breakers = broken()
    later = breakers.free_at(SPOTS, 0.0)
    probe = breakers.begin(SPOTS, later)
    breakers.end(probe, "neither", later)
    assert breakers.free_at(SPOTS, later) == later
    breakers.begin(SPOTS, later)  # and nobody ever ends this one
    assert breakers.free_at(SPOTS, later) == later + STANDARD.probe


def test_late_failures_of_calls_begun_before_do_not_keep_it_open() -> None:
    breakers = fresh()
    early = [breakers.begin(SPOTS, 0.0) for _ in range(50)]
    for passage in early[:5]:
        breakers.end(passage, "failed", 0.0)
    free = breakers.free_at(SPOTS, 0.0)
    for passage in early[5:]:
        breakers.end(passage, "failed", 0.5)
    assert breakers.free_at(SPOTS, 0.0) == free


def test_replicas_learn_of_it() -> None:
    other = fresh()
    other.merge(broken().open_spots(0.0).items())
    assert other.free_at(SPOTS, 0.0) > 0.0
    assert other.free_at(SPOTS, LONGEST) == LONGEST


def test_something_else_may_find_it_well() -> None:
    breakers = broken("unreachable")
    breakers.try_now(PROVIDER, 0.1)
    assert breakers.free_at(SPOTS, 0.1) == 0.1
    assert breakers.state(PROVIDER, 0.1) == "half-open"


ENDINGS = st.sampled_from(get_args(Ending.__value__ if hasattr(Ending, "__value__") else Ending))


@examples
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["begin", "end", "wait"]),
            ENDINGS,
            st.floats(0, 40),
            st.sampled_from(["big", "small"]),
        ),
        max_size=120,
    )
)
def test_whatever_happened_it_recovers(story: list[tuple[str, Ending, float, str]]) -> None:
    breakers = fresh()
    now = 0.0
    under_way: list[Passage] = []
    for what, ending, seconds, model in story:
        if what == "wait":
            now += seconds
        elif what == "begin":
            under_way.append(breakers.begin(spots_of("acme", model, "acme"), now))
        elif under_way:
            breakers.end(under_way.pop(0), ending, now)
    now += max(LONGEST, STANDARD.probe)
    assert breakers.free_at(SPOTS, now) == now, "somebody must be let through"
    for _ in range(3):
        call(breakers, "answered", now)
    assert breakers.free_at(SPOTS, now) == now
    assert all(breakers.state(spot, now) == "closed" for spot in SPOTS)


def test_names_of_models_that_clients_make_up_fill_no_memory() -> None:
    """And what is known of the others stays: they are left alone for longer."""
    breakers = broken()
    for number in range(2 * MOST):
        call(breakers, "missing", 0.0, f"made-up-{number}")
        if number == MOST // 2:
            for _ in range(3):
                now = breakers.free_at(SPOTS, 0.0)
                call(breakers, "failed", now)
    assert len(breakers.open_spots(0.0)) <= MOST
    assert breakers.state(MODEL, 0.0) == "open"
    merged = fresh()
    merged.merge((("model", "acme", f"made-up-{number}"), 10.0) for number in range(2 * MOST))
    assert len(merged.open_spots(0.0)) <= MOST
