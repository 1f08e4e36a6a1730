"""Both kinds of books against a plain model, whatever happens in whatever order: calls, crashes, silences, leaps of the
clock, batches that are sent twice, and people who release what expired. What is granted never passes the bound
(https://github.com/BerriAI/litellm/issues/26672: 99.10 spent on a budget of 30), and nothing is ever lost.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from books import run_valkey  # noqa: F401 - a fixture
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from valkey_server import ValkeyServer

from freehold.core.clock import SystemClock
from freehold.limits.account import PLACE, Counter, Settlement
from freehold.limits.batch import Batch, Books, Done, Settlements, Standing, Want
from freehold.limits.filed import FiledBooks
from freehold.limits.shared import ServerClock, SharedBooks

SECOND = 1_000_000
LEASE = 20 * SECOND
BOUND = 100
DAY = Counter("day|tokens|1|*", until_us=2**60)
SLIDE = Counter("slide|tokens||*", SECOND, 60)
CALLS = Counter("calls|concurrency||*", PLACE)
COUNTERS = (DAY, SLIDE, CALLS)
AMOUNTS = st.integers(0, 40)


class Process:
    """A process as it knows itself."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = 0
        self.holds: list[dict[Counter, int]] = []
        self.settlements: Settlements = {}
        self.truth_due = True
        self.seen = 0

    @property
    def truth(self) -> dict[Counter, int]:
        return {one: sum(hold.get(one, 0) for hold in self.holds) for one in COUNTERS}


