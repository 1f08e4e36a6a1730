"""The budget of one comparison: each attempt's worst case is set aside before it is sent, so it cannot be overrun."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from decimal import Decimal

from freehold.catalog.models import Catalog
from freehold.catalog.price import Price
from freehold.catalog.prices import PriceList
from freehold.compare.halting import BudgetSpent
from freehold.core.clock import Clock, microseconds
from freehold.core.errors import BudgetExhausted, Forbidden
from freehold.core.figures import money
from freehold.core.usage import Usage
from freehold.engine.limiting import Headers, Hold, Limits, Subject, Worst
from freehold.limits.hold import NO_HOLD
from freehold.limits.money import Tariff, dollars_of, nano_of
from freehold.limits.worst import worst_of
from freehold.routing.routes import Target
from freehold.wire.request import Request

NAME = "budget of the comparison"
"""What a refusal calls it; no limit of the owner can be called so."""
OUTPUT_WHEN_UNSAID = 32_768
"""Tokens of an answer that neither the request nor the catalog bounds; limits reckon with as many."""


class Budget:
    """Money for one comparison, in billionths of a US dollar. Of one event loop.

    What is set aside is on record before it can be spent, so that a process that is killed leaves nothing behind that
    the next one does not know of: what was under way counts at its worst.
    """

    def __init__(self, dollars: Decimal | None, charged: int = 0) -> None:
        """`dollars`: None where nothing bounds it, and it is counted all the same. `charged`: what was spent of it
        before, by a run that did not come to its end.
        """
        self.bound = None if dollars is None else nano_of(dollars)
        self.charged = charged
        self.held = 0
        self._on_record = charged
        self._record: Callable[[], Awaitable[None]] | None = None
        self._changed = asyncio.Event()

    async def wait_for(self, amount: int) -> None:
        """Set `amount` aside, as soon as what others hold leaves room for it, and have that recorded.

        Raises BudgetSpent; StoreError: it cannot be recorded.
        """
        while not self.take(amount):
            if not self.held:
                bound = self.bound or 0
                left = money(dollars_of(max(0, bound - self.charged)).normalize())
                raise BudgetSpent(
                    f"The budget of {money(dollars_of(bound).normalize())} is used up: {left} of it are left, and "
                    f"the next call may cost {money(dollars_of(amount).normalize())}.",
                    hint="Go on with a larger one: `--resume ID --budget DOLLARS`.",
                )
            self._changed.clear()
            await self._changed.wait()
        await self.secure(amount)

    async def secure(self, amount: int) -> None:
        """Wait until `amount`, which is set aside, is on record; it is given back if that cannot be: StoreError."""
        if self._record is None or self.bound is None or self.owed <= self._on_record:
            return
        try:
            await self._record()
        except BaseException:
            self.settle(amount, 0)
            raise

    @property
    def owed(self) -> int:
        """What was charged, and what may be yet."""
        return self.charged + self.held

    def recorded_by(self, record: Callable[[], Awaitable[None]]) -> None:
        """`record` puts `owed` on record, and returns when it is there."""
        self._record = record

    def promise(self) -> int:
        """What is being put on record now. Until it is there, only what both records cover is safe."""
        self._on_record = min(self._on_record, self.owed)
        return self.owed

    def promised(self, owed: int) -> None:
        """It is there."""
        self._on_record = owed

    def take(self, amount: int) -> bool:
        """Set `amount` aside, if there is room now."""
        if self.bound is not None and self.owed + amount > self.bound:
            return False
        self.held += amount
        return True

    def settle(self, amount: int, actual: int) -> None:
        """So much was set aside, and so much it was."""
        self.held -= amount
        self.charged += actual
        self._changed.set()


class Tariffs:
    """The most that a call can cost."""

    def __init__(self, prices: PriceList, catalog: Catalog, clock: Clock) -> None:
        self._prices = prices
        self._catalog = catalog
        self._clock = clock
        self._known: dict[int, tuple[Price, Tariff]] = {}

    def of(self, target: Target) -> Tariff | None:
        """The price of a model, made ready to be reckoned with; None when it is not known."""
        price = self._prices.price_of(target.provider, target.model, microseconds(self._clock.now()))
        if price is None:
            return None
        known = self._known.get(id(price))
        if known is None or known[0] is not price:
            known = self._known[id(price)] = price, Tariff(price)
        return known[1]

    def worst(self, target: Target, worst: Worst) -> int | None:
        """The most that one attempt can cost, in billionths of a US dollar; None when no price is known."""
        tariff = self.of(target)
        if tariff is None:
            return None
        profile = self._catalog.find(target.provider, target.model).profile
        unsaid = profile.max_output_tokens or profile.context_window or OUTPUT_WHEN_UNSAID
        wrote = worst.output_tokens
        if wrote is None:
            wrote = unsaid * worst.answers
        elif profile.max_output_tokens is not None:
            wrote = min(wrote, profile.max_output_tokens * worst.answers)
        return tariff.worst(worst.input_tokens, wrote)


class _Ticket:
    """What was set aside for a call before it began; its first attempt takes it over."""

    __slots__ = ("amount",)

    def __init__(self, amount: int) -> None:
        self.amount = amount

    def hand_over(self) -> int:
        amount, self.amount = self.amount, 0
        return amount


_ticket: ContextVar[_Ticket | None] = ContextVar("ticket", default=None)


class BudgetedLimits:
    """A comparison's budget, and then the owner's limits: what the engine asks before each attempt is sent."""

    def __init__(self, limits: Limits | None, budget: Budget, tariffs: Tariffs, *, unpriced: bool) -> None:
        """`unpriced`: models without a known price may be asked, and are not counted."""
        self._limits = limits
        self._budget = budget
        self._tariffs = tariffs
        self._unpriced = unpriced

    @asynccontextmanager
    async def room_for(self, target: Target, request: Request) -> AsyncIterator[None]:
        """Wait until a call can be paid for, and hold that until its first attempt. Raises BudgetSpent."""
        amount = self._tariffs.worst(target, worst_of(request, writes=True))
        if amount is None:
            yield
            return
        await self._budget.wait_for(amount)
        ticket = _Ticket(amount)
        before = _ticket.set(ticket)
        try:
            yield
        finally:
            _ticket.reset(before)
            self._budget.settle(ticket.hand_over(), 0)

    def take(
        self, who: Subject, target: Target, worst: Worst, *, first: bool, deadline: float
    ) -> Hold | None:
        """None: it has to be reserved."""
        return None

    async def reserve(
        self, who: Subject, target: Target, worst: Worst, *, first: bool, deadline: float
    ) -> Hold:
        """As `engine.limiting.Limits` says; raises BudgetExhausted too when there is no room in the budget now."""
        amount = self._tariffs.worst(target, worst)
        if amount is None:
            if not self._unpriced:
                raise unpriced(target)
            amount = 0
        ticket = _ticket.get()
        held = 0 if ticket is None else ticket.hand_over()
        if not self._budget.take(amount - held):
            self._budget.settle(held, 0)
            bound = str(dollars_of(self._budget.bound or 0))
            raise BudgetExhausted(
                "The budget of the comparison is used up.",
                limit=NAME,
                measure="money",
                bound=bound,
                used=str(dollars_of(self._budget.owed)),
                until=None,
                retry_after=None,
            )
        await self._budget.secure(amount)
        below: Hold = NO_HOLD
        if self._limits is not None:
            try:
                taken = self._limits.take(who, target, worst, first=first, deadline=deadline)
                below = taken or await self._limits.reserve(
                    who, target, worst, first=first, deadline=deadline
                )
            except BaseException:
                self._budget.settle(amount, 0)
                raise
        return _BudgetedHold(below, self._budget, amount, self._tariffs.of(target))


class _BudgetedHold:
    """What one attempt holds."""

    __slots__ = ("_amount", "_below", "_budget", "_over", "_tariff")

    def __init__(self, below: Hold, budget: Budget, amount: int, tariff: Tariff | None) -> None:
        self._below = below
        self._budget = budget
        self._amount = amount
        self._tariff = tariff
        self._over = False

    def settle(self, spent: Usage, cost_pico: int | None) -> None:
        self._below.settle(spent, cost_pico)
        cost = None if self._tariff is None else self._tariff.cost_of(spent)
        # What nobody knows is charged at its worst.
        self._end(self._amount if cost is None else cost)

    def release(self) -> None:
        self._below.release()
        self._end(0)

    def stay(self, deadline: float) -> None:
        self._below.stay(deadline)

    def leave(self) -> None:
        self._below.leave()

    def headers(self, dialect: str) -> Headers:
        return self._below.headers(dialect)

    def _end(self, actual: int) -> None:
        if not self._over:
            self._over = True
            self._budget.settle(self._amount, actual)


def unpriced(target: Target) -> Forbidden:
    """Nobody knows what a model costs, and there is a budget."""
    name = f"{target.provider}/{target.model}"
    return Forbidden(
        f"What `{name}` costs is not known, and a budget counts money.",
        hint=f'State it in `[models."{name}"]`, or let it be asked uncounted: `--unpriced`.',
    )
