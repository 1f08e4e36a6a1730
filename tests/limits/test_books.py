"""What both kinds of books do, case by case."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from books import SECOND, START, Customer, Opener, give_books, run_valkey  # noqa: F401 - fixtures

from freehold.limits.account import PLACE, Counter
from freehold.limits.batch import NOTHING, Sum, Want

DAY = Counter("team|money|1900000000000000|search", until_us=START + 86_400 * SECOND)
SLIDE = Counter("rate|tokens||*", SECOND, 60)
CALLS = Counter("most|concurrency||*", PLACE)
LEASE = 20 * SECOND

Play = Callable[[Customer, Customer], Awaitable[None]]


def play(open_books: Opener, story: Play, *, filled: bool = True) -> None:
    """Let two processes play a story. `filled`: the books are no longer fresh."""

    async def run() -> None:
        async with open_books() as one, open_books() as other:
            if filled:
                await Customer(one, "somebody before").do(START, filled="once", leave=True)
            await story(Customer(one, "one"), Customer(other, "other"))

    asyncio.run(run())


async def _fall_silent(other: Customer, now_us: int) -> int:
    """`other` alone gives signs of life until everybody else is taken to be gone."""
    for _ in range(6):
        now_us += 5 * SECOND
        await other.do(now_us, beat=True)
    return now_us


def test_all_levels_or_none(open_books: Opener) -> None:
    async def story(one: Customer, other: Customer) -> None:
        assert (await one.reserve(START, Want(DAY, 60, 100), Want(SLIDE, 5, 10))).granted
        refused = await other.reserve(START, Want(DAY, 40, 100), Want(SLIDE, 6, 10))
        assert not refused.granted
        assert refused.sums == (Sum(0, 60), Sum(0, 5))
        assert (await one.standing(DAY, START)).held == 60
        assert (await other.reserve(START, Want(DAY, 40, 100), Want(SLIDE, 5, 10))).granted
        assert not (await one.reserve(START, Want(DAY, 1, 100))).granted
        assert (await one.reserve(START, Want(DAY, 0, 100))).granted

    play(open_books, story)


def test_what_was_not_used_is_free_again_and_what_was_is_charged(open_books: Opener) -> None:
    async def story(one: Customer, other: Customer) -> None:
        await one.reserve(START, Want(DAY, 90, 100))
        await one.do(START, settle={DAY: (90, 30)})
        found = await other.standing(DAY, START)
        assert (found.reserved, found.settled, found.released, found.held) == (90, 30, 60, 0)
        assert (await other.reserve(START, Want(DAY, 70, 100))).granted
        await other.do(
            START, settle={DAY: (70, 80)}
        )  # the provider billed more than the bound that was worked out
        found = await one.standing(DAY, START)
        assert (found.reserved, found.settled, found.charged) == (170, 110, 110)
        assert not (await one.reserve(START, Want(DAY, 0, 100))).granted

    play(open_books, story)


def test_what_a_dead_process_held_is_charged_and_shown_apart(open_books: Opener) -> None:
    async def story(dead: Customer, other: Customer) -> None:
        await dead.reserve(START, Want(DAY, 60, 100), Want(CALLS, 1, 1))
        assert not (await other.reserve(START, Want(CALLS, 1, 1))).granted
        now = await _fall_silent(other, START)
        found = await other.standing(DAY, now)
        assert (found.expired, found.held, found.charged) == (60, 0, 60)
        assert not (await other.reserve(now, Want(DAY, 41, 100))).granted
        assert (await other.reserve(now, Want(CALLS, 1, 1))).granted  # a place is nobody's any more
        assert await other.books.release([DAY.name, CALLS.name]) == 61
        found = await other.standing(DAY, now)
        assert (found.expired, found.released, found.charged) == (0, 60, 0)
        assert (await other.reserve(now, Want(DAY, 100, 100))).granted

    play(open_books, story)


def test_what_a_dead_process_had_for_itself_is_free_again(open_books: Opener) -> None:
    async def story(dead: Customer, other: Customer) -> None:
        await dead.reserve(START, Want(DAY, 60, 100))
        await dead.do(START, spares={DAY: 45})
        now = await _fall_silent(other, START)
        found = await other.standing(DAY, now)
        assert (found.expired, found.held, found.released, found.charged) == (15, 0, 45, 15)

    play(open_books, story)


def test_a_process_that_was_only_silent_settles_what_had_expired(open_books: Opener) -> None:
    async def story(silent: Customer, other: Customer) -> None:
        await silent.reserve(START, Want(DAY, 60, 100))
        now = await _fall_silent(other, START)
        done = await silent.do(now, settle={DAY: (60, 25)})
        assert done.lapsed
        found = await other.standing(DAY, now)
        assert (found.reserved, found.settled, found.expired, found.released) == (60, 25, 0, 35)

    play(open_books, story)


def test_a_process_that_was_only_silent_says_what_it_still_holds(open_books: Opener) -> None:
    async def story(silent: Customer, other: Customer) -> None:
        await silent.reserve(START, Want(DAY, 60, 100))
        now = await _fall_silent(other, START)
        await silent.do(now, truth={DAY: 60}, beat=True)
        found = await other.standing(DAY, now)
        assert (found.reserved, found.held, found.expired) == (60, 60, 0)
        await silent.do(now, truth={DAY: 20})
        found = await other.standing(DAY, now)
        assert (found.held, found.released) == (20, 40)
        await silent.do(now, truth={})
        assert (await other.standing(DAY, now)).held == 0

    play(open_books, story)


def test_what_a_person_released_is_charged_when_it_is_settled_after_all(open_books: Opener) -> None:
    async def story(silent: Customer, other: Customer) -> None:
        await silent.reserve(START, Want(DAY, 60, 100))
        now = await _fall_silent(other, START)
        await other.books.release([DAY.name])
        await silent.do(now, settle={DAY: (60, 25)})
        found = await other.standing(DAY, now)
        assert (found.settled, found.expired, found.held, found.charged) == (25, 0, 0, 25)

    play(open_books, story)


def test_nobody_is_gone_after_a_time_in_which_nobody_could_give_a_sign(open_books: Opener) -> None:
    async def story(one: Customer, other: Customer) -> None:
        await one.do(START, (Want(DAY, 60, 100),), beat=True)
        await other.do(START, beat=True)
        later = START + 3600 * SECOND
        assert (await other.do(later, beat=True)).owners == ("one", "other")
        assert (await other.standing(DAY, later)).held == 60
        earlier = START - 3600 * SECOND
        assert (await other.do(earlier, beat=True)).owners == ("one", "other")
        await _fall_silent(other, earlier)
        assert (await other.standing(DAY, earlier)).expired == 60

    play(open_books, story)


def test_a_process_that_ends_is_one_less(open_books: Opener) -> None:
    async def story(one: Customer, other: Customer) -> None:
        await one.do(START, beat=True)
        assert (await other.do(START, beat=True)).owners == ("one", "other")
        await one.do(START, leave=True)
        assert (await other.do(START, beat=True)).owners == ("other",)

    play(open_books, story)


def test_a_sliding_window_forgets_a_slot_when_all_of_it_is_past(open_books: Opener) -> None:
    """Never too early: what was used at the end of a second counts until 60 whole seconds after it are over."""

    async def story(one: Customer, other: Customer) -> None:
        used = START + SECOND - 1
        await one.reserve(used, Want(SLIDE, 10, 10))
        await one.do(used, settle={SLIDE: (10, 10)})
        still = used + 60 * SECOND
        refused = await other.reserve(still, Want(SLIDE, 1, 10))
        assert not refused.granted
        assert refused.slots == (((used // SECOND, 10),),)
        assert (await other.reserve(still + 1, Want(SLIDE, 1, 10))).granted

    play(open_books, story)


def test_what_is_held_counts_in_a_sliding_window_for_as_long_as_it_is_held(open_books: Opener) -> None:
    async def story(one: Customer, other: Customer) -> None:
        await one.do(START, (Want(SLIDE, 10, 10),), beat=True)
        late = START
        for _ in range(20):
            late += 10 * SECOND
            await one.do(late, beat=True)
        assert not (await other.reserve(late, Want(SLIDE, 1, 10))).granted
        await one.do(late, settle={SLIDE: (10, 4)})
        assert (await other.reserve(late, Want(SLIDE, 6, 10))).granted

    play(open_books, story)


def test_what_expired_counts_in_a_sliding_window_from_when_it_expired(open_books: Opener) -> None:
    async def story(dead: Customer, other: Customer) -> None:
        await dead.reserve(START, Want(SLIDE, 10, 10))
        now = await _fall_silent(other, START)
        assert (await other.standing(SLIDE, now)).charged == 10
        assert not (await other.reserve(now, Want(SLIDE, 1, 10))).granted
        assert (await other.reserve(now + 62 * SECOND, Want(SLIDE, 1, 10))).granted

    play(open_books, story)


def test_holds_that_a_living_process_forgot_are_charged(open_books: Opener) -> None:
    async def story(one: Customer, other: Customer) -> None:
        await one.reserve(START, Want(DAY, 60, 100))
        await one.do(START, expire={DAY: 60})
        assert (await other.standing(DAY, START)).expired == 60
        await one.do(START, settle={DAY: (60, 10)})
        found = await other.standing(DAY, START)
        assert (found.settled, found.released, found.expired) == (10, 50, 0)

    play(open_books, story)


def test_what_is_remembered_elsewhere_is_counted_once(open_books: Opener) -> None:
    async def story(one: Customer, other: Customer) -> None:
        assert (await one.do(START, (Want(DAY, 1, 100),), beat=True)).verdicts == []
        assert not (await one.do(START, raises={DAY: 40, SLIDE: 7, CALLS: 3})).epoch
        assert (await other.do(START, raises={DAY: 40, SLIDE: 5}, filled="first")).epoch == "first"
        assert (await one.do(START, filled="second")).epoch == "first"
        assert (await one.standing(DAY, START)).charged == 40
        assert (await one.standing(SLIDE, START)).charged == 7
        assert (await one.reserve(START, Want(CALLS, 3, 3))).granted

    play(open_books, story, filled=False)


def test_a_counter_that_nobody_knows_stands_at_nothing(open_books: Opener) -> None:
    async def story(one: Customer, _other: Customer) -> None:
        batch_sums = (await one.do(START, (Want(DAY, 1, 0),))).verdicts[0].sums
        assert batch_sums == (NOTHING,)
        assert await one.books.standings(START) == []

    play(open_books, story)


@pytest.mark.parametrize("name", ["a b", "müller|x", "*[?]", "x" * 300])
def test_whoever_it_is(open_books: Opener, name: str) -> None:
    counter = Counter(f"team|requests|1|{name}", until_us=DAY.until_us)

    async def story(one: Customer, other: Customer) -> None:
        await one.reserve(START, Want(counter, 2, 3))
        assert not (await other.reserve(START, Want(counter, 2, 3))).granted
        assert (await other.standing(counter, START)).held == 2

    play(open_books, story)
