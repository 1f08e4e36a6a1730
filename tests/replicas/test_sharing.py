"""What replicas tell each other of sick providers: nothing goes round, and everything runs out."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from freehold.replicas.board import AwayError
from freehold.replicas.note import Heard, Note, Spot, packed, unpacked
from freehold.replicas.sharing import Sharing
from freehold.routing.breakers import spots_of
from freehold.routing.plans import ProvidersHealth

SPOTS = spots_of("acme", "m", "account")
PROVIDER = SPOTS[0]


class HandClock:
    """Goes when it is told to."""

    def __init__(self, offset: float) -> None:
        self.time = 0.0
        self._offset = offset

    def now(self) -> float:
        return self.time

    def tick(self) -> float:
        return self.time + self._offset


class PaperBoard:
    """A board in memory, with a clock of its own."""

    def __init__(self) -> None:
        self.time = 0.0
        self.away = False
        self.notes: dict[str, tuple[float, bytes]] = {}

    async def exchange(self, replica: str, note: Note) -> list[Heard]:
        if self.away:
            raise AwayError("it is away")
        self.notes[replica] = self.time, packed(note)
        return [
            Heard(name, unpacked(data) or Note(""), self.time - at)
            for name, (at, data) in self.notes.items()
            if name != replica
        ]

    async def leave(self, replica: str) -> None:
        del self.notes[replica]

    async def close(self) -> None:
        pass


class Replica:
    """One, with what it knows of providers."""

    def __init__(self, name: str, board: PaperBoard, offset: float) -> None:
        self.clock = HandClock(offset)
        self.health = ProvidersHealth(lambda: 0.5)
        self.sharing = Sharing(board, self.health, self.clock, replica=name, configuration=lambda: "c1")

    def look(self) -> None:
        with contextlib.suppress(AwayError):
            asyncio.run(self.sharing.exchange())

    def fail(self, ending: str = "locked-out") -> None:
        now = self.clock.tick()
        self.health.breakers.end(self.health.breakers.begin(SPOTS, now), ending, now)  # type: ignore[arg-type]

    def waits(self, spot: Spot = SPOTS[2]) -> float:
        now = self.clock.tick()
        return self.health.found(now).get(spot, now) - now


def _trio() -> tuple[PaperBoard, list[Replica]]:
    board = PaperBoard()
    return board, [Replica(name, board, offset) for name, offset in (("a", 0.0), ("b", 1e6), ("c", -50.0))]


def _pass(board: PaperBoard, replicas: list[Replica], seconds: float) -> None:
    board.time += seconds
    for one in replicas:
        one.clock.time += seconds


def test_what_one_finds_sick_the_others_leave_alone() -> None:
    board, (one, two, three) = _trio()
    one.fail()
    found = one.waits()
    assert found > 0.5
    for each in (one, two, three):
        each.look()
    assert abs(two.waits() - found) < 1e-6
    assert abs(three.waits() - found) < 1e-6
    _pass(board, [one, two, three], found + 0.01)
    assert (one.waits(), two.waits(), three.waits()) == (0, 0, 0)


def test_a_wait_that_a_provider_asked_for_is_told_as_such() -> None:
    _, (one, two, _) = _trio()
    one.health.refuse("account", 20.0, one.clock.tick())
    one.look()
    two.look()
    now = two.clock.tick()
    assert two.health.quotas.is_barred("account", now)
    assert abs(two.health.quotas.free_at("account", now) - now - 20) < 1e-6


def test_whoever_found_it_sick_finds_it_well_for_all() -> None:
    _, (one, two, three) = _trio()
    for _ in range(4):  # it has failed for a while: it is left alone for long
        one.health.breakers.merge([(SPOTS[2], one.clock.tick() + 40.0)])
    for each in (one, two, three):
        each.look()
    assert two.waits() > 30
    now = one.clock.tick()
    one.health.breakers.try_now(SPOTS[2], now)
    one.health.breakers.end(one.health.breakers.begin(SPOTS, now), "answered", now)
    for each in (one, two, three):
        each.look()
    assert (one.waits(), two.waits(), three.waits()) == (0, 0, 0)
    assert two.health.breakers.state(SPOTS[2], two.clock.tick()) == "half-open"


def test_what_two_have_found_stays_when_one_finds_it_well() -> None:
    _, (one, two, three) = _trio()
    one.health.breakers.merge([(SPOTS[2], one.clock.tick() + 10.0)])
    two.health.breakers.merge([(SPOTS[2], two.clock.tick() + 40.0)])
    for each in (one, two, three, one, two):
        each.look()
    assert three.waits() > 30
    now = one.clock.tick()
    one.health.breakers.try_now(SPOTS[2], now)
    one.health.breakers.end(one.health.breakers.begin(SPOTS, now), "answered", now)
    for each in (one, three):
        each.look()
    assert three.waits() > 30


def test_while_the_board_is_away_each_goes_by_its_own() -> None:
    board, (one, two, three) = _trio()
    board.away = True
    one.fail()
    for each in (one, two, three):
        each.look()
    assert one.waits() > 0
    assert two.waits() == three.waits() == 0
    board.away = False
    for each in (one, two, three):
        each.look()
    assert two.waits() > 0


def test_other_configurations_are_told() -> None:
    board, (one, two, _) = _trio()
    one.look()
    two.look()
    assert two.sharing.status.in_words("c1") == "2, all with this configuration"
    assert two.sharing.status.in_words("c2") == "2, of which some have another configuration: c1"
    asyncio.run(one.sharing.close())
    two.look()
    assert two.sharing.status.in_words("c1") == "1"
    assert board.notes.keys() == {"b"}


def test_a_note_of_another_version_is_no_harm() -> None:
    assert unpacked(b"\xff nonsense") is None
    assert unpacked(b"\x92\xa1\xff\x90") is None
    many = Note("c", tuple((("model", "p", str(n)), float(n)) for n in range(5_000)))
    told = unpacked(packed(many))
    assert told is not None
    assert len(told.found) == 1_000
    assert min(seconds for _, seconds in told.found) == 4_000


class Rounds(RuleBasedStateMachine):
    """Whatever fails and whenever they look: nothing is left alone for longer than somebody found."""

    @initialize()
    def begin(self) -> None:
        self.board, self.replicas = _trio()
        self.latest = 0.0

    @rule(which=st.integers(0, 2))
    def fail(self, which: int) -> None:
        replica = self.replicas[which]
        if replica.waits() == 0:
            replica.fail()
            self.latest = max(self.latest, self.board.time + replica.waits())

    @rule(which=st.integers(0, 2))
    def look(self, which: int) -> None:
        self.replicas[which].look()

    @rule(seconds=st.floats(0.01, 3.0))
    def wait(self, seconds: float) -> None:
        _pass(self.board, self.replicas, seconds)

    @rule()
    def lose(self) -> None:
        self.board.away = not self.board.away

    @invariant()
    def nothing_lasts_longer_than_whoever_found_it_said(self) -> None:
        for one in getattr(self, "replicas", ()):
            assert self.board.time + one.waits() <= self.latest + 1e-3 or one.waits() == 0


TestRounds = Rounds.TestCase
