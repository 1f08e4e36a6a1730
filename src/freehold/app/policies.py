"""Policies, as the configuration wants them and as prices, paces and verdicts stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from freehold.core.usage import Usage
from freehold.routing.policies.cascade import Cascade
from freehold.routing.policies.cheapest import Cheapest
from freehold.routing.policies.fastest import Fastest
from freehold.routing.policies.standing import Standing
from freehold.routing.policies.weighted import Weighted

if TYPE_CHECKING:
    from freehold.catalog.prices import PriceList
    from freehold.config.settings import Settings
    from freehold.routing.decisions import Policy
    from freehold.routing.policies.settings import PolicySettings
    from freehold.routing.routes import Route, Target

USUAL = Usage(input_tokens=1500, output_tokens=500, source="counted")
"""What a call is taken to use where the ledger does not know a route's calls."""


class Surveyed:
    """What is known of a route's models beside their prices. Empty: nothing yet."""

    def __init__(
        self,
        proven: frozenset[str] = frozenset(),
        paces: Mapping[str, float] | None = None,
        usage: Usage = USUAL,
    ) -> None:
        """`proven`: models that replace the incumbent. `paces`: milliseconds by model. `usage`: of a usual call."""
        self.proven = proven
        self.paces = dict(paces or {})
        self.usage = usage


def _weighted(_settings: Settings, route: Route, policy: PolicySettings, _known: Surveyed) -> Policy:
    return Weighted(policy.weights, salt=route.name)


def _cheapest(settings: Settings, route: Route, policy: PolicySettings, known: Surveyed) -> Policy:
    return Cheapest(_standings(settings, route, policy, known), unproven=policy.unproven)


def _fastest(settings: Settings, route: Route, policy: PolicySettings, known: Surveyed) -> Policy:
    return Fastest(_standings(settings, route, policy, known), unproven=policy.unproven)


def _cascade(settings: Settings, route: Route, policy: PolicySettings, known: Surveyed) -> Policy | None:
    learned = None
    if policy.confidence == "learned":
        learned = _learned(settings, route, policy, known)
    if policy.confidence is None or (policy.confidence == "learned" and learned is None):
        return None
    return Cascade(policy.models, policy.confidence, policy.threshold, policy.samples, learned=learned)


def _learned(settings: Settings, route: Route, _policy: PolicySettings, _known: Surveyed) -> Policy | None:
    from freehold.app.learned import learned_policy  # noqa: PLC0415 - NumPy is for routes with a router

    return learned_policy(settings, route.name)


MAKERS: dict[str, Callable[[Settings, Route, PolicySettings, Surveyed], Policy | None]] = {
    "weighted": _weighted,
    "cheapest": _cheapest,
    "fastest": _fastest,
    "cascade": _cascade,
    "learned": _learned,
}
"""By kind. None: it cannot be made yet, and the route goes without."""


def make_policies(settings: Settings, surveys: Mapping[str, Surveyed]) -> dict[str, Policy]:
    """The policies of the configuration, by route. `surveys`: what is known, by route."""
    made: dict[str, Policy] = {}
    for name, wanted in settings.policies.items():
        make = MAKERS.get(wanted.kind)
        policy = None
        if make is not None:
            policy = make(settings, settings.routes[name], wanted, surveys.get(name) or Surveyed())
        if policy is not None:
            made[name] = Bringing(policy, wanted.brings) if wanted.brings else policy
    return made


class Bringing:
    """A policy that chooses among models that are not on the route, too."""

    def __init__(self, policy: Policy, brings: tuple[Target, ...]) -> None:
        self.name = policy.name
        self.reads = policy.reads
        self.decide = policy.decide
        self.each_turn = getattr(policy, "each_turn", False)
        self.brings = brings


def _standings(
    settings: Settings, route: Route, policy: PolicySettings, known: Surveyed
) -> dict[str, Standing]:
    prices = settings.price_list()
    chosen_from = (route.incumbent, *(policy.among or route.fallbacks))
    return {
        target.name: Standing(
            target.name,
            proven=target.name in known.proven,
            price=_price(target, prices, settings, known.usage),
            pace=known.paces.get(target.name),
        )
        for target in chosen_from
    }


def _price(target: Target, prices: PriceList, settings: Settings, usage: Usage) -> float | None:
    """US dollars for a million tokens of such calls. Of a pool, that of its dearest provider."""
    from freehold.core.clock import SystemClock, microseconds  # noqa: PLC0415 - few ask

    now_us = microseconds(SystemClock().now())
    tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    found: list[float] = []
    for provider in settings.pools.get(target.provider, (target.provider,)):
        amount = prices.cost_of(provider, target.model, usage, now_us).amount
        if amount is None:
            return None
        found.append(float(amount) / tokens * 1e6)
    return max(found, default=None)
