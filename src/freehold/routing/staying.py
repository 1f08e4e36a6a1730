"""Conversations that hold reasoning state of one of a route's models stay with it: nobody else can read it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from freehold.routing.routes import Route, Target


class Plan(NamedTuple):
    """The models to try for one request, in order."""

    targets: tuple[Target, ...]
    reason: str | None = None
    """Why the first of them is the first, where that is not the route's incumbent: `state`, it made the reasoning
    state in the request."""


def staying_with(route: Route, made_it: Callable[[Target], bool]) -> Plan:
    """The route's plan, beginning with the model that `made_it`. The others take over in their order when it fails."""
    plan = route.plan
    maker = next(filter(made_it, plan), None)
    if maker is None or maker is plan[0]:
        return Plan(plan)
    return Plan((maker, *(target for target in plan if target is not maker)), "state")
