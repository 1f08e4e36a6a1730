"""Routes as programs see them: in what commands print with `--json`, and over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from freehold.catalog.price import Price
from freehold.catalog.shown import PricedModel, show_price
from freehold.routing.policies.settings import PolicySettings
from freehold.routing.policies.shown import ShownPolicy, show_policy
from freehold.routing.routes import Route, Target


class ShownRoute(msgspec.Struct, kw_only=True):
    """A name that applications call, and what stands behind it."""

    route: str
    incumbent: PricedModel
    fallbacks: list[PricedModel]
    keep_bodies: bool
    deadline: float | None
    retries: int
    hedge_after: float | None
    continue_streams: bool
    policy: ShownPolicy | None = None
    """Null: the incumbent answers."""


def show_route(
    route: Route, price_of: Callable[[Target], Price | None], policy: PolicySettings | None = None
) -> ShownRoute:
    """A route with the prices of its models, and the policy that it has."""

    def model(target: Target) -> PricedModel:
        return PricedModel(target.name, show_price(price_of(target)))

    return ShownRoute(
        route=route.name,
        incumbent=model(route.incumbent),
        fallbacks=[model(target) for target in route.fallbacks],
        keep_bodies=route.keep_bodies,
        deadline=route.deadline,
        retries=route.retries,
        hedge_after=route.hedge_after,
        continue_streams=route.continue_streams,
        policy=None if policy is None else show_policy(policy, route),
    )
