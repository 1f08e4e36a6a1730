"""The driver of a comparison on many machines: however stations behave, the budget holds."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.catalog.models import Catalog
from freehold.catalog.prices import ModelPrice, PriceList
from freehold.catalog.rates import Rates
from freehold.compare.answer import Answer
from freehold.compare.budget import Budget, Tariffs
from freehold.compare.halting import BudgetSpent, Halted
from freehold.compare.spreading.driver import Driver, Remote, StationLost
from freehold.compare.spreading.station import Reply
from freehold.core.clock import SystemClock
from freehold.core.errors import BadRequest
from freehold.limits.money import nano_of
from freehold.routing.routes import Target

REQUEST = msgspec.Raw(b'{"messages":[{"role":"user","content":"hello"}],"max_tokens":100}')
ANSWERED = Answer(id="answer_1", model="old/model", text="hello")


def tariffs() -> Tariffs:
    row = ModelPrice(Rates(input=Decimal(1), output=Decimal(10)))
    prices = PriceList(own={"old/model": (row,)}, lists={})
    return Tariffs(prices, Catalog(own={}, lists={}), SystemClock())


def driver(stations: list[Remote], budget: Budget | None) -> Driver:
    return Driver(stations, budget, tariffs(), lambda name: Target(*name.split("/", 1)))


def replying(*replies: Reply | type[StationLost]) -> tuple[Remote, list[int]]:
    """A station that says these one after the other, the last one always; and the shares that it was handed."""
    left, shares = list(replies), []

    async def ask(model: str, request: bytes, share: int) -> bytes:
        shares.append(share)
        await asyncio.sleep(0)
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Reply):
            return msgspec.json.encode(reply)
        raise reply

    return ask, shares


def test_what_was_charged_is_charged_and_the_rest_comes_back() -> None:
    station, shares = replying(Reply(ANSWERED, charged=7))
    budget = Budget(Decimal("0.01"))
    assert asyncio.run(driver([station], budget).ask("old/model", REQUEST)) == ANSWERED
    assert (budget.charged, budget.held) == (7, 0)
    assert shares[0] > nano_of(Decimal("0.001"))


def test_a_lost_station_is_charged_all_of_its_share_and_another_one_asked() -> None:
    lost, shares = replying(StationLost)
    station, others = replying(Reply(ANSWERED, charged=7))
    budget = Budget(Decimal("0.01"))
    one = driver([lost, station], budget)
    for _ in range(2):
        assert asyncio.run(one.ask("old/model", REQUEST)) == ANSWERED
    assert len(shares) == 1 and len(others) == 2
    assert budget.charged == shares[0] + 2 * 7


def test_without_stations_it_ends_in_words() -> None:
    lost, shares = replying(StationLost)
    budget = Budget(Decimal("0.01"))
    with pytest.raises(Halted, match="All stations are lost"):
        asyncio.run(driver([lost], budget).ask("old/model", REQUEST))
    # Nobody was there for the second try, so it cost nothing.
    assert (budget.charged, budget.held) == (shares[0], 0)


def test_a_share_that_does_not_do_is_doubled_within_the_budget() -> None:
    station, shares = replying(Reply(charged=3, trouble="short"), Reply(ANSWERED, charged=7))
    budget = Budget(Decimal("0.01"))
    assert asyncio.run(driver([station], budget).ask("old/model", REQUEST)) == ANSWERED
    assert shares[1] == 2 * shares[0] and budget.charged == 10


def test_what_a_station_may_not_ask_is_told_as_here() -> None:
    station, _ = replying(
        Reply(trouble="halted", message="No.", hint="Ask."), Reply(trouble="bad", message="What?")
    )
    one = driver([station], None)
    with pytest.raises(Halted, match="No\\."):
        asyncio.run(one.ask("old/model", REQUEST))
    with pytest.raises(BadRequest, match="What"):
        asyncio.run(one.ask("old/model", REQUEST))


@settings(max_examples=60, deadline=None)
@given(
    dollars=st.decimals("0.0001", "0.02", places=4),
    used=st.lists(st.one_of(st.floats(0, 1), st.sampled_from(["short", "lost"])), min_size=1, max_size=40),
    stations=st.integers(1, 4),
)
def test_shares_and_charges_never_exceed_the_budget(
    dollars: Decimal, used: list[float | str], stations: int
) -> None:
    budget, out, script = Budget(dollars), 0, iter(used)

    async def ask(model: str, request: bytes, share: int) -> bytes:
        nonlocal out
        out += share
        assert budget.charged + out <= nano_of(dollars)
        await asyncio.sleep(0)
        what = next(script, 0.5)
        out -= share
        if what == "lost":
            raise StationLost
        if what == "short":
            return msgspec.json.encode(Reply(charged=share // 2, trouble="short"))
        return msgspec.json.encode(Reply(ANSWERED, charged=int(share * float(what))))

    async def work() -> None:
        one = driver([ask] * stations, budget)
        done = await asyncio.gather(
            *(one.ask("old/model", REQUEST) for _ in range(30)), return_exceptions=True
        )
        assert all(isinstance(answer, (Answer, Halted, BudgetSpent)) for answer in done)

    asyncio.run(work())
    assert budget.held == 0
    assert budget.charged <= nano_of(dollars)
