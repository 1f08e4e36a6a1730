"""Who answered what, by the ledger's sums: calls that Freehold makes for itself, and mirrors, are no traffic."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import msgspec

from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.rollout.carrying.sampled import NOT_TRAFFIC

_COUNTED = ("chat", "embeddings")


class Answered(msgspec.Struct, kw_only=True):
    """What one model answered for one route."""

    route: str
    model: str
    """`provider/model`."""
    operation: str
    calls: int = 0
    unpriced: int = 0
    cost: Decimal | None = None
    """US dollars of the others; None: there are none."""
    input_tokens: int = 0
    output_tokens: int = 0
    counted: int = 0
    """Calls whose tokens are known."""


def traffic_of(history: LedgerReader, chosen: Filter) -> list[Answered]:
    """The answered calls that are meant, by route and model. Waits. Raises StoreError."""
    if not history.exists:
        return []
    answered = msgspec.structs.replace(chosen, outcome="answered")
    found: dict[tuple[str, str, str], Answered] = {}
    for one in history.sums(("route", "model", "operation", "key"), answered):
        route, model, operation, key = one.names
        if route is None or model is None or operation not in _COUNTED or (key or "").startswith(NOT_TRAFFIC):
            continue
        place = (route, model, operation)
        into = found.setdefault(place, Answered(route=route, model=model, operation=operation))
        into.calls += one.calls
        into.unpriced += one.unpriced
        into.counted += one.calls - one.uncounted
        into.input_tokens += one.input_tokens
        into.output_tokens += one.output_tokens
        if one.cost is not None:
            into.cost = one.cost if into.cost is None else into.cost + one.cost
    return sorted(found.values(), key=lambda one: (-one.calls, one.route, one.model))


def by_route(answered: list[Answered]) -> dict[tuple[str, str], list[Answered]]:
    """Route and operation -> what its models answered; the busiest route first."""
    found: defaultdict[tuple[str, str], list[Answered]] = defaultdict(list)
    for one in answered:
        found[one.route, one.operation].append(one)
    order = sorted(found, key=lambda place: (-sum(one.calls for one in found[place]), place))
    return {place: found[place] for place in order}
