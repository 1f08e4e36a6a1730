"""What a configuration would do, and everything about it that deserves a look. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from freehold.catalog import listed
from freehold.catalog.embedded import LOCAL
from freehold.catalog.prices import OWN_MACHINE_ID
from freehold.config.address import is_near, is_own_machine
from freehold.config.load import load
from freehold.config.problems import Finding, InvalidSettingsError
from freehold.config.settings import Settings
from freehold.core.clock import Clock, SystemClock, microseconds
from freehold.core.errors import SettingsError
from freehold.core.suggest import did_you_mean
from freehold.limits.limit import Limit
from freehold.routing.policies.shown import may_choose, tell_policy
from freehold.routing.routes import Route, Target


class TargetPlan(msgspec.Struct, frozen=True):
    """A model on a route, and what its calls would be priced by."""

    model: str
    """`provider/name`."""
    price: str | None
    """The price row; None: cost will be unknown."""
    policy: str | None = None
    """What the route's policy makes of it; None: the route has none."""


class RoutePlan(msgspec.Struct, frozen=True):
    """What would be tried, in order, for a name."""

    name: str
    targets: tuple[TargetPlan, ...]
    """The incumbent, then the fallbacks, then what its policy may choose besides."""
    keep_bodies: bool


class ProviderPlan(msgspec.Struct, frozen=True):
    """Where calls would go, and with which credentials."""

    name: str
    url: str | None
    """None for the embedded models."""
    key: str | None
    """Where the key is from, `env:NAME` or `file:PATH`; None: no key is sent."""
    prices: str | None
    """Its id in the price list, `own-machine`, or None."""
    routes: tuple[str, ...]
    """Routes that name a model of it."""


