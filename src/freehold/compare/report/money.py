"""What answers cost, who is on the frontier, and what a month at the route's real traffic would save."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from freehold.compare.report.report import Cost, Saving, Traffic

MONTH = 30
"""Days."""


class Sums(msgspec.Struct):
    """What some answers cost."""

    known: int = 0
    unknown: int = 0
    total: Decimal = Decimal(0)

    def add(self, cost: Decimal | None) -> None:
        """One more answer."""
        if cost is None:
            self.unknown += 1
        else:
            self.known += 1
            self.total += cost

    @property
    def each(self) -> Decimal | None:
        """US dollars for an answer; None: none is known."""
        return self.total / self.known if self.known else None


class BothPaid(msgspec.Struct):
    """What pairs cost of which both costs are known, so that the two sums are of the same cases."""

    pairs: int = 0
    incumbent: Decimal = Decimal(0)
    candidate: Decimal = Decimal(0)

    def add(self, incumbent: Decimal | None, candidate: Decimal | None) -> None:
        """One more pair."""
        if incumbent is not None and candidate is not None:
            self.pairs += 1
            self.incumbent += incumbent
            self.candidate += candidate

    @property
    def ratio(self) -> Decimal | None:
        """Dollars of the candidate for each of the incumbent; None: there is nothing to divide by."""
        return self.candidate / self.incumbent if self.incumbent else None


def with_frontier(costs: Sequence[Cost]) -> tuple[Cost, ...]:
    """The same, marked. Who has no known cost or difference is on no frontier."""
    return tuple(msgspec.structs.replace(one, frontier=_is_best(one, costs)) for one in costs)


def _is_best(one: Cost, all_of_them: Sequence[Cost]) -> bool:
    if one.each is None or one.difference is None:
        return False
    return not any(
        other.each <= one.each
        and other.difference >= one.difference
        and (other.each < one.each or other.difference > one.difference)
        for other in all_of_them
        if other.each is not None and other.difference is not None
    )


def saving_of(candidate: str, traffic: Traffic, both: BothPaid) -> Saving | None:
    """None: a cost that it takes is not known, or nothing was paid for the incumbent."""
    if traffic.cost is None or not traffic.calls or both.ratio is None:
        return None
    priced = traffic.calls - traffic.unpriced
    month_calls = traffic.calls * MONTH / traffic.days
    # Calls without a known cost are taken to cost what the others do.
    month_cost = traffic.cost / priced * Decimal(traffic.calls) * MONTH / traffic.days
    then = month_cost * both.ratio
    return Saving(
        candidate=candidate,
        month_calls=month_calls,
        month_cost=month_cost,
        ratio=both.ratio,
        month_cost_then=then,
        saved=month_cost - then,
    )
