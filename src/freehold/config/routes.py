"""The `[routes.NAME]` tables into routes, and the two that are there without being written."""

from __future__ import annotations

from collections.abc import Mapping

from freehold.catalog.embedded import CHAT, EMBEDDINGS, LOCAL
from freehold.config.policies import read_policy
from freehold.config.problems import Problems
from freehold.config.reading import read_section
from freehold.config.sections import RouteSection
from freehold.config.source import Key
from freehold.config.targets import Known, read_target
from freehold.config.values import shown
from freehold.routing.policies.settings import PolicySettings
from freehold.routing.routes import Route, Target

DEFAULT = "default"
EMBED = "embed"


def default_routes() -> dict[str, Route]:
    """What is there when nothing is configured: the embedded models behind two names."""
    return {
        DEFAULT: Route(DEFAULT, Target(LOCAL, CHAT)),
        EMBED: Route(EMBED, Target(LOCAL, EMBEDDINGS)),
    }


def read_routes(
    tables: object, providers: Known, problems: Problems
) -> tuple[dict[str, Route], dict[str, PolicySettings]]:
    """The routes by name, and the policies of those that have one. `providers`: every name that a model may begin with,
    usable or not.
    """
    routes: dict[str, Route] = {}
    policies: dict[str, PolicySettings] = {}
    if not isinstance(tables, Mapping):
        problems.error(("routes",), "`routes` must be a table of tables.")
        return routes, policies
    for name, table in tables.items():
        section = _section(name, table, problems)
        route = None if section is None else _route(name, section, providers, problems)
        if section is None or route is None:
            continue
        routes[name] = route
        if section.policy is not None:
            policy = read_policy(section.policy, route, providers, problems)
            if policy is not None:
                policies[name] = policy
    return routes, policies


def _section(name: str, table: object, problems: Problems) -> RouteSection | None:
    key: Key = ("routes", name)
    if "/" in name:
        problems.error(
            key,
            f"The route `{name}` could be taken for a model.",
            "A route's name has no slash; a model can be called by its own name without a route.",
        )
        return None
    if not name or not name.isprintable() or name != name.strip():
        problems.error(key, f"{shown(name)} cannot name a route.")
        return None
    return read_section(RouteSection, table, key, problems)


def _route(name: str, section: RouteSection, providers: Known, problems: Problems) -> Route | None:
    key: Key = ("routes", name)
    incumbent = read_target(section.incumbent, (*key, "incumbent"), providers, problems)
    fallbacks = [
        read_target(fallback, (*key, "fallbacks", place), providers, problems)
        for place, fallback in enumerate(section.fallbacks)
    ]
    for place, fallback in enumerate(fallbacks):
        here = (*key, "fallbacks", place)
        if fallback is None:
            continue
        if fallback == incumbent:
            problems.error(here, f"The route `{name}` falls back to its own incumbent `{fallback.name}`.")
        elif fallback in fallbacks[:place]:
            problems.error(here, f"The route `{name}` falls back to `{fallback.name}` twice.")
    if incumbent is None or None in fallbacks:
        return None
    return Route(
        name,
        incumbent,
        tuple(one for one in fallbacks if one),
        section.keep_bodies,
        deadline=section.deadline,
        retries=section.retries,
        hedge_after=section.hedge_after,
        continue_streams=section.continue_streams,
    )
