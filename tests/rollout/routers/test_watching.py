"""The watch over a router: seldom a false alarm, soon a true one."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from routers import about

from freehold.core.decision import Decision, Fact
from freehold.rollout.routers.watching import Watched, log_changed, margin_of
from freehold.routing.learned.router import Seen

ABOUT = about(share=0.5, risk=0.05)
SEEN = Seen((0.1, 0.2, 0.3), (50, 50, 50, 50))


def watched(seed: int, pairs: int, cheap_bad: float, dear_bad: float) -> Watched:
    """What is seen of calls whose answers are bad so often, in an order that nobody planned."""
    chance, found = random.Random(seed), Watched()
    while found.pairs < pairs and found.alarm_us is None:
        cheaper = chance.random() < 0.5
        bad = chance.random() < (cheap_bad if cheaper else dear_bad)
        found.hear(cheaper=cheaper, bad=bad, about=ABOUT, now_us=7)
    return found


def test_false_alarms_are_as_seldom_as_promised() -> None:
    """At the edge of the promise, with a look after every one of 1,000 pairs: 5 % at the most of 300 routers."""
    assert margin_of(ABOUT) == 0.1
    alarms = sum(watched(seed, 1000, 0.3, 0.2).alarm_us is not None for seed in range(300))
    assert alarms <= 15


def test_a_router_that_breaks_its_promise_is_found_out() -> None:
    found = [watched(seed, 2000, 0.5, 0.2) for seed in range(50)]
    assert all(one.alarm_us == 7 for one in found)
    assert sorted(one.alarm_pairs or 0 for one in found)[25] < 200


def test_an_alarm_stays() -> None:
    found = watched(1, 2000, 0.6, 0.1)
    pairs = found.alarm_pairs
    for _ in range(500):
        found.hear(cheaper=True, bad=False, about=ABOUT, now_us=9)
        found.hear(cheaper=False, bad=True, about=ABOUT, now_us=9)
    assert (found.alarm_us, found.alarm_pairs) == (7, pairs)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60), st.integers(0, 60))
def test_it_makes_no_difference_where_it_was_left_off(said: list[tuple[bool, bool]], at: int) -> None:
    whole, parted = Watched(), Watched()
    for place, (cheaper, bad) in enumerate(said):
        if place == at:
            parted = msgspec.json.decode(msgspec.json.encode(parted), type=Watched)
        for one in (whole, parted):
            one.hear(cheaper=cheaper, bad=bad, about=ABOUT, now_us=1)
    assert whole == parted


def decision(predicted: float) -> Decision:
    facts: dict[str, Fact] = {"incumbent": "one/dear", "worse two/cheap": predicted}
    return Decision("learned", "two/cheap", "good enough", facts=facts)


def test_calls_like_the_labels_are_no_drift_and_others_are() -> None:
    drifted = 0
    for seed in range(100):
        chance, found = random.Random(seed), Watched()
        for _ in range(1000):
            found.decide(decision(chance.choice((0.05, 0.15, 0.25, 0.35))), SEEN, 5)
        drifted += found.drift_us is not None
    assert drifted <= 3
    chance, found = random.Random(1), Watched()
    for _ in range(300):
        found.decide(decision(chance.choice((0.15, 0.25, 0.35, 0.35))), SEEN, 5)
    assert found.drift_us == 5
    assert found.decided == found.cheaper == 300


def test_few_calls_say_nothing_of_a_drift() -> None:
    assert log_changed([49, 0, 0, 0], SEEN.counts) == 0.0
    assert log_changed([60, 0, 0, 0], SEEN.counts) > 5.0
