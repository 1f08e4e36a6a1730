"""What is set aside for one attempt, until it is known what it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from freehold.core.usage import Usage
from freehold.limits.account import MOST, Counter
from freehold.limits.batch import Verdict, Want
from freehold.limits.limit import Limit, Measure
from freehold.limits.money import Tariff, nano_of_pico
from freehold.limits.refusing import Level
from freehold.limits.subject import Worst
from freehold.limits.telling import Headers, headers_for

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

    @property
    def stays(self) -> bool:
        """Whether it is a place among concurrent calls that is the call's, and not the attempt's."""
        return self.measure == "concurrency" and not self.limit.of_target


class Books(Protocol):
    """Who is told of what was set aside."""

    holds: set[Hold]

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


class Terms(msgspec.Struct, frozen=True, gc=False):
    """What was set aside, and on what terms."""

    entries: Sequence[Entry]
    wants: Sequence[Want]
    verdict: Verdict
    worst: Worst
    tariff: Tariff | None
    now_us: int


class Hold:
    """One attempt's. In the event loop's thread."""

    __slots__ = ("_books", "_expired", "_left", "_over", "_terms", "deadline")

    def __init__(self, books: Books, terms: Terms, *, deadline: float) -> None:
        self._books = books
        self._terms = terms
        self._over = self._left = self._expired = False
        self.deadline = deadline
        """In the clock's `tick`."""

    def settle(self, spent: Usage, cost_pico: int | None) -> None:
        """It is over, and this is what it was."""
        if self._over:
            return
        cost = None if cost_pico is None else nano_of_pico(cost_pico)
        guessed = spent.source == "counted"
        if guessed:
            spent = _with_what_was_on_its_way(spent)
            cost = max(cost or 0, self._cost_of(spent) or 0) or None
        elif cost is None:
            cost = self._cost_of(spent)
        told = []
        for entry, want in zip(self._terms.entries, self._terms.wants, strict=True):
            if not entry.stays:
                actual = _actual(entry.measure, want.amount, spent, cost)
                if guessed and actual > want.amount:
                    actual = want.amount  # a guess is never more than the bound it is under
                told.append((want.counter, want.amount, min(actual, MOST)))
        self._end(told)

    def release(self) -> None:
        """It is over, and nothing was spent. The request counts all the same."""
        if not self._over:
            pairs = zip(self._terms.entries, self._terms.wants, strict=True)
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
        if not self._left:
            self._left = True
            places = self._places
            if places:
                self._tell([(want.counter, want.amount, 0) for want in places])
            if self._over:
                self._books.holds.discard(self)

    def expire(self) -> None:
        """Its time is long over and nobody said so: what it set aside is charged, and its places are free."""
        if self._expired:
            return
        self._expired = True
        for entry, want in zip(self._terms.entries, self._terms.wants, strict=True):
            if not (self._left if entry.stays else self._over):
                self._books.expire(want.counter, want.amount)
        self._books.holds.discard(self)

    def headers(self, dialect: str) -> Headers:
        """What the client is told of its limits."""
        terms, books = self._terms, self._books
        levels = [
            Level(entry.limit, entry.measure, want)
            for entry, want in zip(terms.entries, terms.wants, strict=True)
        ]
        return headers_for(dialect, levels, terms.verdict, terms.now_us, alone=books.away, of=books.processes)

    @property
    def _places(self) -> list[Want]:
        return [
            want for entry, want in zip(self._terms.entries, self._terms.wants, strict=True) if entry.stays
        ]

    def _tell(self, told: list[Settled]) -> None:
        (self._books.settle_late if self._expired else self._books.settle)(told)

    def _end(self, told: list[Settled]) -> None:
        self._over = True
        self._tell(told)
        if self._left or not self._places:
            self._books.holds.discard(self)

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


def _actual(measure: Measure, amount: int, spent: Usage, cost: int | None) -> int:
    """What was used; the worst case, `amount`, where that is not known."""
    read, wrote = spent.input_tokens, spent.output_tokens
    match measure:
        case "money":
            return amount if cost is None else cost
        case "tokens":
            return amount if read is None or wrote is None else read + wrote
        case "input_tokens":
            return amount if read is None else read
        case "output_tokens":
            return amount if wrote is None else wrote
        case "requests":
            return 1
        case "concurrency":
            return 0


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
