"""The `[pools.NAME]` tables: names that stand for several providers of the same models."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from freehold.catalog.embedded import LOCAL
from freehold.config.problems import Problems
from freehold.config.reading import read_section
from freehold.config.sections import PoolSection
from freehold.config.values import shown
from freehold.core.suggest import did_you_mean, one_of


def read_pools(tables: object, providers: Collection[str], problems: Problems) -> dict[str, tuple[str, ...]]:
    """Providers by the name of their pool. `providers`: every name of one, usable or not."""
    if not isinstance(tables, Mapping):
        problems.error(("pools",), "`pools` must be a table of tables.")
        return {}
    pools: dict[str, tuple[str, ...]] = {}
    for name, table in tables.items():
        key = ("pools", name)
        if name in providers:
            problems.error(key, f"`{name}` is a provider and cannot name a pool.", "Choose another name.")
            continue
        if not name or "/" in name or not name.isprintable() or name != name.strip():
            problems.error(key, f"{shown(name)} cannot name a pool.")
            continue
        section = read_section(PoolSection, table, key, problems)
        if section is None:
            continue
        if not section.providers:
            problems.error(
                (*key, "providers"), f"`pools.{name}.providers` is empty.", "Name at least one provider."
            )
        for place, provider in enumerate(section.providers):
            here = (*key, "providers", place)
            if provider not in providers or provider == LOCAL:
                hint = _who_there_is(provider, {*providers} - {LOCAL})
                problems.error(here, f"`{name}` names an unknown provider: {shown(provider)}.", hint)
            elif provider in section.providers[:place]:
                problems.error(here, f"`{name}` names `{provider}` twice.")
        pools[name] = section.providers
    return pools


def _who_there_is(wanted: str, others: Collection[str]) -> str:
    if not others:
        return "There is none yet: configure it with a table `[providers.NAME]`."
    return did_you_mean(wanted, others) or f"There are {one_of(sorted(others))}."
