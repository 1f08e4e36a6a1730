"""From cells to the value that is told."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from freehold.core.figures import counted, exact
from freehold.core.moments import iso
from freehold.rollout.carrying.landscape import Landscape
from freehold.rollout.independence.action import best_action
from freehold.rollout.independence.cells import Cell
from freehold.rollout.independence.gathering import Gathered
from freehold.rollout.independence.report import ClassPart, Independence, ProviderPart, RoutePart
from freehold.rollout.independence.score import (
    by_calls,
    by_cost,
    concentration_of,
    houses_of,
    independence_of,
    worst_of,
)

LEAST_CALLS = 100
"""Answered calls below which nothing is said."""


def told(
    gathered: Gathered,
    landscape: Landscape,
    *,
    now_us: int,
    since_us: int,
    route: str | None,
    cutover_seconds: float | None = None,
) -> Independence:
    """What was gathered, as a value."""
    cells, calls = gathered.cells, sum(one.calls for one in gathered.answered)
    enough = calls >= LEAST_CALLS
    worst = worst_of(cells) if enough else None
    unpriced = sum(one.unpriced for one in gathered.answered)
    providers = [_provider(house, cells, landscape) for house in houses_of(cells)]
    costs = [Decimal(one.cost) for one in providers if one.cost is not None]
    house = None if worst is None else worst[1]
    return Independence(
        made=iso(now_us),
        since=iso(since_us),
        route=route,
        enough=enough,
        calls=calls,
        least_calls=LEAST_CALLS,
        score=None if worst is None else 100 * worst[0],
        worst=house,
        at_once=min((one.at_once for one in providers), default=None) if enough else None,
        own=_points(independence_of(cells, lambda cell: cell.owned, by_calls)) if enough else None,
        own_now=_points(independence_of(cells, lambda cell: float(cell.own), by_calls)) if enough else None,
        hhi_calls=concentration_of(one.calls_share for one in providers) if enough else None,
        hhi_cost=concentration_of(costs) if enough else None,
        unpriced=unpriced,
        quality_retained=_quality(cells) if enough else None,
        cutover_seconds=cutover_seconds,
        action=best_action(cells, gathered.possible, gathered.parity_of) if enough else None,
        providers=providers if enough else [],
        routes=_routes(cells) if enough else [],
        notes=[*gathered.notes, *_notes(gathered, unpriced)],
    )


def _provider(house: str, cells: Sequence[Cell], landscape: Landscape) -> ProviderPart:
    mine = [one for one in cells if one.house == house]
    total, calls = sum(one.calls for one in cells), sum(one.calls for one in mine)
    costs = [one.cost for one in mine if one.cost is not None]
    paid = sum((one.cost for one in cells if one.cost is not None), Decimal(0))
    cost = sum(costs, Decimal(0)) if costs else None
    others = [name for name in landscape.providers if name != house and landscape.house_of(name) == house]
    return ProviderPart(
        provider=house,
        with_it=others,
        own=all(one.own for one in mine),
        calls=round(calls),
        calls_share=calls / total,
        cost=exact(cost),
        cost_share=None if cost is None or not paid else float(cost / paid),
        independence=_points(independence_of(cells, lambda cell: cell.left(house), by_calls)) or 0.0,
        at_once=_points(independence_of(cells, lambda cell: cell.left_at_once(house), by_calls)) or 0.0,
        by_cost=_points(independence_of(cells, lambda cell: cell.left(house), by_cost)),
    )


def _routes(cells: Sequence[Cell]) -> list[RoutePart]:
    total = sum(one.calls for one in cells)
    parts = []
    for name, operation in dict.fromkeys((one.route, one.operation) for one in cells):
        mine = [one for one in cells if (one.route, one.operation) == (name, operation)]
        calls = sum(one.calls for one in mine)
        worst = worst_of(mine)
        parts.append(
            RoutePart(
                route=name,
                operation=operation,
                calls=round(calls),
                calls_share=calls / total,
                independence=0.0 if worst is None else 100 * worst[0],
                classes=[_class(one, calls) for one in mine],
            )
        )
    return sorted(parts, key=lambda one: (-one.calls_share, one.route, one.operation))


def _class(cell: Cell, calls: float) -> ClassPart:
    best = cell.best(without=cell.house)
    why = cell.note or ("no other provider has a model for it" if best is None else best.why_not)
    if best is not None and best.strength == 0:
        why = cell.note or best.why_not or "no verdict"
    return ClassPart(
        task_class=cell.task_class,
        model=cell.model,
        provider=cell.house,
        calls_share=cell.calls / calls if calls else 0.0,
        replaceable=cell.left(cell.house),
        best=best,
        why_not=why,
    )


def _quality(cells: Sequence[Cell]) -> float | None:
    """The least that is kept where something would take over; None: that is not known of each."""
    ways = [one.best(without=one.house) for one in cells]
    counting = [one for one in ways if one is not None and one.strength > 0 and one.proof != "incumbent"]
    known = [one.quality_low for one in counting if one.quality_low is not None]
    return min(known) if known and len(known) == len(counting) else None


def _notes(gathered: Gathered, unpriced: int) -> list[str]:
    notes = []
    if unpriced:
        notes.append(f"{counted(unpriced, 'call')} of unknown cost weigh nothing in what is told by money.")
    embedded = sum(one.calls for one in gathered.answered if one.operation == "embeddings")
    if embedded:
        notes.append(
            f"{counted(embedded, 'call')} for embeddings count as not replaceable: their vectors are their model's."
        )
    return notes


def _points(share: float | None) -> float | None:
    return None if share is None else 100 * share


__all__ = ["LEAST_CALLS", "told"]
