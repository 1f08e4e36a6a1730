"""Shares of a budget: what one call may cost, handed out by whoever holds all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from freehold.compare.budget import Budget, BudgetedLimits, Tariffs
from freehold.core.errors import BudgetExhausted
from freehold.engine.limiting import Hold, Limits, Subject, Worst
from freehold.limits.money import dollars_of
from freehold.routing.routes import Target


class ShareLimits:
    """What a station's engine asks before each attempt: the share of the call under way, then the owner's limits."""

    def __init__(self, limits: Limits | None, tariffs: Tariffs, *, unpriced: bool) -> None:
        self._limits = limits
        self._tariffs = tariffs
        self._unpriced = unpriced
        self._share: ContextVar[BudgetedLimits] = ContextVar("share")

    @contextmanager
    def share(self, amount: int) -> Iterator[tuple[Budget, BudgetedLimits]]:
        """For one call, in this context: `amount` billionths of a US dollar and no more."""
        budget = Budget(dollars_of(amount))
        limits = BudgetedLimits(self._limits, budget, self._tariffs, unpriced=self._unpriced)
        before = self._share.set(limits)
        try:
            yield budget, limits
        finally:
            self._share.reset(before)

    def take(
        self, who: Subject, target: Target, worst: Worst, *, first: bool, deadline: float
    ) -> Hold | None:
        """None: it has to be reserved."""
        return None

    async def reserve(
        self, who: Subject, target: Target, worst: Worst, *, first: bool, deadline: float
    ) -> Hold:
        """As `engine.limiting.Limits` says. What has no share is not asked."""
        limits = self._share.get(None)
        if limits is None:
            raise BudgetExhausted(
                "This call has no share of the budget.",
                limit="budget of the comparison",
                measure="money",
                bound="0",
                used="0",
                until=None,
                retry_after=None,
            )
        return await limits.reserve(who, target, worst, first=first, deadline=deadline)
