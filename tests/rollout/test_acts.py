"""What people do to rollouts, and what is written down of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from freehold.access.audit import AuditLog
from freehold.core.clock import SystemClock
from freehold.core.errors import BadRequest, NotFound
from freehold.rollout.acts import Acts, line_for
from freehold.rollout.archive import Archive
from freehold.rollout.database import Database
from freehold.rollout.machine import Step, applied
from freehold.rollout.plan import parse_plan
from freehold.rollout.terms import Terms
from freehold.routing.routes import Target
from freehold.store.places import Place

TERMS = Terms(
    incumbent=Target("old", "m"), candidate=Target("new", "m"), plan=parse_plan("canary:1%,5%,cutover")
)
ME = "cli:me"


class Desk:
    """Rollouts, and the log."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self.archive, self.audit = Archive(database), audit
        self.acts = Acts(self.archive, audit, SystemClock())

    @property
    def written(self) -> list[str]:
        return [entry.act for entry in reversed(self.audit.newest())]


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    database = Database(place / "rollout.db" if isinstance(place, Path) else place)
    audit = AuditLog(place / "access.db" if isinstance(place, Path) else place)
    with closing(database), closing(audit):
        yield Desk(database, audit)


def test_whatever_is_done_is_kept_and_written_down(desk: Desk) -> None:
    rollout = desk.acts.start("r", TERMS, by=ME)
    assert rollout.share == 0.01
    assert desk.acts.pause("r", by=ME).state == "paused"
    assert desk.acts.resume("r", by=ME).state == "running"
    assert desk.acts.promote("r", "1%", by=ME).share == 0.05
    assert desk.acts.abort(rollout.id, by=ME).share == 0.0
    told = desk.archive.transitions(rollout.id)
    assert [one.act for one in told] == ["start", "pause", "resume", "promote", "abort"]
    assert [one.version for one in told] == [1, 2, 3, 4, 5]
    assert {one.by for one in told} == {ME}
    assert desk.written == [f"rollout.{one.act}" for one in told]


def test_promoting_twice_skips_no_stage(desk: Desk) -> None:
    desk.acts.start("r", TERMS, by=ME)
    desk.acts.promote("r", "1%", by=ME)
    with pytest.raises(BadRequest) as raised:
        desk.acts.promote("r", "1%", by=ME)
    assert "is at `5%`, and not at `1%`" in raised.value.message
    assert desk.archive.find("r").at.name == "5%"


def test_a_route_has_one_rollout_and_nothing_is_changed_by_a_second(desk: Desk) -> None:
    first = desk.acts.start("r", TERMS, by=ME)
    with pytest.raises(BadRequest) as raised:
        desk.acts.start("r", TERMS, by=ME)
    assert first.id in raised.value.message
    assert desk.archive.standing() == [first]
    assert desk.written == ["rollout.start", "rollout.start", "rollout.start.failed"]
    desk.acts.start("another", TERMS, by=ME)


def test_what_is_over_cannot_be_acted_on(desk: Desk) -> None:
    desk.acts.start("r", TERMS, by=ME)
    desk.acts.abort("r", by=ME)
    for act in (desk.acts.pause, desk.acts.resume, desk.acts.abort):
        with pytest.raises(BadRequest) as raised:
            act("r", by=ME)
        assert "is aborted" in raised.value.message
    with pytest.raises(NotFound):
        desk.acts.pause("nothing", by=ME)


def test_a_finished_one_stands_until_somebody_takes_it_back(desk: Desk) -> None:
    desk.acts.start("r", TERMS, by=ME)
    for stage in ("1%", "5%", "cutover"):
        rollout = desk.acts.promote("r", stage, by=ME)
    assert (rollout.state, rollout.share) == ("finished", 1.0)
    assert line_for(rollout) == '[routes.r]\nincumbent = "new/m"'
    assert desk.archive.standing() == [rollout]
    assert desk.acts.abort("r", by=ME).share == 0.0
    assert desk.archive.standing() == []


def test_a_finished_one_gives_way_once_the_configuration_says_the_same(desk: Desk) -> None:
    desk.acts.start("r", TERMS, by=ME)
    for stage in ("1%", "5%", "cutover"):
        finished = desk.acts.promote("r", stage, by=ME)
    further = msgspec.structs.replace(TERMS, incumbent=TERMS.candidate, candidate=Target("newer", "m"))
    begun = desk.acts.start("r", further, by=ME)
    assert desk.archive.find(finished.id).state == "closed"
    assert desk.archive.standing() == [begun]


def test_who_was_slower_changes_nothing(desk: Desk) -> None:
    rollout = desk.acts.start("r", TERMS, by=ME)
    step = Step("pass", "running", 1, "")
    after, transition = applied(rollout, step, by="gates", now_us=1, evidence=b"{}")
    desk.acts.pause("r", by=ME)
    assert not desk.archive.change(after, transition)
    assert desk.archive.find("r").state == "paused"
