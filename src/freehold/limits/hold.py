"""What is set aside for one attempt, until it is known what it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from freehold.core.usage import Usage
from freehold.limits.account import MOST, Counter
from freehold.limits.batch import Sum, Want
from freehold.limits.limit import Limit, Measure
from freehold.limits.money import Tariff, nano_of_pico
from freehold.limits.refusing import Level
from freehold.limits.subject import Worst
from freehold.limits.telling import Headers, Notices, headers_for

Settled = tuple[Counter, int, int]
"""Counter, what was held there, what was used."""


ON_ITS_WAY = 32
"""Tokens that a provider may have written beyond those that were counted when a stream is cut; half of what was
counted, where that is more. Never more than was set aside.
"""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One measure of a limit, on somebody."""

    limit: Limit
    measure: Measure
    counter: Counter
    bound: int
    unsaid: int
    """Tokens of an answer whose length the request does not bound."""
    one: Want
    """What is wanted of it where that is always one: calls, and places."""
    stays: bool
    """Whether it is a place among concurrent calls that is the call's, and not the attempt's."""

    @property
    def freed(self) -> Settled:
        """What is told when such a place is free."""
        return self.counter, self.one.amount, 0


class Books(Protocol):
    """Who is told of what was set aside."""

    holds: set[Hold]
    looks: int
    """How often the books were looked at."""

    def sums(self, wants: Sequence[Want]) -> Sequence[Sum]:
        """How the counters stood when they were last looked at."""

    @property
    def away(self) -> bool:
        """Whether this process goes by its share."""

    @property
    def processes(self) -> int:
        """How many share the counters."""

    def settle(self, told: Sequence[Settled]) -> None:
        """It is over."""

    def settle_late(self, told: Sequence[Settled]) -> None:
        """It is over, after it had expired."""

    def expire(self, counter: Counter, amount: int) -> None:
        """It was forgotten."""


class Hold(msgspec.Struct, eq=False, gc=False):
    """One attempt's: what was set aside, and on what terms. In the event loop's thread."""

    books: Books
    entries: Sequence[Entry]
    wants: tuple[Want, ...]
    sums: Sequence[Sum]
    """As the books said; empty where they were not asked."""
    worst: Worst
    tariff: Tariff | None
    now_us: int
    deadline: float
    """In the clock's `tick`."""
    places: Sequence[Settled]
    """What is told when the call is over."""
    notices: Notices | None
    """Those of others of whom the same is wanted; None: there are none."""
    over: bool = False
    left: bool = False
    expired: bool = False

    def settle(self, spent: Usage, cost_pico: int | None) -> None:
        """It is over, and this is what it was."""
        if self.over:
            return
        cost = None if cost_pico is None else nano_of_pico(cost_pico)
        guessed = spent.source == "counted"
        if guessed:
            spent = _with_what_was_on_its_way(spent)
            cost = max(cost or 0, self._cost_of(spent) or 0) or None
        elif cost is None and self.tariff is not None:
            cost = self._cost_of(spent)
        told: list[Settled] = []
        for entry, want in zip(self.entries, self.wants, strict=True):
            if entry.stays:
                continue
            measure, amount = entry.measure, want.amount
            if measure == "requests":
                actual = 1
            elif measure == "money" and cost is not None:
                actual = cost
            else:
                actual = _actual(measure, amount, spent)
            if actual > amount and (guessed or actual > MOST):
                actual = amount if guessed else MOST  # a guess is never more than the bound it is under
            told.append((want.counter, amount, actual))
        self._end(told)

    def release(self) -> None:
        """It is over, and nothing was spent. The request counts all the same."""
        if not self.over:
            pairs = zip(self.entries, self.wants, strict=True)
            self._end(
                [
                    (want.counter, want.amount, 1 if entry.measure == "requests" else 0)
                    for entry, want in pairs
                    if not entry.stays
                ]
            )

    def stay(self, deadline: float) -> None:
        """The call goes on with another attempt, until then at the most."""
        self.deadline = max(self.deadline, deadline)

    def leave(self) -> None:
        """The call is over."""
        if self.left:
            return
        self.left = True
        if self.places:
            self._tell(self.places)
        if self.over:
            self.books.holds.discard(self)

    def expire(self) -> None:
        """Its time is long over and nobody said so: what it set aside is charged, and its places are free."""
        if self.expired:
            return
        self.expired = True
        for entry, want in zip(self.entries, self.wants, strict=True):
            if not (self.left if entry.stays else self.over):
                self.books.expire(want.counter, want.amount)
        self.books.holds.discard(self)

    def headers(self, dialect: str) -> Headers:
        """What the client is told of its limits."""
        books = self.books
        alone = books.away
        notices = None if self.sums or alone else self.notices
        if notices is not None:
            known = notices.find(dialect, books.looks, self.now_us)
            if known is not None:
                return known
        levels = [
            Level(entry.limit, entry.measure, want)
            for entry, want in zip(self.entries, self.wants, strict=True)
        ]
        sums = self.sums or books.sums(self.wants)
        told = headers_for(dialect, levels, sums, self.now_us, alone=alone, of=books.processes)
        if notices is not None:
            notices.keep(dialect, books.looks, self.now_us, told)
        return told

    def _tell(self, told: Sequence[Settled]) -> None:
        if self.expired:
            self.books.settle_late(told)
        else:
            self.books.settle(told)

    def _end(self, told: list[Settled]) -> None:
        self.over = True
        self._tell(told)
        if self.left or not self.places:
            self.books.holds.discard(self)

    def _cost_of(self, spent: Usage) -> int | None:
        """In billionths of a dollar; a count that is not known is taken at its worst."""
        tariff = self.tariff
        if tariff is None:
            return None
        known = tariff.cost_of(spent)
        if known is not None:
            return known
        read = self.worst.input_tokens if spent.input_tokens is None else spent.input_tokens
        return None if spent.output_tokens is None else tariff.worst(read, spent.output_tokens)


def _with_what_was_on_its_way(spent: Usage) -> Usage:
    """An answer that was cut was counted by what had come of it: its provider had written more by then."""
    wrote = spent.output_tokens
    if wrote is None:
        return spent
    return msgspec.structs.replace(spent, output_tokens=wrote + max(ON_ITS_WAY, wrote // 2))


def _actual(measure: Measure, amount: int, spent: Usage) -> int:
    """What was used; the worst case, `amount`, where that is not known, as with money here."""
    if measure == "concurrency":
        return 0
    read, wrote = spent.input_tokens, spent.output_tokens
    if measure == "tokens":
        known = None if read is None or wrote is None else read + wrote
    elif measure == "input_tokens":
        known = read
    else:
        known = wrote if measure == "output_tokens" else None
    return amount if known is None else known


class NoHold:
    """Nothing was set aside: no limit is on this call."""

    def settle(self, spent: Usage, cost_pico: int | None) -> None:
        """Nothing."""

    def release(self) -> None:
        """Nothing."""

    def stay(self, deadline: float) -> None:
        """Nothing."""

    def leave(self) -> None:
        """Nothing."""

    def headers(self, dialect: str) -> Headers:
        """None."""
        return ()


NO_HOLD = NoHold()
