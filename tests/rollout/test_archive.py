"""What is kept of rollouts, in a file and on a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from freehold.core.errors import BadRequest, NotFound
from freehold.core.ids import new_id
from freehold.rollout.archive import Archive, Progress
from freehold.rollout.database import Database
from freehold.rollout.plan import parse_plan
from freehold.rollout.terms import Act, Rollout, State, Terms, Transition
from freehold.routing.routes import Target
from freehold.store.places import Place

TERMS = Terms(
    incumbent=Target("old", "one"), candidate=Target("new", "one"), plan=parse_plan("canary:1%,5%,cutover")
)


@pytest.fixture
def archive(place: Place) -> Iterator[Archive]:
    database = Database(place / "rollout.db" if isinstance(place, Path) else place)
    yield Archive(database)
    database.close()


def a_rollout(begun_us: int = 1_000) -> Rollout:
    return Rollout(id=new_id("rollout"), route="copilot", terms=TERMS, stage_us=1_000, begun_us=begun_us)


def after(rollout: Rollout, act: Act, state: State, stage: int) -> tuple[Rollout, Transition]:
    version = rollout.version + 1
    changed = msgspec.structs.replace(rollout, state=state, stage=stage, version=version)
    told = Transition(
        rollout=rollout.id, version=version, at_us=2_000, by="gates", act=act, state=state, stage=stage,
        reason="It was so.", evidence=msgspec.Raw(b'{"calls":3}'),
    )  # fmt: skip
    return changed, told


def first_of(rollout: Rollout) -> Transition:
    return Transition(
        rollout=rollout.id, version=1, at_us=1_000, by="cli:me", act="start", state="running", stage=0,
        reason="Somebody wanted it.",
    )  # fmt: skip


def test_what_is_kept_is_found_again(archive: Archive) -> None:
    assert archive.newest() == []
    assert archive.versions() == {}
    rollout = a_rollout()
    archive.begin(rollout, first_of(rollout))
    assert archive.find(rollout.id) == rollout
    assert archive.find("copilot") == rollout
    assert archive.find(rollout.id[len("rollout_") : -4]) == rollout
    assert archive.standing() == [rollout]
    assert archive.transitions(rollout.id) == [first_of(rollout)]
    with pytest.raises(NotFound):
        archive.find("other")


def test_a_route_has_one_rollout(archive: Archive) -> None:
    first, second = a_rollout(), a_rollout(2_000)
    archive.begin(first, first_of(first))
    with pytest.raises(BadRequest) as raised:
        archive.begin(second, first_of(second))
    assert first.id in raised.value.message
    assert archive.newest() == [first]
    ended, told = after(first, "abort", "aborted", 0)
    assert archive.change(ended, told)
    archive.begin(second, first_of(second))
    assert archive.standing() == [second]
    assert [one.id for one in archive.newest()] == [second.id, first.id]


def test_of_two_who_saw_the_same_one_changes_it(archive: Archive) -> None:
    rollout = a_rollout()
    archive.begin(rollout, first_of(rollout))
    passed, told = after(rollout, "pass", "running", 1)
    aborted, told_too = after(rollout, "abort", "aborted", 0)
    assert archive.change(passed, told)
    assert not archive.change(aborted, told_too)
    assert archive.find(rollout.id) == passed
    assert archive.transitions(rollout.id)[1:] == [told]
    assert archive.versions() == {rollout.id: 2}


def test_one_leads_until_its_time_is_over(archive: Archive) -> None:
    assert archive.lead("gates", "first", 0, 10)
    assert not archive.lead("gates", "second", 9, 19)
    assert archive.lead("gates", "first", 9, 19)
    assert archive.lead("gates", "second", 19, 29)
    assert not archive.lead("gates", "first", 20, 30)
    archive.retire("gates", "first")
    assert not archive.lead("gates", "first", 20, 30)
    archive.retire("gates", "second")
    assert archive.lead("gates", "first", 20, 30)


def test_nobody_waits_for_a_leader_of_before_the_clock_was_set_back(archive: Archive) -> None:
    hour, now, second = 3_600_000_000, 1_000_000_000_000, 1_000_000
    assert archive.lead("gates", "dead", now + hour, now + hour + 20 * second)
    assert archive.lead("gates", "alive", now, now + 20 * second)
    assert not archive.lead("gates", "third", now + 10 * second, now + 30 * second)
    # A clock that is a little behind another one's takes nothing away.
    assert not archive.lead("gates", "third", now - 60 * second, now - 40 * second)


def test_how_far_the_evidence_is(archive: Archive) -> None:
    assert archive.progress("rollout_1") is None
    archive.save("rollout_1", Progress(1, b"{}", b"abc"))
    archive.save("rollout_1", Progress(2, b'{"a":1}', b"abcd"))
    assert archive.progress("rollout_1") == Progress(2, b'{"a":1}', b"abcd")
