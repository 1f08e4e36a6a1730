"""The `[routes.NAME]` tables into routes, and the two that are there without being written."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from freehold.catalog.embedded import CHAT, EMBEDDED, EMBEDDINGS, LOCAL
from freehold.config.problems import Problems
from freehold.config.reading import read_section
from freehold.config.sections import RouteSection
from freehold.config.source import Key, written
from freehold.config.values import shown
from freehold.core.suggest import did_you_mean, one_of
from freehold.providers.presets import preset_names
from freehold.routing.routes import Route, Target

DEFAULT = "default"
EMBED = "embed"


def default_routes() -> dict[str, Route]:
    """What is there when nothing is configured: the embedded models behind two names."""
    return {
        DEFAULT: Route(DEFAULT, Target(LOCAL, CHAT)),
        EMBED: Route(EMBED, Target(LOCAL, EMBEDDINGS)),
    }


def read_routes(tables: object, providers: Collection[str], problems: Problems) -> dict[str, Route]:
    """The routes by name. `providers`: every name that a model may begin with, usable or not."""
    if not isinstance(tables, Mapping):
        problems.error(("routes",), "`routes` must be a table of tables.")
        return {}
    routes = {}
    for name, table in tables.items():
        route = _read(name, table, providers, problems)
        if route is not None:
            routes[name] = route
    return routes


def _read(name: str, table: object, providers: Collection[str], problems: Problems) -> Route | None:
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
    section = read_section(RouteSection, table, key, problems)
    if section is None:
        return None
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


def read_target(text: str, key: Key, providers: Collection[str], problems: Problems) -> Target | None:
    """The model that `provider/name` means; None after a problem has been told."""
    provider, slash, model = text.partition("/")
    if not slash or not provider or not model or text != text.strip():
        hint = "Write it as `provider/name`, such as `openai/gpt-4o` or `local/smollm2-135m`."
        problems.error(key, f"`{written(key)}` must be a model, not {shown(text)}.", hint)
        return None
    if provider not in providers:
        problems.error(key, f"`{text}` is of an unknown provider.", _hint_for(provider, providers))
        return None
    if provider == LOCAL and model not in EMBEDDED:
        hint = did_you_mean(model, EMBEDDED) or f"There are {one_of(EMBEDDED)}."
        problems.error(key, f"`{text}` is not one of the embedded models.", hint)
        return None
    return Target(provider, model)


def _hint_for(provider: str, providers: Collection[str]) -> str:
    if provider == LOCAL:
        return "The embedded models are switched off: `[local] enabled = false`."
    if provider in preset_names():
        return f"Add a table `[providers.{provider}]`; its address is known."
    near = did_you_mean(provider, providers)
    return near or f"Configure it with a table `[providers.{provider}]`."
