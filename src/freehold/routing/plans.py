"""The plan of a call: which models are tried, in which order, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Literal

import msgspec

from freehold.routing.breakers import Breakers, Spot, spots_of
from freehold.routing.quotas import Quotas
from freehold.routing.routes import Route, Target

Reason = Literal[
    "incumbent",
    "policy",
    "escalation",
    "sample",
    "fallback",
    "state",
    "retry",
    "hedge",
    "continuation",
    "repair",
]
"""
incumbent     the route's own model
policy        a policy chose it
escalation    nobody could be sure of what a cheaper model said
sample        the same model again, to see whether it says the same
repair        the same model, whose answer was not in the form that was asked for
fallback      a model that takes over
state         it made the reasoning state in the request, which nobody else can read
retry         the same model once more
hedge         beside another that takes long
continuation  goes on where another broke off
"""


class Step(msgspec.Struct, frozen=True, gc=False):
    """One target of a plan."""

    target: Target
    reason: Reason
    free_at: float
    """The time before which it is not worth a try: its breaker is open, or its quota used up."""
    barred: bool = False
    """Its provider has said how long it wants to be left alone."""


class ProvidersHealth:
    """What is known of the providers' state, and how they hang together. One for the whole process."""

    def __init__(self, chance: Callable[[], float]) -> None:
        """`chance` gives numbers in [0, 1)."""
        self.chance = chance
        self.enabled = True
        """Whether it is heeded: without, everybody is taken to be well."""
        self.breakers = Breakers(chance)
        self.quotas = Quotas()

    def free_at(self, target: Target, quota: str, now: float, tokens: int = 0) -> float:
        """The time from which a try is worth it; `now`: at once."""
        if not self.enabled:
            return now
        free = self.quotas.free_at(quota, now, tokens)
        if self.breakers.idle:
            return free
        return max(free, self.breakers.free_at(spots_of(target.provider, target.model, quota), now))

    def refuse(self, quota: str, wait: float | None, now: float) -> None:
        """The provider said that it answers nothing for `wait` seconds or, with None, just not now."""
        self.quotas.refused(quota, wait, now, self.chance())

    # What replicas tell each other

    def found(self, now: float) -> dict[Spot, float]:
        """Everything that is left alone, and until when."""
        found = self.breakers.open_spots(now)
        for name, until, told in self.quotas.waits(now):
            found["told" if told else "wait", name] = until
        return found

    def heed(self, told: Iterable[tuple[Spot, float]]) -> None:
        """What others found, and until when, in this clock's time."""
        broken = []
        for spot, until in told:
            if spot[0] in ("told", "wait"):
                self.quotas.block(spot[1], until, told=spot[0] == "told")
            else:
                broken.append((spot, until))
        self.breakers.merge(broken)

    def try_again(self, spot: Spot, now: float) -> None:
        """Whoever found it sick does not any more. A wait that was told stays: it is the provider's word."""
        self.breakers.try_now(spot, now)


class Accounts(msgspec.Struct, frozen=True):
    """How providers of the configuration belong together."""

    quotas: Mapping[str, str] = {}
    """Provider -> the quota it is counted against, where that is not its own."""
    pools: Mapping[str, tuple[str, ...]] = {}
    """Names that stand for several providers of the same models: keys or regions, each with its own quota."""

    def quota_of(self, provider: str) -> str:
        """The quota that calls of `provider` are counted against."""
        return self.quotas.get(provider, provider)


def quota_for(target: Target, route: Route, accounts: Accounts) -> str:
    """The quota that a call of `target` is counted against. A model on trial has one of its own, so that being refused
    bars nobody else from the account.
    """
    quota, trial = accounts.quota_of(target.provider), route.on_trial
    if trial is None or target.model != trial.model:
        return quota
    is_it = target.provider in accounts.pools.get(trial.provider, (trial.provider,))
    return f"{quota} {target.model}" if is_it else quota


def first_step(
    route: Route,
    accounts: Accounts,
    health: ProvidersHealth,
    now: float,
    *,
    tokens: int = 0,
    first: Reason = "incumbent",
) -> Step | None:
    """What `plan_for` puts first when the incumbent is well; None when the whole plan has to be made to know.

    It nearly always is, and then nothing has to be known of the others. Not for requests that hold reasoning state.
    """
    target = route.incumbent
    if target.provider in accounts.pools:
        return None
    free = health.free_at(target, quota_for(target, route, accounts), now, tokens)
    return None if free > now else Step(target, first, free)


def plan_for(
    route: Route,
    accounts: Accounts,
    health: ProvidersHealth,
    now: float,
    *,
    tokens: int = 0,
    affinity: str | None = None,
    made_it: Callable[[Target], bool] | None = None,
    first: Reason = "incumbent",
) -> list[Step]:
    """Every model of the route, in the order in which it is to be tried.

    Those that cannot be expected to answer now come last, the soonest free first: they are still better than no
    answer. `tokens`: about how many the request needs. Calls with the same `affinity` (a conversation) go to the
    same account as long as it has room, where the provider may have their beginning in its cache. `made_it`
    says whether a target made the reasoning state that the request holds: it is asked first if it is free, for the
    conversation would lose its reasoning with any other. `first`: why the route's first model is first.
    """
    steps: list[Step] = []
    for place, named in enumerate(route.plan):
        reason: Reason = "fallback" if place else first
        for target in _members(named, accounts, health, now, affinity):
            quota = quota_for(target, route, accounts)
            free = health.free_at(target, quota, now, tokens)
            barred = free > now and health.quotas.is_barred(quota, now)
            why = "state" if made_it is not None and made_it(target) else reason
            steps.append(Step(target, why, free, barred))
    if len(steps) > 1:
        steps.sort(key=lambda step: (step.free_at, step.reason != "state"))  # which keeps the order of equals
    return steps


def _members(
    named: Target, accounts: Accounts, health: ProvidersHealth, now: float, affinity: str | None
) -> list[Target]:
    """The target itself or, for a pool, one target for each of its providers, the preferred first."""
    names = accounts.pools.get(named.provider)
    if names is None:
        return [named]

    def preference(name: str) -> float:
        # Weighted rendezvous hashing (Wang, Ravishankar 2005): each is first as often as it has room.
        room = health.quotas.headroom(accounts.quota_of(name), now)
        draw = health.chance() if affinity is None else _draw(affinity, name)
        return -max(room, 1e-6) / math.log(min(max(draw, 1e-12), 1.0 - 1e-12))

    return [Target(name, named.model) for name in sorted(names, key=preference, reverse=True)]


def _draw(affinity: str, name: str) -> float:
    """A number in [0, 1) that depends on nothing else."""
    digest = blake2b(f"{affinity}\0{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
