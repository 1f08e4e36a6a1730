"""What is found about independence, as a value: `--json` prints it, and HTTP."""

from __future__ import annotations

import msgspec

from freehold.core.moments import Moment
from freehold.rollout.independence.action import Action
from freehold.rollout.independence.cells import Cell, Way


class ProviderPart(msgspec.Struct, frozen=True, kw_only=True):
    """What the loss of one provider would mean."""

    provider: str
    with_it: list[str] = []
    """Providers that vanish with it: of the same address, quota or pool."""
    own: bool
    calls: int
    calls_share: float
    """Of all calls, 0 … 1."""
    cost: str | None
    """US dollars; null: none is known."""
    cost_share: float | None
    independence: float
    """Points of 100: what would go on if it vanished, at least."""
    at_once: float
    """The same with the models alone that the routes have now."""
    by_cost: float | None
    """The same by money and not by calls; null: no cost is known."""


class ClassPart(msgspec.Struct, frozen=True, kw_only=True):
    """What would take over one class of tasks."""

    task_class: str
    """Empty: the route is not known to fall into classes."""
    model: str
    """Who answers now."""
    provider: str
    calls_share: float
    replaceable: float
    """r: 0 … 1."""
    best: Way | None
    """What would take over; null: nothing is known of that could."""
    why_not: str


class RoutePart(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of a route if the provider that answers it vanished."""

    route: str
    operation: str
    calls: int
    calls_share: float
    independence: float
    """Points of 100, for the worst provider of this route."""
    classes: list[ClassPart]


class Independence(msgspec.Struct, frozen=True, kw_only=True):
    """Everything."""

    made: Moment
    since: Moment
    route: str | None
    """Null: all of the traffic."""
    enough: bool
    """Whether there is traffic enough to say anything."""
    calls: int
    """Answered calls of the time, without those that Freehold made for itself."""
    least_calls: int
    """How many it takes."""
    score: float | None
    """Points of 100: what would go on if the worst provider vanished, at least. Null: not enough traffic."""
    worst: str | None
    """Which provider that is."""
    at_once: float | None
    """What would go on without anybody changing the configuration."""
    own: float | None
    """What would go on with own models alone."""
    own_now: float | None
    """What own models answer now."""
    hhi_calls: float | None
    """Concentration: the sum of the providers' squared shares, 1 where all is with one."""
    hhi_cost: float | None
    """Null: no cost is known."""
    unpriced: int
    """Calls whose cost nobody knows."""
    quality_retained: float | None
    """The least share of its incumbent's score that a model keeps which counts here; null: not known."""
    cutover_seconds: float | None
    """How long the newest finished rollout took to its cutover; null: none was measured."""
    action: Action | None
    providers: list[ProviderPart]
    routes: list[RoutePart]
    notes: list[str]


__all__ = ["Action", "Cell", "ClassPart", "Independence", "ProviderPart", "RoutePart", "Way"]
