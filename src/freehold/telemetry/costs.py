"""What each attempt of a call cost, as the ledger reckons it."""

from __future__ import annotations

from decimal import Decimal

from freehold.catalog.prices import Pricer
from freehold.ledger.record import Call

NOTHING = Decimal(0)


def costs_of(call: Call, pricer: Pricer) -> list[Decimal | None]:
    """In US dollars, one for each attempt; None: not known."""
    if call.operation == "count":
        return [NOTHING] * len(call.attempts)
    costs: list[Decimal | None] = []
    for attempt in call.attempts:
        if attempt.usage.source == "unknown":
            costs.append(None if attempt.may_be_billed else NOTHING)
        else:
            cost = pricer.cost_of(attempt.provider, attempt.model, attempt.usage, call.started_us)
            costs.append(cost.amount)
    return costs


def sum_of(costs: list[Decimal | None]) -> Decimal | None:
    """All together; not known as soon as one of them is not."""
    if len(costs) == 1:
        return costs[0]
    total = NOTHING
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total
