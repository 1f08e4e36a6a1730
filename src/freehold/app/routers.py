"""Routers of an installation: made of its evidence, kept in its data folder, and taken up by its routes."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Literal

import msgspec

from freehold.app.learned import check_packages, routers_of
from freehold.core.errors import NotFound, StoreError

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.rollout.routers.evidence import Gathered
    from freehold.rollout.routers.fitting import Missing
    from freehold.rollout.routers.shelf import Shelved
    from freehold.routing.learned.promise import Promise
    from freehold.routing.routes import Route

# ruff: noqa: PLC0415 - no route without a router imports any of it


Live = Literal["shadow", "feedback"]
"""
shadow    copies of calls that rollouts have sent to a candidate, and judged beside the incumbent's answers
feedback  what people said of answers whose model was drawn by lot
"""


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What came of fitting a router."""

    shelved: Shelved | None
    """None: there is not enough evidence."""
    missing: Missing | None = None
    gathered: Gathered
    by_list: bool
    """Whether costs are by the price list, as they are not known of the answers themselves."""


class Faults(msgspec.Struct, frozen=True):
    """What is wrong with a router."""

    shelved: Shelved
    faults: list[str]
    """A sentence each; none: it may be relied on."""


def faults_of(settings: Settings, which: str) -> Faults:
    """What is wrong with a router, by its route or hash. Raises NotFound, BadRequest."""
    from freehold.core.figures import counted
    from freehold.rollout.routers.following import read_watched

    shelf = routers_of(settings)
    shelved = shelf.find(which)
    about, faults = shelved.about, []
    route = settings.routes.get(about.route)
    if route is None:
        faults.append(f"There is no route `{about.route}` any more.")
    elif route.incumbent.name != about.incumbent:
        faults.append(
            f"The route's incumbent is `{route.incumbent.name}`; it was made for `{about.incumbent}`."
        )
    if shelf.all(about.route)[0].hash != shelved.hash:
        faults.append(f"A newer router decides for `{about.route}`.")
    absent = [
        one for one in about.chosen if one.partition("/")[0] not in {*settings.providers, *settings.pools}
    ]
    faults += [f"Nobody is configured who serves `{one}`." for one in absent]
    try:
        shelf.load(shelved)
        watched = read_watched(shelved)
    except StoreError as error:
        return Faults(shelved, [*faults, error.message])
    if watched.alarm_us is not None:
        pairs = counted(watched.alarm_pairs or 0, "pair")
        faults.append(f"Feedback raised the alarm after {pairs}: the incumbent answers.")
    if watched.drift_us is not None:
        faults.append("The route's calls are no longer like those it was certified with.")
    return Faults(shelved, faults)


def fit_router(
    settings: Settings, route: str, promise: Promise, *, suite: str | None, source: Live | None, seed: int = 0
) -> Fit:
    """A router for `route`, of what comparisons over `suite` have found, or of its live calls. Raises NotFound,
    BadRequest, StoreError.
    """
    from freehold.core.clock import SystemClock, microseconds

    check_packages("numpy", "scipy")
    steered = route_called(settings, route)
    if suite is not None:
        gathered, told = _of_suite(settings, steered, suite)
    else:
        gathered, told = _of_calls(settings, steered, source or "feedback")
    from freehold.rollout.routers import fitting

    by_list = _lacks_costs(gathered, steered.incumbent.name)
    wanted = fitting.Wanted(
        route=steered.name,
        incumbent=steered.incumbent.name,
        promise=promise,
        source=told,
        made_us=microseconds(SystemClock().now()),
        seed=seed,
    )
    costs = _listed(settings, gathered, wanted.incumbent) if by_list else _mean(gathered)
    fitted = fitting.fit(gathered.labels, costs, wanted)
    if isinstance(fitted, fitting.Missing):
        return Fit(shelved=None, missing=fitted, gathered=gathered, by_list=by_list)
    shelved = routers_of(settings).keep(fitted.about, fitted.model)
    return Fit(shelved=shelved, gathered=gathered, by_list=by_list)


def _of_suite(settings: Settings, route: Route, suite: str) -> tuple[Gathered, str]:
    from freehold.app.opening import comparisons_of
    from freehold.compare.archive import Archive
    from freehold.compare.suites.shelf import SuiteShelf
    from freehold.rollout.routers.evidence import gather

    with closing(comparisons_of(settings)) as database:
        shelf = SuiteShelf(database)
        found = shelf.find(suite)
        gathered = gather(found, route.incumbent.name, shelf, Archive(database))
    return gathered, f"suite {found.name} ({found.hash[:12]})"


def _of_calls(settings: Settings, route: Route, source: Live) -> tuple[Gathered, str]:
    from freehold.app.opening import history_of, rollouts_of
    from freehold.rollout.archive import Archive
    from freehold.rollout.routers.evidence import Gathered
    from freehold.rollout.routers.recorded import gather_feedback, gather_shadow
    from freehold.rollout.shadow.archive import PairArchive

    history, incumbent = history_of(settings), route.incumbent.name
    if not history.exists:
        return Gathered(), source
    if source == "feedback":
        return gather_feedback(route.name, incumbent, history), "feedback on calls that were drawn by lot"
    with closing(rollouts_of(settings)) as database:
        if not database.exists:
            return Gathered(), source
        gathered = gather_shadow(route.name, incumbent, Archive(database), PairArchive(database), history)
    return gathered, "copies of calls that rollouts in shadow have judged"


def route_called(settings: Settings, name: str) -> Route:
    """The route of this name. Raises NotFound."""
    from freehold.core.suggest import did_you_mean

    found = settings.routes.get(name)
    if found is None:
        hint = did_you_mean(name, settings.routes) or "`freehold routes` lists those there are."
        raise NotFound(f"There is no route `{name}`.", hint=hint)
    return found


# Costs


def _lacks_costs(gathered: Gathered, incumbent: str) -> bool:
    """Whether there is a model of whose answers no cost is known: means are of no use beside prices."""
    models = {name for label in gathered.labels for name in label.differences} | {incumbent}
    return any(name not in gathered.costs for name in models)


def _mean(gathered: Gathered) -> dict[str, float]:
    return {name: float(total / many) for name, (total, many) in gathered.costs.items()}


def _listed(settings: Settings, gathered: Gathered, incumbent: str) -> dict[str, float]:
    """By the price list, for a usual call, of those whose price is known."""
    from freehold.app.policies import USUAL
    from freehold.core.clock import SystemClock, microseconds

    prices, now_us = settings.price_list(), microseconds(SystemClock().now())
    found: dict[str, float] = {}
    for name in {name for label in gathered.labels for name in label.differences} | {incumbent}:
        provider, _, model = name.partition("/")
        amounts = [
            prices.cost_of(one, model, USUAL, now_us).amount
            for one in settings.pools.get(provider, (provider,))
        ]
        known = [float(one) for one in amounts if one is not None]
        if known and len(known) == len(amounts):
            found[name] = max(known)
    return found