class Report(msgspec.Struct, frozen=True):
    """The result of a check."""

    path: Path | None
    findings: tuple[Finding, ...]
    settings: Settings | None = None
    """None when there are errors that prevent use."""
    routes: tuple[RoutePlan, ...] = ()
    providers: tuple[ProviderPlan, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the endpoint would start."""
        return not any(finding.level == "error" for finding in self.findings)


def check(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    overrides: Mapping[str, object] | None = None,
    folder: Path | None = None,
    clock: Clock | None = None,
    text: str | None = None,
) -> Report:
    """Everything there is to say about a configuration without asking anybody. Never raises SettingsError.

    `text` is looked at instead of what the file at `path` holds.
    """
    try:
        settings = load(path, environ, overrides=overrides, folder=folder, text=text)
    except InvalidSettingsError as error:
        return Report(path, error.problems)
    except SettingsError as error:
        return Report(path, (Finding("error", error.message, error.hint, error.where),))
    now = microseconds((clock or SystemClock()).now())
    prices = settings.price_list()

    def plan(route: Route, target: Target) -> TargetPlan:
        price = prices.price_of(target.provider, target.model, now)
        policy = settings.policies.get(route.name)
        told = None if policy is None else tell_policy(policy, route, target)
        return TargetPlan(target.name, price.row if price else None, told)

    routes = tuple(
        RoutePlan(
            route.name,
            tuple(plan(route, target) for target in (*route.plan, *_brought(route, settings))),
            route.keep_bodies,
        )
        for route in settings.routes.values()
    )
    providers = tuple(
        ProviderPlan(
            provider.name,
            provider.base_url,
            provider.api_key.source if provider.api_key else None,
            provider.prices,
            tuple(
                route.name
                for route in settings.routes.values()
                if any(target.provider == provider.name for target in route.plan)
            ),
        )
        for provider in settings.providers.values()
    )
    findings = (
        *settings.warnings,
        *_about_place(settings),
        *_about_providers(settings),
        *(finding for route in settings.routes.values() for finding in _about_route(route, settings)),
        *(finding for route in settings.routes.values() for finding in _about_policy(route, settings, now)),
        *_about_memory(settings),
        *_about_prices(routes),
        *_about_limits(settings, routes),
    )
    return Report(path, findings, settings, routes, providers)


def _about_place(settings: Settings) -> list[Finding]:
    found = []
    if not settings.server.loopback:
        found.append(
            Finding(
                "info",
                f"The endpoint can be reached from other machines: it listens on `{settings.server.host}`.",
                "It starts only when there is a key: `freehold keys create NAME`.",
                key="server.host",
            )
        )
    listen = settings.admin.listen
    if listen is not None and not is_own_machine(f"http://{listen}"):
        found.append(
            Finding(
                "info",
                f"The admin API can be reached from other machines: it listens on `{listen}`, without encryption.",
                "Put it behind something that speaks TLS, or let it listen on `127.0.0.1`.",
                key="admin.listen",
            )
        )
    place = settings.data
    while not place.exists() and place != place.parent:
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        closed = f"The folder `{settings.data}` cannot be written: `{place}` is closed to us."
        found.append(Finding("error", closed, key="data"))
    if not settings.routes:
        found.append(
            Finding("warning", "There is no route.", "Add one: `[routes.default]` with an `incumbent`.")
        )
    return found


def _about_providers(settings: Settings) -> list[Finding]:
    found = []
    for provider in settings.providers.values():
        if provider.base_url and provider.api_key is None and not is_near(provider.base_url):
            found.append(
                Finding(
                    "info",
                    f"No key is sent to `{provider.name}`.",
                    f'If it needs one: `api_key = "env:NAME"` in `[providers.{provider.name}]`.',
                    key=f"providers.{provider.name}",
                )
            )
        priced_by = provider.prices
        if priced_by in (None, OWN_MACHINE_ID) or listed.knows_provider(priced_by):
            continue
        found.append(
            Finding(
                "warning",
                f"The price list has no `{priced_by}`: what `{provider.name}` costs will be unknown.",
                did_you_mean(priced_by, listed.provider_ids()),
                key=f"providers.{provider.name}.prices",
            )
        )
    return found


def _about_route(route: Route, settings: Settings) -> list[Finding]:
    key = f"routes.{route.name}"
    found = []
    catalog = settings.catalog()
    profiles = {target.name: catalog.find(target.provider, target.model).profile for target in route.plan}
    for name, profile in profiles.items():
        if profile.deprecated:
            found.append(Finding("warning", f"`{name}` is marked as deprecated by its provider.", key=key))
    operations = [profile.operations for profile in profiles.values() if profile.operations is not None]
    if operations and not frozenset.intersection(*operations):
        found.append(
            Finding("warning", f"The models of the route `{route.name}` do different things.", key=key)
        )
    servers = {target.provider for target in route.plan}
    if len(servers) == 1 and LOCAL not in servers:
        found.append(
            Finding(
                "info",
                f"The route `{route.name}` is lost together with `{route.incumbent.provider}`.",
                "A fallback at another provider lets it survive.",
                key=key,
            )
        )
    return found


def _about_memory(settings: Settings) -> list[Finding]:
    """Replicas that would not know of each other's conversations."""
    if settings.database is None or settings.shared_url is not None or not settings.policies:
        return []
    return [
        Finding(
            "info",
            "If there are several replicas, they will not know which model has answered a conversation at another.",
            "Share that through a server, `[shared]`, or keep each client with one replica.",
            key="shared.url",
        )
    ]


def _brought(route: Route, settings: Settings) -> tuple[Target, ...]:
    policy = settings.policies.get(route.name)
    return () if policy is None else policy.brings


def _about_policy(route: Route, settings: Settings, now_us: int) -> list[Finding]:
    """What keeps a policy from choosing: a router that was not made, and prices that are not known."""
    policy = settings.policies.get(route.name)
    if policy is None:
        return []
    if "learned" in {policy.kind, policy.confidence} and not _has_router(route, settings):
        without = (
            "its incumbent answers all calls" if policy.kind == "learned" else "it goes without its cascade"
        )
        return [
            Finding(
                "warning",
                f"The route `{route.name}` has no router yet, so {without}.",
                f"Make one: `freehold router fit {route.name} --suite SUITE`.",
                key=f"routes.{route.name}.policy",
            )
        ]
    if policy.kind != "cheapest":
        return []
    prices = settings.price_list()
    return [
        Finding(
            "warning",
            f"The price of `{target.name}` is not known, so the policy of the route `{route.name}` never "
            "chooses it.",
            f'State it in `[models."{target.name}"]` with `input` and `output`.',
            key=f"routes.{route.name}.policy",
        )
        for target in (*route.plan, *policy.brings)
        if may_choose(policy, route, target)
        for provider in settings.pools.get(target.provider, (target.provider,))
        if prices.price_of(provider, target.model, now_us) is None
    ]


def _has_router(route: Route, settings: Settings) -> bool:
    try:
        from freehold.rollout.routers.shelf import RouterShelf  # noqa: PLC0415 - NumPy is for routes with a router
    except ImportError:
        return False
    return bool(RouterShelf(settings.data).all(route.name))


def _about_limits(settings: Settings, routes: tuple[RoutePlan, ...]) -> list[Finding]:
    """Models that a limit in money keeps from being called."""
    found = []
    for limit in settings.limits.values():
        if limit.allow_unpriced or not any(measure == "money" for measure, _ in limit.bounds):
            continue
        for route in routes:
            if limit.on == "route" and limit.only and route.name not in limit.only:
                continue
            found += [
                Finding(
                    "warning",
                    f"The limit `{limit.name}` counts money: calls of `{target.model}` on the route "
                    f"`{route.name}` that fall under it will be refused, for its price is not known.",
                    f'State it in `[models."{target.model}"]`, or set `allow_unpriced` in '
                    f"`[limits.{limit.name}]`.",
                    key=f"limits.{limit.name}",
                )
                for target in route.targets
                if target.price is None and _is_on(limit, target.model)
            ]
    return found


def _is_on(limit: Limit, model: str) -> bool:
    if not limit.only or limit.on not in ("model", "provider"):
        return True
    return (model if limit.on == "model" else model.partition("/")[0]) in limit.only


def _about_prices(routes: tuple[RoutePlan, ...]) -> list[Finding]:
    unknown = {target.model for route in routes for target in route.targets if target.price is None}
    return [
        Finding(
            "info",
            f"The price of `{model}` is not known; its calls will have an unknown cost.",
            f'State it in `[models."{model}"]` with `input` and `output`.',
        )
        for model in sorted(unknown)
    ]
