"""What the engine asks of limits: something set aside before each attempt, and told afterwards what it was.

    terms = who, target, worst
    hold = limits.take(*terms, first=True, deadline=tick() + 660)
    if hold is None:
        hold = await limits.reserve(*terms, first=True, deadline=tick() + 660)
    …the attempt…
    hold.settle(usage, cost_pico)    or, when nothing can have been billed,    hold.release()
    …the end of the whole call…
    first_hold.leave()

One hold for each attempt, taken before its request is sent; hedges and continuations too. Every hold is settled or
released exactly when its attempt is over, whatever became of it. `first` is true until a reserve of the call was
granted: only that one counts the request, and takes the call's place among the concurrent ones, which `leave` gives
back. Without configured limits there is no such object, and nothing is paid.
"""

from __future__ import annotations

from typing import Protocol

from freehold.core.usage import Usage
from freehold.limits.subject import Subject, Worst
from freehold.routing.routes import Target

__all__ = ["Hold", "Limits", "Subject", "Worst"]

Headers = tuple[tuple[bytes, bytes], ...]


class Hold(Protocol):
    """What is set aside for one attempt. No method blocks or raises; each may be called again without effect."""

    def settle(self, spent: Usage, cost_pico: int | None) -> None:
        """What it really was. A count that is None is charged at its worst; a cost (1e-12 dollars) that is None is
        reckoned from the usage, and charged at its worst where that does not say enough.
        """

    def release(self) -> None:
        """Nothing was spent: the request was not sent, or refused."""

    def stay(self, deadline: float) -> None:
        """The call goes on with another attempt, until then at the most."""

    def leave(self) -> None:
        """The call as a whole is over."""

    def headers(self, dialect: str) -> Headers:
        """What the client is told of its limits, in the words of its dialect."""


class Limits(Protocol):
    """Every limit there is."""

    def take(
        self, who: Subject, target: Target, worst: Worst, *, first: bool, deadline: float
    ) -> Hold | None:
        """As `reserve`, where this process can answer by itself; None: it cannot, and has to `reserve`."""

    async def reserve(
        self, who: Subject, target: Target, worst: Worst, *, first: bool, deadline: float
    ) -> Hold:
        """Set the worst case aside on every level at once, or raise RateLimited, BudgetExhausted or Forbidden (a model
        without a price under a limit in money); then nothing is set aside.

        `deadline`, in the clock's `tick`: by then the attempt is over; what is not settled is charged.
        """
