"""A comparison's budget: never overrun, whoever is quick."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.compare.budget import Budget
from freehold.compare.halting import BudgetSpent
from freehold.core.errors import StoreError

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


@given(
    st.lists(st.tuples(st.integers(1, 60), st.floats(0, 1), st.integers(0, 4)), min_size=1, max_size=25),
    st.integers(0, 200),
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40),
)
def test_what_is_on_record_covers_what_was_sent_whenever_it_is_killed(
    calls: list[tuple[int, float, int]], bound: int, commits: list[tuple[int, bool]]
) -> None:
    """`commits`: how many turns each takes, and whether one is made unasked before it, as when an answer comes."""

    async def run() -> None:
        budget = Budget(Decimal(bound).scaleb(-9))
        records, sent, script = [0], 0, iter(commits)
        lock = asyncio.Lock()

        async def commit() -> None:
            async with lock:  # one at a time, as there is one who writes
                turns, unasked = next(script, (1, False))
                for _ in range(1 + unasked):
                    owed = budget.promise()
                    records.append(owed)
                    for _ in range(turns):
                        # Killed now, it is either the old one or the new one that is there.
                        assert sent <= min(records[-2:])
                        await asyncio.sleep(0)
                    budget.promised(owed)
                    records[:] = [owed]

        async def call(worst: int, share: float, turns: int) -> None:
            nonlocal sent
            await budget.wait_for(worst)
            sent += worst
            for _ in range(turns):
                assert sent <= min(records)
                await asyncio.sleep(0)
            actual = int(worst * share)
            budget.settle(worst, actual)
            sent += actual - worst

        budget.recorded_by(commit)
        await asyncio.gather(*(call(*one) for one in calls), return_exceptions=True)
        assert budget.held == 0
        assert sent == budget.charged <= bound

    asyncio.run(run())


def test_what_cannot_be_recorded_is_not_spent() -> None:
    async def run() -> None:
        budget = Budget(Decimal("0.000000010"))

        async def fail() -> None:
            raise StoreError("The disk is full.")

        budget.recorded_by(fail)
        with pytest.raises(StoreError):
            await budget.wait_for(4)
        assert budget.owed == 0

    asyncio.run(run())
