"""One process leads: it reads the ledger and feedback, and makes the transitions that are due."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold.access.audit import AuditLog
from freehold.catalog.prices import PriceList
from freehold.compare.database import pack
from freehold.core.ids import new_id
from freehold.core.usage import NO_USAGE
from freehold.ledger.feedback import Given, make_feedback, write_feedback
from freehold.ledger.reading import LedgerReader
from freehold.ledger.record import Attempt, Call
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger
from freehold.rollout.acts import Acts
from freehold.rollout.archive import Archive, Progress
from freehold.rollout.database import Database
from freehold.rollout.leading import Leader
from freehold.rollout.plan import parse_plan
from freehold.rollout.policy import policy_of
from freehold.rollout.terms import Rollout, Terms, Tolerances, Transition
from freehold.routing.decisions import Decision, Situation
from freehold.routing.routes import Target
from freehold.store.places import Place

OLD, NEW = Target("old", "m"), Target("new", "m")
TERMS = Terms(
    incumbent=OLD,
    candidate=NEW,
    plan=parse_plan("canary:50%,cutover"),
    tolerances=Tolerances(quality=0.2),
    alpha=0.001,
    settle_calls=10,
    settle_us=1_000_000,
)
CONFIGURED = {"r": OLD.name}
INTERVAL = 10.0


class HandClock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def now(self) -> float:
        return self.seconds

    def tick(self) -> float:
        return self.seconds


class Desk:
    """A ledger, rollouts, and those who would lead."""

    def __init__(self, ledger: Ledger, ledger_place: Place, database: Database, audit: AuditLog) -> None:
        self.clock = HandClock()
        self.ledger, self.history = ledger, LedgerReader(ledger_place)
        self.archive = Archive(database)
        self.acts = Acts(self.archive, audit, self.clock)
        self.told: list[Transition] = []
        self.number = 0

    def leader(self, name: str = "one") -> Leader:
        return Leader(
            self.archive,
            self.history,
            holder=name,
            clock=self.clock,
            tell=lambda _, told: self.told.append(told),
        )

    def call(self, rollout: Rollout, *, fails: bool = False, **more: object) -> Call:
        """A conversation, decided as the rollout stands. `fails`: where the candidate does, the other takes over."""
        self.number += 1
        decision = policy_of(rollout).decide(Situation("r", (OLD,), f"conversation {self.number}"))
        call = a_call(decision, self.clock, fails=fails and decision.arm == "candidate")
        for name, value in more.items():
            setattr(call, name, value)
        self.ledger.record(call)
        return call

    def calls(self, rollout: Rollout, many: int, *, fails: bool = False) -> list[Call]:
        found = [self.call(rollout, fails=fails) for _ in range(many)]
        assert self.ledger.flush(5)
        return found

    def vote(self, calls: list[Call]) -> None:
        """One of five is not content."""
        said = [
            make_feedback(
                Given(0.0 if number % 5 == 0 else 1.0), call.id,
                call_us=call.started_us, at_us=call.started_us, by="key_1",
            )
            for number, call in enumerate(calls)
        ]  # fmt: skip
        self.ledger.do(lambda connection: write_feedback(connection, said)).result(5)


def a_call(decision: Decision, clock: HandClock, *, fails: bool) -> Call:
    provider = decision.chosen.partition("/")[0]
    attempts = [Attempt(provider, "m", 0.0, 50.0, 40.0, 200, "answered", reason="policy")]
    if fails:
        attempts = [
            Attempt(provider, "m", 0.0, 5.0, None, 500, "failed", "provider_refused", reason="policy"),
            Attempt("old", "m", 5.0, 50.0, 40.0, 200, "answered", reason="fallback"),
        ]
    return Call(
        id=new_id("call"),
        started_us=int(clock.now() * 1e6) + 1,
        operation="chat",
        dialect="openai-chat",
        route="r",
        provider=attempts[-1].provider,
        model="m",
        usage=NO_USAGE,
        duration_ms=50.0,
        attempts=attempts,
        decision=decision,
    )


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    def at(name: str) -> Place:
        return place / name if isinstance(place, Path) else place

    ledger = Ledger(at("ledger.db"), LedgerSettings(flush_ms=5), PriceList(own={}, lists={}))
    database, audit = Database(at("rollout.db")), AuditLog(at("access.db"))
    ledger.start()
    try:
        with closing(database), closing(audit):
            yield Desk(ledger, at("ledger.db"), database, audit)
    finally:
        ledger.close(2.0)


def test_harm_rolls_back_within_one_look(desk: Desk) -> None:
    rollout = desk.acts.start("r", TERMS, by="cli:me")
    leader = desk.leader()
    assert leader.look(CONFIGURED, INTERVAL)
    desk.calls(rollout, 150, fails=True)
    desk.clock.seconds += INTERVAL
    leader.look(CONFIGURED, INTERVAL)
    found = desk.archive.find("r")
    assert found.state == "rolled back"
    (told,) = desk.told
    assert (told.by, told.act, told.version) == ("gates", "roll back", 2)
    assert b'"word":"harm"' in bytes(desk.archive.transitions(rollout.id)[-1].evidence)


def test_who_does_well_goes_on_by_steps_and_then_stands(desk: Desk) -> None:
    rollout = desk.acts.start("r", TERMS, by="cli:me")
    desk.vote(desk.calls(rollout, 2_000))
    leader = desk.leader()
    desk.clock.seconds += 60
    leader.look(CONFIGURED, INTERVAL)
    found = desk.archive.find("r")
    assert (found.at.name, found.state) == ("cutover", "running")
    leader.look(CONFIGURED, INTERVAL)
    assert desk.archive.find("r").version == found.version  # nobody has been answered at this stage
    desk.calls(found, 20)
    desk.clock.seconds += 60
    leader.look(CONFIGURED, INTERVAL)
    assert desk.archive.find("r").state == "finished"
    leader.look({"r": NEW.name}, INTERVAL)
    assert desk.archive.find("r").state == "closed"


def test_without_a_word_on_quality_it_waits_for_somebody(desk: Desk) -> None:
    rollout = desk.acts.start("r", TERMS, by="cli:me")
    desk.calls(rollout, 100)
    desk.clock.seconds += 60
    desk.leader().look(CONFIGURED, INTERVAL)
    assert desk.archive.find("r") == rollout
    progress = desk.archive.progress(rollout.id)
    assert progress is not None
    assert b'"quality":false' in progress.findings


def test_one_leads_and_another_goes_on_with_what_it_knew(desk: Desk) -> None:
    rollout = desk.acts.start("r", TERMS, by="cli:me")
    first, second = desk.leader("first"), desk.leader("second")
    desk.calls(rollout, 6, fails=True)
    assert first.look(CONFIGURED, INTERVAL)
    assert not second.look(CONFIGURED, INTERVAL)
    assert desk.archive.find("r") == rollout  # too few yet
    desk.clock.seconds += 60  # the first one is gone
    desk.calls(rollout, 150, fails=True)
    assert second.look(CONFIGURED, INTERVAL)
    assert desk.archive.find("r").state == "rolled back"
    assert not first.look(CONFIGURED, INTERVAL)


def test_calls_that_say_nothing_of_the_models_are_left_out(desk: Desk) -> None:
    rollout = desk.acts.start("r", TERMS, by="cli:me")
    for _ in range(40):
        desk.call(rollout, fails=True, attempts=[])  # a limit refused it
        rehearsed = [Attempt("new", "m", 0.0, 5.0, None, 500, "failed", "provider_refused", reason="drill")]
        desk.call(rollout, attempts=rehearsed)
        desk.call(rollout, fails=True, operation="mirror")
        desk.call(rollout, fails=True, decision=None)
    assert desk.ledger.flush(5)
    desk.leader().look(CONFIGURED, INTERVAL)
    assert desk.archive.find("r") == rollout
    progress = desk.archive.progress(rollout.id)
    assert progress is not None
    assert b'"answered":0' in progress.findings


def test_silence_until_the_client_hangs_up_is_no_answer(desk: Desk) -> None:
    rollout = desk.acts.start("r", TERMS, by="cli:me")
    for _ in range(150):
        desk.number += 1
        decision = policy_of(rollout).decide(Situation("r", (OLD,), f"conversation {desk.number}"))
        call = a_call(decision, desk.clock, fails=False)
        if decision.arm == "candidate":
            call.attempts = [Attempt("new", "m", 0.0, 30_000.0, None, None, "cancelled", reason="policy")]
            call.outcome = "cancelled"
        desk.ledger.record(call)
    assert desk.ledger.flush(5)
    desk.leader().look(CONFIGURED, INTERVAL)
    assert desk.archive.find("r").state == "rolled back"


def test_a_rollout_that_cannot_be_looked_at_keeps_no_other_from_being_rolled_back(desk: Desk) -> None:
    rollout = desk.acts.start("r", TERMS, by="cli:me")
    desk.clock.seconds += 1
    other = desk.acts.start("s", TERMS, by="cli:me")
    of_another_version = pack({"cursors": {}, "panel": b'{"gates": 9}'})
    desk.archive.save(other.id, Progress(1, b"{}", of_another_version))
    desk.calls(rollout, 150, fails=True)
    assert desk.leader().look({**CONFIGURED, "s": OLD.name}, INTERVAL)
    assert desk.archive.find("r").state == "rolled back"
    assert desk.archive.find("s").state == "running"