class BooksOverTime(RuleBasedStateMachine):
    """What the model knows of: every amount that may have been used, and when."""

    kind = ""
    server: ValkeyServer
    empty: Path
    """A file with tables and nothing in them."""
    loop: asyncio.AbstractEventLoop
    places = 0

    @initialize()
    def open(self) -> None:
        self.now = int(time.time()) * SECOND
        self.folder = Path(tempfile.mkdtemp(prefix="freehold-test-"))
        if self.kind == "file":
            shutil.copy(self.empty, self.folder / "limits.db")
        BooksOverTime.places += 1
        self.prefix = f"t{BooksOverTime.places}"
        self.opened: list[Books] = []
        self.processes = [self._new(number) for number in range(3)]
        self.made = 3
        self.charged = dict.fromkeys(COUNTERS, 0)
        """Settled, and held by those who crashed."""
        self.events: list[tuple[int, int]] = []
        """Of the sliding window: when an amount stopped being held, and how much it was."""
        self.released = dict.fromkeys(COUNTERS, 0)

    def teardown(self) -> None:
        for books in self.opened:
            self.loop.run_until_complete(books.close())
        shutil.rmtree(self.folder)

    def _open_books(self) -> Books:
        books: Books
        if self.kind == "file":
            books = FiledBooks(self.folder / "limits.db", lease_us=LEASE, boot="one")
        else:
            clock = ServerClock(SystemClock(), follow=False)
            books = SharedBooks(self.server.url, clock, prefix=self.prefix, lease_us=LEASE)
        self.opened.append(books)
        return books

    def _new(self, number: int) -> tuple[Process, Books]:
        return Process(f"process-{number}"), self._open_books()

    def _do(self, which: int, *wants: Want, beat: bool = False, twice: bool = False) -> Done:
        process, books = self.processes[which]
        process.number += 1
        batch = Batch(
            owner=process.name,
            number=process.number,
            now_us=self.now,
            settlements=process.settlements,
            expirations={},
            raises={},
            truth=process.truth if process.truth_due else None,
            spares={},
            wants=[wants] if wants else [],
            watched=COUNTERS,
            filled="once",
            beat=beat,
        )
        process.settlements, process.truth_due = {}, False
        process.seen = self.now
        done = self.loop.run_until_complete(books.do(batch))
        if twice and self.kind == "server":
            again = self.loop.run_until_complete(books.do(batch))
            assert again.repeated
            assert again.verdicts == []
        if done.lapsed:
            process.truth_due = True
        return done

    @rule(which=st.integers(0, 2), amount=AMOUNTS, twice=st.booleans())
    def reserve(self, which: int, amount: int, twice: bool) -> None:
        wants = (Want(DAY, amount, BOUND), Want(SLIDE, amount, BOUND), Want(CALLS, 1, 5))
        verdict = self._do(which, *wants, twice=twice).verdicts[0]
        if verdict.granted:
            self.processes[which][0].holds.append({DAY: amount, SLIDE: amount, CALLS: 1})
            assert self._exposed(DAY) <= BOUND
            if amount and not self._in_doubt:
                assert self._exposed(SLIDE) <= BOUND
            for want, one in zip(wants, verdict.sums, strict=True):
                assert one.used <= want.bound

    @rule(which=st.integers(0, 2), place=st.integers(0, 9), share=st.integers(0, 100))
    def settle(self, which: int, place: int, share: int) -> None:
        process = self.processes[which][0]
        if not process.holds:
            return
        hold = process.holds.pop(place % len(process.holds))
        for counter, amount in hold.items():
            actual = 0 if counter is CALLS else amount * share // 100
            process.settlements.setdefault((process.name, counter), Settlement()).add(amount, actual)
            self.charged[counter] += actual
            if counter is SLIDE:
                self.events.append((self.now, actual))
        self._do(which)

    @rule(which=st.integers(0, 2))
    def beat(self, which: int) -> None:
        done = self._do(which, beat=True)
        assert self.processes[which][0].name in done.owners

    @rule(which=st.integers(0, 2))
    def crash(self, which: int) -> None:
        """`kill -9`, and another process in its place."""
        process, books = self.processes[which]
        for hold in process.holds:
            for counter, amount in hold.items():
                self.charged[counter] += 0 if counter is CALLS else amount
            self.events.append((2**62, hold[SLIDE]))  # held, and then charged when it expires
        del books
        self.processes[which] = self._new(self.made)
        self.made += 1

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds: int) -> None:
        """Everybody is alive meanwhile."""
        self.now += seconds * SECOND
        for which in range(3):
            self._do(which, beat=True)

    @rule(seconds=st.integers(25, 100), which=st.integers(0, 2))
    def fall_silent(self, seconds: int, which: int) -> None:
        """One process is stopped for a while; the others give signs of life."""
        for _ in range(seconds // 10):
            self.now += 10 * SECOND
            for other in {0, 1, 2} - {which}:
                self._do(other, beat=True)

    @rule(seconds=st.integers(-3600, 3600))
    def leap(self, seconds: int) -> None:
        gone = self.now - 60 * SECOND  # has left the window, and does not come back with an earlier time
        self.events = [(at, used) for at, used in self.events if at > gone]
        self.now += seconds * SECOND
        if seconds < 0:
            self.events = [(min(at, self.now) if at < 2**62 else at, used) for at, used in self.events]

    @rule()
    def release(self) -> None:
        """A person says that what expired was not used."""
        for which in (
            0,
            1,
            2,
            0,
            1,
            2,
        ):  # those who live say what they hold, and then what expired is of the others
            self._do(which, beat=True)
        standing = self._standings().get(DAY.name)
        if standing is None:
            return
        books = self.processes[0][1]
        released = self.loop.run_until_complete(books.release([DAY.name]))
        assert released == standing.expired
        self.charged[DAY] -= released

    def _exposed(self, counter: Counter) -> int:
        """What may have been used, in the day or at any time in the last 60 seconds."""
        held = sum(process.truth[counter] for process, _ in self.processes)
        if counter is SLIDE:
            # What a silent process holds was charged when it was taken to be gone, and leaves the window like all else.
            gone = self.now - LEASE - 60 * SECOND
            held = sum(process.truth[counter] for process, _ in self.processes if process.seen > gone)
            return held + sum(used for at, used in self.events if self.now - 60 * SECOND < at < 2**62)
        return held + self.charged[counter]

    @property
    def _in_doubt(self) -> bool:
        """Whether somebody who was taken to be gone has not yet said what it holds."""
        return any(process.truth_due for process, _ in self.processes)

    def _standings(self) -> dict[str, Standing]:
        books = self.processes[0][1]
        found = self.loop.run_until_complete(books.standings(self.now))
        return {one.name: one for one in found}

    @invariant()
    def nothing_is_lost(self) -> None:
        standings = self._standings()
        for standing in standings.values():
            assert standing.balanced, standing
            assert min(standing.reserved, standing.settled, standing.released) >= 0, standing
            assert standing.held >= 0, standing
            assert standing.expired >= 0, standing

    @invariant()
    def the_books_know_of_everything(self) -> None:
        standings = self._standings()
        if self._in_doubt:
            return
        for counter in (DAY, SLIDE):
            standing = standings.get(counter.name)
            if standing is not None:
                assert standing.charged + standing.held >= self._exposed(counter)
        if DAY.name in standings:
            assert standings[DAY.name].charged + standings[DAY.name].held == self._exposed(DAY)


def _check(kind: str, examples: int, **given: object) -> None:
    loop = asyncio.new_event_loop()
    machine = type("Machine", (BooksOverTime,), {"kind": kind, "loop": loop, **given})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                phases=(Phase.explicit, Phase.generate),  # to shrink a case takes minutes
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.close()


def test_books_in_a_file(tmp_path: Path) -> None:
    empty = tmp_path / "limits.db"
    asyncio.run(FiledBooks(empty, boot="one").close())
    _check("file", 10, empty=empty)


def test_books_at_a_server(valkey: ValkeyServer) -> None:
    _check("server", 8, server=valkey)
