"""Rollouts end to end, under load: who is worse is caught, who is as good is promoted, and no client suffers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from running_endpoint import until
from under_fire import NEW, ROUTE, front, graded, nobody_suffered, sick

from freehold.ledger.filters import Filter
from freehold.providers.simulated import Cut, Empty, ErrorEvent, Garbage, Hang, Malformed, Refused
from freehold.providers.simulated.faults import AnyFault

MOST_ANSWERED = 2_000
"""Calls that a candidate which is ten points worse may answer before it is rolled back."""


def test_candidate_that_is_secretly_worse_is_caught_in_shadow(
    tmp_path: Path, show: Callable[[str], None]
) -> None:
    with front(tmp_path, graded(0.1, seed=1), graded(0.2, seed=2)) as here:
        rollout = here.start("shadow:3000,canary:50%,cutover", "--judge", "judge/judge")
        with here.load() as load:
            here.until_state(rollout, "rolled back")
        nobody_suffered(load)
        assert here.answered_by(NEW) == 0
        status, told = here.status(rollout)
        assert (status, told["state"], told["stage"]) == (1, "rolled back", "shadow")
        show(f"ten points worse, judged in shadow: rolled back after {here.copies(rollout)} copies, 0 calls")


def test_candidate_that_is_secretly_worse_is_caught_by_what_people_say(
    tmp_path: Path, show: Callable[[str], None]
) -> None:
    with front(tmp_path, graded(0.1, seed=3), graded(0.2, seed=4)) as here:
        rollout = here.start("canary:50%,cutover", "--settle", "100000")
        with here.load(rate=80.0) as load, here.votes(load):
            here.until_state(rollout, "rolled back")
        nobody_suffered(load)
        answered = here.answered_by(NEW)
        show(f"ten points worse, voted on at 50 %: rolled back after {answered} calls")
        assert answered <= MOST_ANSWERED


def test_candidate_that_is_as_good_is_promoted_to_cutover(tmp_path: Path) -> None:
    with front(tmp_path, graded(0.1, seed=5), graded(0.1, seed=6)) as here:
        words = ("--judge", "judge/judge", "--margin", "0.1", "--settle", "50")
        rollout = here.start("shadow:600,canary:50%,cutover", *words)
        with here.load() as load, here.votes(load):
            here.until_state(rollout, "finished", limit=240.0)
            before = here.answered_by(NEW)
            load.until_done(100)
        nobody_suffered(load)
        assert here.answered_by(NEW) > before
        assert here.status(rollout)[1]["share"] == 1.0


def test_a_rollout_outlives_the_endpoint_however_it_ends(tmp_path: Path) -> None:
    with front(tmp_path, graded(0.0, seed=8), graded(0.0, seed=9)) as here:
        rollout = here.start("shadow:400,canary:50%,cutover", "--judge", "judge/judge", "--settle", "30")
        with here.load() as load:
            until(lambda: here.copies(rollout) >= 100)
        nobody_suffered(load)
        here.endpoint.kill()
        after_kill = here.copies(rollout)
        here.endpoint.start()
        with here.load() as load:
            until(lambda: here.copies(rollout) >= after_kill + 100)
        nobody_suffered(load)
        here.endpoint.stop()
        assert here.status(rollout)[1]["stage"] == "shadow"
        here.endpoint.start()
        with here.load() as load:
            here.until_state(rollout, "finished")
        nobody_suffered(load)
        assert here.copies(rollout) <= 400
        here.endpoint.kill()
        here.endpoint.start()  # whoever has the whole route keeps it
        with here.load() as load:
            load.until_done(60)
        nobody_suffered(load)
        newest = here.endpoint.ledger.calls(Filter(route=ROUTE, operation="chat"), limit=20)
        assert {entry.call.provider for entry in newest} == {"new"}


SICK: list[tuple[str, tuple[AnyFault, ...]]] = [
    ("fails", (Refused(status=500),)),
    ("locks us out", (Refused(status=401),)),
    ("has no room", (Refused(status=429, retry_after="30"),)),
    ("hangs", (Hang(),)),
    ("hangs in the middle", (Hang(after=5),)),
    ("cuts", (Cut(),)),
    ("cuts in the middle", (Cut(after=5),)),
    ("breaks off in the middle", (ErrorEvent(after=5),)),
    ("talks nonsense", (Garbage(),)),
    ("talks nonsense in the middle", (Malformed(after=5),)),
    ("says nothing", (Empty(),)),
]


@pytest.mark.parametrize(("what", "faults"), SICK, ids=[what for what, _ in SICK])
def test_no_client_sees_what_a_sick_candidate_does(
    what: str, faults: tuple[AnyFault, ...], tmp_path: Path
) -> None:
    limits = "[providers.new.timeouts]\nfirst_token = 0.5\nsilence = 0.5\ntotal = 5.0"
    with front(tmp_path, graded(0.0, seed=7), sick(*faults), limits=limits) as here:
        rollout = here.start("canary:50%,cutover")
        with here.load(rate=40.0) as load:
            here.until_state(rollout, "rolled back")
            load.until_done(20)
        nobody_suffered(load)
