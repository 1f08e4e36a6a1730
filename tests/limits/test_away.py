"""The server of the limits is stopped, restarted, emptied, slow, or hangs, while calls go on: never an outage, never no
limits (https://docs.litellm.ai/blog/redis-circuit-breaker: a slow Redis took the fleet down).
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from slow_line import SlowLine
from valkey_server import PROGRAM, ValkeyServer

from freehold.core.clock import SystemClock
from freehold.limits.account import PLACE, Counter
from freehold.limits.batch import Standing, Want
from freehold.limits.clerk import Clerk
from freehold.limits.filed import FiledBooks
from freehold.limits.shared import ServerClock, SharedBooks
from freehold.limits.silence import LOST_S

if PROGRAM is None:
    pytest.skip("neither valkey-server nor redis-server is installed", allow_module_level=True)
pytest.importorskip("valkey", reason="the client for Valkey is not installed")

BOUND = 1000
DAY = Counter("team|tokens|1|search", until_us=2**60)
CALLS = Counter("most|concurrency||*", PLACE)


async def _nothing() -> dict[Counter, int]:
    return {}


@asynccontextmanager
async def clerks(
    port: int, count: int, refill: Callable[[], Awaitable[dict[Counter, int]]] = _nothing, first: int = 0
) -> AsyncIterator[list[Clerk]]:
    """Processes that share the books at the server, numbered from `first`."""
    async with AsyncExitStack() as stack:
        made = []
        for number in range(first, first + count):
            clock = ServerClock(SystemClock())
            books = SharedBooks(f"valkey://127.0.0.1:{port}/0", clock)
            clerk = Clerk(books, clock, owner=f"process-{number}", refill=refill)
            stack.push_async_callback(clerk.close)
            await clerk.start()
            made.append(clerk)
        for clerk in made:  # the first ones learn of the last one
            until = time.monotonic() + 10
            while clerk.processes < count:
                assert time.monotonic() < until
                await asyncio.sleep(0.05)
        yield made


@asynccontextmanager
async def half_a_second() -> AsyncIterator[None]:
    """Has passed."""
    await asyncio.sleep(0.5)
    yield


async def reserve(clerk: Clerk, amount: int, bound: int = BOUND) -> bool:
    verdict = await clerk.reserve((Want(DAY, amount, bound), Want(CALLS, 1, 10_000)))
    return verdict.granted


def settle(clerk: Clerk, amount: int, actual: int) -> None:
    clerk.settle([(DAY, amount, actual), (CALLS, 1, 0)])


async def spend(clerk: Clerk, amount: int, bound: int = BOUND) -> bool:
    """One call that uses all of what it set aside."""
    granted = await reserve(clerk, amount, bound)
    if granted:
        settle(clerk, amount, amount)
    return granted


async def spend_all(clerk: Clerk, amount: int = 10) -> int:
    """Call until one is refused; what was used."""
    used = 0
    while await spend(clerk, amount):
        used += amount
    return used


async def come_back(*of: Clerk) -> None:
    end = time.monotonic() + 10
    while any(clerk.away for clerk in of):
        assert time.monotonic() < end, [clerk.status for clerk in of]
        await asyncio.sleep(0.05)


async def standing(port: int) -> Standing:
    books = SharedBooks(f"valkey://127.0.0.1:{port}/0", ServerClock(SystemClock()))
    try:
        found = {one.name: one for one in await books.standings(int(time.time() * 1_000_000))}
        assert all(one.balanced for one in found.values()), found
        return found[DAY.name]
    finally:
        await books.close()


async def told(clerk: Clerk) -> None:
    """Until the books know everything."""
    end = time.monotonic() + 10
    while clerk.busy:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def test_a_lost_server_leaves_each_its_share_and_is_told_of_it_later(tmp_path: Path) -> None:
    async def story() -> None:
        server = ValkeyServer(tmp_path, keep=True)
        server.start()
        try:
            async with clerks(server.port, 2) as (one, other):
                assert await spend(one, 300)
                assert await reserve(other, 100)
                await asyncio.sleep(1.5)  # both have seen that 600 are left
                server.stop()
                began = time.monotonic()
                first = [await spend_all(one), await spend_all(other)]
                assert time.monotonic() - began < 1.0  # nobody waits for a server that is gone
                assert sum(first) <= 600
                await asyncio.sleep(LOST_S + 0.5)
                second = [await spend_all(one), await spend_all(other)]
                assert [one.away, other.away] == [True, True]
                used = 300 + sum(first) + sum(second)
                assert 850 <= used <= 900  # as good as all of it, and no more
                settle(other, 100, 20)
                server.start()
                await come_back(one, other)
                await told(one)
                await told(other)
                found = await standing(server.port)
                assert found.settled == used + 20
                assert not await spend(one, BOUND - found.settled + 1)
        finally:
            server.stop()

    asyncio.run(story())


def test_a_process_that_was_too_busy_to_listen_does_not_take_the_server_for_lost(tmp_path: Path) -> None:
    """Its clock went on, but it heard no silence: it goes by what it has set aside, and not by its share."""

    async def story() -> None:
        with ValkeyServer(tmp_path) as server:
            async with clerks(server.port, 2) as (one, other):
                for _ in range(20):  # some of it is set aside for what comes
                    assert await spend(one, 1)
                    assert await spend(other, 1)
                    await asyncio.sleep(0.1)
                server.send(signal.SIGSTOP)
                waiting = asyncio.create_task(
                    reserve(one, 400)
                )  # more than is set aside: the server is asked
                await asyncio.sleep(0)
                await asyncio.sleep(0.01)
                time.sleep(LOST_S + 1.0)
                assert not await waiting
                assert one.away
                from_floats = await spend_all(one, 5)
                assert 0 < from_floats <= 240  # no more than one in four of half of it
                until = time.monotonic() + LOST_S + 0.5
                while time.monotonic() < until:  # and now it does listen
                    await asyncio.sleep(0.02)
                assert await spend(one, 300)  # of its half
                server.send(signal.SIGCONT)
                await come_back(one, other)
                await told(one)
                await told(other)
                assert (await standing(server.port)).settled == 40 + from_floats + 300

    asyncio.run(story())


def test_a_process_that_the_others_have_not_heard_of_has_no_share(tmp_path: Path) -> None:
    """They divide what is left among themselves, as long as they cannot learn of it."""

    async def story() -> None:
        with ValkeyServer(tmp_path) as server:
            async with clerks(server.port, 1) as (one,):
                clock = ServerClock(SystemClock())
                books = SharedBooks(f"valkey://127.0.0.1:{server.port}/0", clock)
                other = Clerk(books, clock, owner="newcomer", refill=_nothing)
                await other.start()
                server.send(signal.SIGSTOP)
                assert (one.processes, other.processes) == (1, 2)
                used = 0
                until = time.monotonic() + LOST_S + 1.0
                while time.monotonic() < until:
                    used += await spend_all(one) + await spend_all(other)
                    await asyncio.sleep(0.05)
                assert used == BOUND
                server.send(signal.SIGCONT)
                await come_back(one, other)
                await told(one)
                await told(other)
                assert (await standing(server.port)).settled == BOUND
                await other.close()

    asyncio.run(story())


def test_a_process_that_was_taken_to_be_gone_has_no_share_before_the_others_know_of_it_again(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        with ValkeyServer(tmp_path) as server:
            async with (
                clerks(server.port, 1) as (one,),
                half_a_second(),
                clerks(server.port, 1, first=1) as (other,),
            ):
                assert other.processes == 2
                await asyncio.sleep(3.0)  # both are known
                end = time.monotonic() + 20
                while other.processes == 2:
                    assert time.monotonic() < end
                    await look(one)
                    before = one.looks
                    server.ask("ZREM", "{freehold}:limits:owners", "process-0")  # as if it had been silent
                    while other.processes == 2 and one.looks == before:
                        await asyncio.sleep(0.002)
                    await look(one)  # it is back, and the other has not looked since
                server.send(signal.SIGSTOP)
                assert (one.processes, other.processes) == (2, 1)
                used = 0
                until = time.monotonic() + LOST_S + 1.0
                while time.monotonic() < until:
                    used += await spend_all(one) + await spend_all(other)
                    await asyncio.sleep(0.05)
                server.send(signal.SIGCONT)
                await come_back(one, other)
                assert used == BOUND

    async def look(clerk: Clerk) -> None:
        """Until it has looked at the books once more."""
        before = clerk.looks
        while clerk.looks == before:
            await asyncio.sleep(0.002)

    asyncio.run(story())


def test_a_slow_server_keeps_no_call_waiting(tmp_path: Path) -> None:
    async def story() -> None:
        with ValkeyServer(tmp_path) as server:
            async with SlowLine(server.port) as line, clerks(line.port, 2) as (one, other):
                assert await spend(one, 5)
                assert await spend(other, 5)
                await asyncio.sleep(2.5)  # each has set something aside for itself
                line.delay_s = 1.0
                waits, granted, late = [], 0, 0
                for number in range(200):
                    began = time.monotonic()
                    good = await spend(one if number % 2 else other, 1)
                    waits.append(time.monotonic() - began)
                    granted += good
                    late += good and number >= 120
                    await asyncio.sleep(0.05)
                assert max(waits) < 0.5
                assert sorted(waits)[190] < 0.05  # the first of each waited, and then nobody did
                assert granted >= 90  # at first from what was set aside, and then as much as there is
                assert late >= 75
                line.delay_s = 0.0
                await come_back(one, other)
                await told(one)
                await told(other)
                assert (await standing(server.port)).settled == 10 + granted

    asyncio.run(story())


def test_a_process_that_was_alone_with_a_slow_server_drops_its_share_when_it_hears_of_another(
    tmp_path: Path,
) -> None:
    """Its share was all that remained; from then on what it uses is set aside at the server first."""

    async def story() -> None:
        with ValkeyServer(tmp_path) as server:
            async with SlowLine(server.port) as line, clerks(line.port, 1) as (one,):
                assert await spend(one, 10)
                await told(one)
                line.delay_s = 0.2
                used = 10
                used += 10 * await spend(one, 10)
                end = time.monotonic() + 10
                while not await spend(one, 400):  # the slow answers have to say first that it is alone
                    assert time.monotonic() < end
                    await asyncio.sleep(0.05)
                used += 400
                assert one.away
                while (await standing(server.port)).settled < used:
                    assert time.monotonic() < end
                    await asyncio.sleep(0.05)
                async with clerks(server.port, 1, first=1) as (other,):
                    while one.processes < 2:
                        assert time.monotonic() < end
                        await asyncio.sleep(0.02)
                    assert one.away
                    until = time.monotonic() + 2.0
                    while time.monotonic() < until:
                        used += await spend_all(other)
                        await asyncio.sleep(0.05)
                    used += await spend_all(one)
                    assert BOUND - 100 < used <= BOUND  # the first had no more than was set aside for it
                    line.delay_s = 0.0
                    await come_back(one)
                    await told(one)
                    await told(other)
                    assert (await standing(server.port)).settled == used

    asyncio.run(story())


def test_a_server_that_hangs_and_goes_on(tmp_path: Path) -> None:
    """What it was told while it hung counts once, although it is told again."""

    async def story() -> None:
        with ValkeyServer(tmp_path) as server:
            async with clerks(server.port, 2) as (one, other):
                assert await spend(one, 10)
                await told(one)
                await asyncio.sleep(1.2)
                server.send(signal.SIGSTOP)
                settled = 10
                for _ in range(20):
                    for clerk in (one, other):
                        settled += await spend(clerk, 1)
                    await asyncio.sleep(0.01)
                server.send(signal.SIGCONT)
                await come_back(one, other)
                await told(one)
                await told(other)
                found = await standing(server.port)
                assert found.settled == settled

    asyncio.run(story())


def test_broken_connections_in_the_middle_of_it_all(tmp_path: Path) -> None:
    """Answers are lost, and what had been said counts once."""

    async def story() -> None:
        with ValkeyServer(tmp_path) as server:
            async with SlowLine(server.port) as line, clerks(line.port, 2) as pair:
                line.delay_s = 0.004
                settled = sum([await spend(clerk, 1) for clerk in pair])
                await asyncio.sleep(1.5)
                for round_ in range(150):
                    if round_ % 10 == 5:
                        asyncio.get_running_loop().call_later(0.005, line.cut)
                    await asyncio.sleep(0.02)
                    results = await asyncio.gather(*(spend(clerk, 1) for clerk in pair))
                    settled += sum(results)
                await come_back(*pair)
                for clerk in pair:
                    await told(clerk)
                found = await standing(server.port)
                assert found.settled == settled
                assert settled > 100

    asyncio.run(story())


def test_a_server_that_lost_everything_is_told_what_is_remembered(tmp_path: Path) -> None:
    async def story() -> None:
        server = ValkeyServer(tmp_path)
        server.start()
        try:
            async with clerks(server.port, 2) as (one, other):
                assert await spend(one, 300)
                assert await reserve(other, 200)
                await asyncio.sleep(1.2)
                server.stop()
                server.start()  # with nothing in it
                assert not await reserve(one, 600)
                await asyncio.sleep(0.1)
                await come_back(one, other)
                await asyncio.sleep(1.5)
                await told(one)
                await told(other)
                found = await standing(server.port)
                assert found.charged >= 300
                assert found.charged + found.held >= 500
                assert not await spend(one, 501)
                settle(other, 200, 50)
        finally:
            server.stop()

    asyncio.run(story())


def test_what_was_told_as_the_server_lost_everything_is_counted_with_what_was_told_before(
    tmp_path: Path,
) -> None:
    """It is told to the new books, which are then raised to what was known; that includes it."""

    async def story() -> None:
        server = ValkeyServer(tmp_path)
        server.start()
        ledger: dict[Counter, int] = {}

        async def remembered() -> dict[Counter, int]:
            return dict(ledger)

        try:
            async with clerks(server.port, 2, remembered) as (one, other):
                assert await spend(one, 200)
                await told(one)
                assert await reserve(one, 50)
                assert await reserve(other, 70)
                server.stop()
                settle(one, 50, 50)
                settle(other, 70, 70)
                await asyncio.sleep(0.3)
                server.start()
                await come_back(one, other)
                ledger[DAY] = 320
                await asyncio.sleep(1.5)
                await told(one)
                await told(other)
                assert (await standing(server.port)).charged >= 320
        finally:
            server.stop()

    asyncio.run(story())


def test_while_new_books_are_filled_a_process_goes_by_one_share(tmp_path: Path) -> None:
    """And not by another one for each call."""

    async def story() -> None:
        server = ValkeyServer(tmp_path)
        server.start()
        try:
            async with clerks(server.port, 1) as (one,):
                assert await spend(one, 100)
                await told(one)
                server.stop()
                server.start()
                granted = 0
                until = time.monotonic() + 3.0
                while time.monotonic() < until:
                    granted += 300 * await reserve(one, 300)
                    await asyncio.sleep(0.02)
                assert granted == 900
                await told(one)
                found = await standing(server.port)
                assert (found.charged, found.held) == (100, 900)
        finally:
            server.stop()

    asyncio.run(story())


def test_what_is_wanted_while_new_books_are_filled_leaves_nobody_away_for_good(tmp_path: Path) -> None:
    """It came while a batch was on its way, behind which nothing else was to be told."""

    async def story() -> None:
        with ValkeyServer(tmp_path) as server:
            ledger: list[float] = []

            async def remembered() -> dict[Counter, int]:
                await asyncio.sleep(sum(ledger))
                return {}

            async with SlowLine(server.port) as line, clerks(line.port, 1, remembered) as (one,):
                assert await spend(one, 10)
                await told(one)
                line.delay_s = 0.02
                ledger.append(0.5)  # so long it takes the ledger to answer
                server.ask("FLUSHALL")
                for _ in range(4):
                    first = asyncio.create_task(reserve(one, 1))
                    await asyncio.sleep(0.02)
                    await asyncio.gather(first, reserve(one, 1))
                    await asyncio.sleep(0.2)
                await come_back(one)
                await told(one)

    asyncio.run(story())


def test_a_full_server_is_as_good_as_none(tmp_path: Path) -> None:
    async def story() -> None:
        with ValkeyServer(tmp_path) as server:
            async with clerks(server.port, 1) as (one,):
                assert await spend(one, 10)
                await told(one)
                server.ask("CONFIG", "SET", "maxmemory", "1")
                assert await spend(one, 10)
                await asyncio.sleep(0.2)
                assert one.away
                used = await spend_all(one)
                assert 0 < used < 980, (
                    "what it has set aside: another may have begun that it has not heard of"
                )
                await asyncio.sleep(LOST_S + 0.5)
                assert await spend_all(one) == 980 - used, "alone, it knows exactly what is left"
                server.ask("CONFIG", "SET", "maxmemory", "0")
                await come_back(one)
                await told(one)
                assert (await standing(server.port)).settled == 1000

    asyncio.run(story())


def test_a_file_that_disappears_is_made_again(tmp_path: Path) -> None:
    async def story() -> None:
        path = tmp_path / "limits.db"
        books = FiledBooks(path, boot="one")
        books.beat_s = 0.1
        clerk = Clerk(books, SystemClock(), owner="one", refill=_nothing)
        await clerk.start()
        assert await spend(clerk, 300)
        assert await reserve(clerk, 100)
        await told(clerk)
        path.unlink()
        await asyncio.sleep(0.5)
        await told(clerk)
        found = {one.name: one for one in await FiledBooks(path, boot="one").standings(0)}
        assert found[DAY.name].charged == 300
        assert found[DAY.name].held == 100
        assert not await spend(clerk, 601)
        await clerk.close()

    asyncio.run(story())


@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_replicas_that_start_while_the_server_is_away_spend_no_more_than_what_the_ledger_leaves(
    replicas: int,
) -> None:
    async def spent_before() -> dict[Counter, int]:
        return {DAY: 100}

    async def story() -> None:
        used = []
        for number in range(replicas):
            clock = ServerClock(SystemClock())
            books = SharedBooks("valkey://127.0.0.1:1/0", clock)  # nobody listens there
            owner = f"process-{number}"
            clerk = Clerk(books, clock, owner=owner, refill=spent_before, expected=replicas)
            await clerk.start()
            used.append(await spend_all(clerk))
            await clerk.close()
        assert used == [(BOUND - 100) // replicas] * replicas

    asyncio.run(story())


@pytest.mark.parametrize("used", [False, True])
def test_at_the_end_a_loss_is_told_where_there_is_one(
    caplog: pytest.LogCaptureFixture, *, used: bool
) -> None:
    async def story() -> None:
        clock = ServerClock(SystemClock())
        clerk = Clerk(
            SharedBooks("valkey://127.0.0.1:1/0", clock), clock, owner="alone", refill=_nothing
        )  # nobody listens there
        await clerk.start()
        if used:
            assert await spend(clerk, 10)
        await clerk.close()

    asyncio.run(story())
    assert ("could not be told of the last calls" in caplog.text) is used


def test_a_server_that_hangs_holds_up_no_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The last word to it is given up long before the connection is, and the log says that it was not heard."""

    async def story() -> None:
        with ValkeyServer(tmp_path) as server:
            clock = ServerClock(SystemClock())
            clerk = Clerk(SharedBooks(server.url, clock), clock, owner="one", refill=_nothing)
            await clerk.start()
            assert await reserve(clerk, 100)
            await told(clerk)
            server.send(signal.SIGSTOP)
            settle(clerk, 100, 10)
            await asyncio.sleep(0.3)  # it is on its way
            began = time.monotonic()
            await clerk.close()
            assert time.monotonic() - began < 5.0
            server.send(signal.SIGCONT)

    asyncio.run(story())
    assert "could not be told of the last calls" in caplog.text


def test_books_that_cannot_be_let_go_of_hold_up_no_end(tmp_path: Path) -> None:
    class Kept(SharedBooks):
        """Its connection does not close, as one to a machine that is gone may not."""

        asked = False

        async def close(self) -> None:
            self.asked = True
            try:
                await asyncio.sleep(30)
            finally:
                await super().close()

    async def story() -> None:
        with ValkeyServer(tmp_path) as server:
            clock = ServerClock(SystemClock())
            books = Kept(server.url, clock)
            clerk = Clerk(books, clock, owner="one", refill=_nothing)
            await clerk.start()
            assert await spend(clerk, 10)
            began = time.monotonic()
            await clerk.close()
            assert books.asked
            assert time.monotonic() - began < 5.0
            assert (await standing(server.port)).settled == 10

    asyncio.run(story())
