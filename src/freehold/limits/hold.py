"""What is set aside for one attempt, until it is known what it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from freehold.core.usage import Usage
from freehold.limits.account import Counter
from freehold.limits.batch import Verdict
from freehold.limits.limit import Measure
from freehold.limits.money import Tariff, nano_of_pico
from freehold.limits.refusing import Level
from freehold.limits.subject import Worst
from freehold.limits.telling import Headers, headers_for

if TYPE_CHECKING:
    from freehold.limits.clerk import Clerk


ON_ITS_WAY = 32
"""Tokens that a provider may have written beyond those that were counted when a stream is cut; half of what was
counted, where that is more. Never more than was set aside.
"""


class Part(msgspec.Struct, frozen=True, gc=False):
    """Set aside on one counter."""

    measure: Measure
    counter: Counter
    amount: int
    stays: bool
    """Of a place among concurrent calls: it is the call's, and not the attempt's."""


class Terms(msgspec.Struct, frozen=True, gc=False):
    """On what it was set aside."""

    levels: Sequence[Level]
    verdict: Verdict
    worst: Worst
    tariff: Tariff | None
    now_us: int


class Hold:
    """One attempt's. In the event loop's thread."""

    __slots__ = ("_clerk", "_expired", "_over", "_parts", "_place", "_terms", "deadline")

    def __init__(self, clerk: Clerk, parts: Sequence[Part], terms: Terms, *, deadline: float) -> None:
        self._clerk = clerk
        self._parts = [part for part in parts if not (part.measure == "concurrency" and part.stays)]
        self._place = [part for part in parts if part.measure == "concurrency" and part.stays]
        self._terms = terms
        self._over = False
        self._expired = False
        self.deadline = deadline
        """In the clock's `tick`."""

    def settle(self, spent: Usage, cost_pico: int | None) -> None:
        """It is over, and this is what it was."""
        if self._over:
            return
        cost = None if cost_pico is None else nano_of_pico(cost_pico)
        if spent.source == "counted":
            spent = _with_what_was_on_its_way(spent)
            cost = max(cost or 0, self._cost_of(spent) or 0) or None
        elif cost is None:
            cost = self._cost_of(spent)
        for part in self._parts:
            self._tell(part, _actual(part, spent, cost))
        self._end()

    def release(self) -> None:
        """It is over, and nothing was spent. The request counts all the same."""
        if self._over:
            return
        for part in self._parts:
            self._tell(part, 1 if part.measure == "requests" else 0)
        self._end()

    def leave(self) -> None:
        """The call is over."""
        place, self._place = self._place, []
        for part in place:
            self._tell(part, 0)
        self._end_of_all()

    def expire(self) -> None:
        """Its time is long over and nobody said so: what it set aside is charged, and its places are free."""
        if self._expired:
            return
        self._expired = True
        for part in (*(() if self._over else self._parts), *self._place):
            self._clerk.expire(part.counter, part.amount)
        self._clerk.holds.discard(self)

    def headers(self, dialect: str) -> Headers:
        """What the client is told of its limits."""
        terms, clerk = self._terms, self._clerk
        return headers_for(
            dialect, terms.levels, terms.verdict, terms.now_us, alone=clerk.away, of=clerk.processes
        )

    def _tell(self, part: Part, actual: int) -> None:
        tell = self._clerk.settle_late if self._expired else self._clerk.settle
        tell(part.counter, part.amount, actual)

    def _end(self) -> None:
        self._over = True
        self._end_of_all()

    def _end_of_all(self) -> None:
        if self._over and not self._place:
            self._clerk.holds.discard(self)

    def _cost_of(self, spent: Usage) -> int | None:
        """In billionths of a dollar; a count that is not known is taken at its worst."""
        tariff = self._terms.tariff
        if tariff is None:
            return None
        known = tariff.cost_of(spent)
        if known is not None:
            return known
        read = self._terms.worst.input_tokens if spent.input_tokens is None else spent.input_tokens
        return None if spent.output_tokens is None else tariff.worst(read, spent.output_tokens)


def _with_what_was_on_its_way(spent: Usage) -> Usage:
    """An answer that was cut was counted by what had come of it: its provider had written more by then."""
    wrote = spent.output_tokens
    if wrote is None:
        return spent
    return msgspec.structs.replace(spent, output_tokens=wrote + max(ON_ITS_WAY, wrote // 2))


def _actual(part: Part, spent: Usage, cost: int | None) -> int:
    if spent.source == "counted":  # and a guess must not be more than the bound it is under
        return min(part.amount, _reported(part, spent, cost))
    return _reported(part, spent, cost)


def _reported(part: Part, spent: Usage, cost: int | None) -> int:
    read, wrote = spent.input_tokens, spent.output_tokens
    match part.measure:
        case "concurrency":
            return 0
        case "money":
            return part.amount if cost is None else cost
        case "input_tokens":
            return part.amount if read is None else read
        case "output_tokens":
            return part.amount if wrote is None else wrote
        case "tokens":
            return part.amount if read is None or wrote is None else read + wrote
        case "requests":
            return 1


class NoHold:
    """Nothing was set aside: no limit is on this call."""

    def settle(self, spent: Usage, cost_pico: int | None) -> None:
        """Nothing."""

    def release(self) -> None:
        """Nothing."""

    def leave(self) -> None:
        """Nothing."""

    def headers(self, dialect: str) -> Headers:
        """None."""
        return ()


NO_HOLD = NoHold()
