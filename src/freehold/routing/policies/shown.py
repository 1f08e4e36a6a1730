"""Policies as people and programs see them beside their routes."""

from __future__ import annotations

import msgspec

from freehold.routing.policies.settings import PolicySettings
from freehold.routing.routes import Route, Target


class ShownPolicy(msgspec.Struct, kw_only=True):
    """What chooses the model of each call of a route."""

    kind: str
    models: list[str]
    """What it chooses from, as `provider/model`: the incumbent, fallbacks, and others that the route has not."""
    weights: dict[str, int] | None
    """Of `weighted`: each model's parts of the conversations. Null: it does not go by weights."""
    unproven: bool
    """Whether models without a standing verdict may be chosen."""


def show_policy(policy: PolicySettings, route: Route) -> ShownPolicy:
    """A policy and what it chooses from."""
    models = [*route.plan, *policy.brings]
    return ShownPolicy(
        kind=policy.kind,
        models=[one.name for one in models if may_choose(policy, route, one)],
        weights=dict(policy.weights) if policy.weights else None,
        unproven=policy.unproven,
    )


def may_choose(policy: PolicySettings, route: Route, target: Target) -> bool:
    """Whether the model is one of those that the policy chooses from."""
    if policy.weights:
        return policy.weights.get(target.name, 0) > 0
    return target == route.incumbent or not policy.among or target in policy.among


def tell_policy(policy: PolicySettings, route: Route, target: Target) -> str:
    """What the policy makes of one model of the route, in a word: `weighted 10 %`, `cheapest`, nothing."""
    if not may_choose(policy, route, target):
        return "-"
    if not policy.weights:
        return policy.kind
    share = 100 * policy.weights[target.name] / sum(policy.weights.values())
    return f"{policy.kind} {share:.3g} %"
