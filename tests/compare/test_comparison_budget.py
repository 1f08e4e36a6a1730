"""A comparison's budget: never overrun, whoever is quick."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.compare.budget import Budget
from freehold.compare.halting import BudgetSpent

CALLS = st.lists(st.tuples(st.integers(0, 60), st.floats(0, 1), st.integers(0, 3)), max_size=30)


@given(CALLS, st.integers(0, 200))
def test_it_is_never_overrun(calls: list[tuple[int, float, int]], bound: int) -> None:
    async def run() -> None:
        budget = Budget(Decimal(bound).scaleb(-9))
        done = []

        async def call(worst: int, share: float, turns: int) -> None:
            await budget.wait_for(worst)
            for _ in range(turns):
                await asyncio.sleep(0)
                assert budget.charged + budget.held <= bound
            actual = int(worst * share)
            budget.settle(worst, actual)
            done.append(actual)

        results = await asyncio.gather(*(call(*one) for one in calls), return_exceptions=True)
        assert budget.held == 0
        assert budget.charged == sum(done) <= bound
        for (worst, _, _), result in zip(calls, results, strict=True):
            if result is not None:
                # Nobody is refused who had room at some moment when nothing else was under way.
                assert isinstance(result, BudgetSpent)
                assert worst > 0

    asyncio.run(run())


def test_who_waits_is_let_in_when_another_gives_back() -> None:
    async def run() -> None:
        budget = Budget(Decimal("0.000000010"))
        await budget.wait_for(8)
        waiting = asyncio.create_task(budget.wait_for(5))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(8, 3)
        await waiting
        assert (budget.charged, budget.held) == (3, 5)
        budget.settle(5, 5)
        with pytest.raises(BudgetSpent, match="is used up"):
            await budget.wait_for(3)

    asyncio.run(run())
