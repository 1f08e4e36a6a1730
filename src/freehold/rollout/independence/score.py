"""How much of the traffic would go on if a provider vanished. Pure: docs/independence.md has the formulae."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from freehold.rollout.independence.cells import Cell
from freehold.rollout.independence.weights import Z

Left = Callable[[Cell], float]


def independence_of(cells: Sequence[Cell], left: Left, weight: Callable[[Cell], float]) -> float | None:
    """The share of the weight that would go on, at least; None: there is no weight.

    What is not known for sure is which share of a route its classes have: it was seen in a suite. So each route's part
    is lowered by the bound on that.
    """
    total = math.fsum(weight(one) for one in cells)
    if total <= 0:
        return None
    went_on = math.fsum(weight(one) * left(one) for one in cells)
    unsure = math.fsum(_unsure(some, left, weight) for some in _together(cells))
    return max(0.0, (went_on - unsure) / total)


def by_calls(cell: Cell) -> float:
    """Weight by traffic."""
    return cell.calls


def by_cost(cell: Cell) -> float:
    """Weight by money; what nobody knows the cost of weighs nothing."""
    return float(cell.cost or 0)


def houses_of(cells: Iterable[Cell]) -> list[str]:
    """Those that answer calls, the one with the most first."""
    calls: defaultdict[str, float] = defaultdict(float)
    for one in cells:
        calls[one.house] += one.calls
    return sorted(calls, key=lambda house: (-calls[house], house))


def worst_of(cells: Sequence[Cell]) -> tuple[float, str | None] | None:
    """The least independence of any house, and whose loss that is; None: there are no calls.

    Hardware of one's own is nobody to be independent of: where it answers everything, the score is whole.
    """
    rented = {one.house for one in cells if not one.own}
    found: list[tuple[float, str | None]] = []
    for house in houses_of(cells):
        independence = independence_of(cells, _without(house), by_calls)
        if house in rented and independence is not None:
            found.append((independence, house))
    if not found:
        return (1.0, None) if cells else None
    return min(found, key=lambda one: one[0])


def _without(house: str) -> Left:
    return lambda cell: cell.left(house)


def concentration_of(amounts: Iterable[float | Decimal]) -> float | None:
    """The Herfindahl-Hirschman index: the sum of squared shares. 1: all is with one; None: there is nothing."""
    given = [float(one) for one in amounts if one > 0]
    total = math.fsum(given)
    return math.fsum((one / total) ** 2 for one in given) if total else None


def _together(cells: Sequence[Cell]) -> Iterable[Sequence[Cell]]:
    """The classes of one route and model."""
    found: defaultdict[tuple[str, str], list[Cell]] = defaultdict(list)
    for one in cells:
        if one.cases:
            found[one.route, one.model].append(one)
    return found.values()


def _unsure(cells: Sequence[Cell], left: Left, weight: Callable[[Cell], float]) -> float:
    """What a route's part may be less than it looks, as its classes' shares were seen in so many cases alone."""
    total = math.fsum(weight(one) for one in cells)
    cases = cells[0].cases
    if not total or not cases:
        return 0.0
    values = [(weight(one) / total, left(one)) for one in cells]
    mean = math.fsum(share * value for share, value in values)
    variance = math.fsum(share * (value - mean) ** 2 for share, value in values)
    return total * min(mean, Z * math.sqrt(max(0.0, variance) / cases))
