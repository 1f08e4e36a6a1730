"""What the score is made of: pieces of the traffic, and for each the models that could take it over."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Proof = Literal["incumbent", "verdict", "turned round", "none"]
"""
incumbent     it is the route's own incumbent, and another model answers in its place
verdict       a comparison says that it replaces the incumbent
turned round  the incumbent replaced it, and the interval says that it was no better than the margin
none          nothing says so
"""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A model that could take over a piece of the traffic, and how far that is proven."""

    model: str
    house: str
    """Who vanishes with its provider."""
    own: bool = False
    """It runs on hardware of the organisation's own."""
    configured: bool = False
    """It is one of the route's models, so that calls go there without anybody doing anything."""
    proof: Proof = "none"
    sure: float = 0.0
    """1 less the error rate of its verdict; 0: there is none that stands."""
    fresh: float = 1.0
    """What is left of it by its age."""
    parity: float | None = None
    """The share of requests that arrive there whole, at least; None: nobody could look."""
    drilled: float | None = None
    """The share that survives by its rehearsal, at least; None: it was never rehearsed, which takes nothing away."""
    comparison: str | None = None
    age_days: int | None = None
    """Of the evidence: of the verdict or its suite, whichever counts less."""
    quality_low: float | None = None
    """The share of the incumbent's score that it keeps, at least; None: not known."""
    why_not: str = ""
    """Why it counts for nothing, or for less than it could; empty: it counts in full."""

    @property
    def strength(self) -> float:
        """How far it counts, 0 … 1: r of `docs/independence.md`."""
        return self.sure * self.fresh * (self.parity or 0.0) * (1.0 if self.drilled is None else self.drilled)


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the traffic: one class of tasks of a route, as far as one model answered it."""

    route: str
    task_class: str = ""
    """Empty: the route is not known to fall into classes."""
    model: str
    house: str
    own: bool = False
    operation: str = "chat"
    calls: float
    """As many of the calls as the class has a share in them."""
    cost: Decimal | None = None
    """US dollars of them; None: not known."""
    cases: int | None = None
    """Cases of the suite that the share of the class was seen in; None: it is no estimate."""
    ways: tuple[Way, ...] = ()
    note: str = ""
    """Why there is no way at all, where that lies in the traffic itself."""

    def best(self, *, without: str | None = None, own: bool = False) -> Way | None:
        """The way that counts most. `without`: this house is gone. `own`: of own models alone."""
        open_ways = [one for one in self.ways if one.house != without and (one.own or not own)]
        return max(open_ways, key=lambda one: (one.strength, one.configured), default=None)

    def left(self, house: str) -> float:
        """How far it would go on if that house were gone, 0 … 1."""
        if self.house != house:
            return 1.0
        best = self.best(without=house)
        return 0.0 if best is None else best.strength

    def left_at_once(self, house: str) -> float:
        """The same with the models alone that the route has now."""
        if self.house != house:
            return 1.0
        ways = [one.strength for one in self.ways if one.house != house and one.configured]
        return max(ways, default=0.0)

    @property
    def owned(self) -> float:
        """How far it would go on with own models alone, 0 … 1."""
        if self.own:
            return 1.0
        best = self.best(own=True)
        return 0.0 if best is None else best.strength
