"""What attempts of a comparison set aside of its budget, and what comes back of it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from freehold.catalog.models import Catalog
from freehold.catalog.prices import ModelPrice, PriceList
from freehold.catalog.rates import Rates
from freehold.compare.budget import Budget, BudgetedLimits, Tariffs
from freehold.core.clock import SystemClock
from freehold.core.errors import BudgetExhausted
from freehold.core.usage import NO_USAGE, Usage
from freehold.engine.limiting import Hold, Subject, Worst
from freehold.routing.routes import Target
from freehold.wire.request import read_chat_request

TARGET = Target("old", "model")
WHO = Subject(key_id="comparison_1", team=None, user=None, route=None)
REQUEST = read_chat_request(
    b'{"model":"old/model","messages":[{"role":"user","content":"hello"}],"max_tokens":100}'
)
WORST = Worst(input_tokens=50, output_tokens=100)
DOLLARS = Decimal("0.01")


def tariffs() -> Tariffs:
    row = ModelPrice(Rates(input=Decimal(1), output=Decimal(10)))
    return Tariffs(PriceList(own={"old/model": (row,)}, lists={}), Catalog(own={}, lists={}), SystemClock())


def limits(budget: Budget) -> BudgetedLimits:
    return BudgetedLimits(None, budget, tariffs(), unpriced=False)


async def attempt(under: BudgetedLimits) -> Hold:
    return await under.reserve(WHO, TARGET, WORST, first=True, deadline=60.0)


def test_what_nobody_knows_the_cost_of_is_charged_at_its_worst_and_once() -> None:
    async def run() -> None:
        budget = Budget(DOLLARS)
        hold = await attempt(limits(budget))
        worst = budget.held
        assert worst == (50 * 1 + 100 * 10) * 1000  # billionths
        for _ in range(2):
            hold.settle(NO_USAGE, None)
        assert (budget.charged, budget.held) == (worst, 0)

    asyncio.run(run())


def test_what_is_known_is_charged_and_what_was_not_sent_is_not() -> None:
    async def run() -> None:
        budget = Budget(DOLLARS)
        under = limits(budget)
        (await attempt(under)).settle(Usage(input_tokens=10, output_tokens=7, source="provider"), None)
        (await attempt(under)).release()
        assert (budget.charged, budget.held) == ((10 + 70) * 1000, 0)

    asyncio.run(run())


def test_room_that_no_attempt_took_over_comes_back_and_what_one_took_over_is_held_once() -> None:
    async def run() -> None:
        budget = Budget(DOLLARS)
        under = limits(budget)
        async with under.room_for(TARGET, REQUEST):
            assert budget.held > 0
        assert (budget.charged, budget.held) == (0, 0)
        async with under.room_for(TARGET, REQUEST):
            hold = await attempt(under)
            assert budget.held == (50 + 1000) * 1000
            hold.settle(Usage(input_tokens=10, output_tokens=7, source="provider"), None)
        assert (budget.charged, budget.held) == (80_000, 0)

    asyncio.run(run())


def test_an_attempt_for_which_there_is_no_room_is_refused_and_nothing_stays_held() -> None:
    async def run() -> None:
        budget = Budget(Decimal("0.0015"))
        under = limits(budget)
        hold = await attempt(under)
        with pytest.raises(BudgetExhausted):
            await attempt(under)
        hold.release()
        assert (budget.charged, budget.held) == (0, 0)

    asyncio.run(run())


def test_several_answers_of_no_stated_length_may_each_be_as_long_as_the_model_can() -> None:
    one, three = (
        tariffs().worst(TARGET, Worst(input_tokens=0, output_tokens=None, answers=many)) for many in (1, 3)
    )
    assert one is not None
    assert three == 3 * one
