"""The `[limits.NAME]` tables into limits, and the address in `[shared]`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal

from freehold.config.problems import Problems
from freehold.config.reading import UNLIMITED, read_section
from freehold.config.sections import LimitSection
from freehold.config.source import Key, written
from freehold.config.values import shown
from freehold.core.suggest import did_you_mean
from freehold.limits.limit import MEASURES, Limit, Measure
from freehold.limits.money import MOST_DOLLARS, nano_of
from freehold.limits.windows import SLIDING, Calendar, Window, zone_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MOST = 10**15
"""Of tokens and calls in one window: beyond it, sums would not be exact everywhere."""


def read_limits(
    tables: object, routes: Collection[str], providers: Collection[str], problems: Problems
) -> dict[str, Limit]:
    """The limits by name. `routes` and `providers`: every name of one."""
    if not isinstance(tables, Mapping):
        problems.error(("limits",), "`limits` must be a table of tables.")
        return {}
    limits = {}
    for name, table in tables.items():
        key: Key = ("limits", name)
        if not _NAME.fullmatch(name):
            problems.error(
                key,
                f"{shown(name)} cannot name a limit.",
                "Use letters, digits, dots, dashes and underscores.",
            )
            continue
        section = read_section(LimitSection, table, key, problems)
        if section is not None:
            limits[name] = _limit(name, section, key, problems)
            _check_only(section, key, routes, providers, problems)
    return limits


def _limit(name: str, section: LimitSection, key: Key, problems: Problems) -> Limit:
    bounds = [
        (measure, bound)
        for measure in MEASURES
        if (bound := _bound(measure, getattr(section, measure), key, problems)) is not None
    ]
    if all(getattr(section, measure) is None for measure in MEASURES) and not problems.wrong(key):
        problems.error(
            key,
            f"`{written(key)}` limits nothing.",
            f"Give it one of {', '.join(f'`{one}`' for one in MEASURES)}.",
        )
    counted = [measure for measure in MEASURES if measure != "concurrency"]
    window = _window(section, key, problems)
    if window is None and any(getattr(section, measure) is not None for measure in counted):
        if section.per is None:
            problems.error(
                (*key, "per"),
                f"`{written(key)}` does not say over which time it counts.",
                'Say it: `per = "day"`, or `per = "last 60 seconds"`.',
            )
        bounds = [one for one in bounds if one[0] == "concurrency"]
    return Limit(
        name=name,
        on=section.on,
        bounds=tuple(bounds),
        window=window,
        only=frozenset(section.only),
        allow_unpriced=section.allow_unpriced,
        output_when_unsaid=section.output_when_unsaid,
    )


def _bound(measure: Measure, value: object, key: Key, problems: Problems) -> int | None:
    here = (*key, measure)
    if value is None or value == UNLIMITED:
        return None
    if isinstance(value, Decimal):
        if value.is_infinite():
            return None
        if value > MOST_DOLLARS:
            problems.error(
                here,
                f"`{written(here)}` is more than can be counted exactly: {MOST_DOLLARS:,} US dollars.",
                f'If there is no limit, write "{UNLIMITED}".',
            )
        return nano_of(value)
    assert isinstance(value, int)
    if value > _MOST:
        problems.error(
            here, f"`{written(here)}` is too large.", f'If there is no limit, write "{UNLIMITED}".'
        )
    return value


def _window(section: LimitSection, key: Key, problems: Problems) -> Window | None:
    try:
        zone_of(section.zone)
    except LookupError:
        problems.error(
            (*key, "zone"),
            f"{shown(section.zone)} is not a time zone that this machine knows.",
            "Write it as `Europe/Berlin`; Debian has the zones in the package `tzdata`.",
        )
        return None
    if section.per is None:
        return None
    sliding = SLIDING.get(section.per)
    if sliding is not None:
        return sliding
    assert section.per in ("hour", "day", "week", "month")
    return Calendar(section.per, section.zone)


def _check_only(
    section: LimitSection, key: Key, routes: Collection[str], providers: Collection[str], problems: Problems
) -> None:
    if section.on == "organisation" and section.only:
        problems.error(
            (*key, "only"), "There is one organisation, and the limit is on it.", "Leave out `only`."
        )
    known = {"route": routes, "provider": providers}.get(section.on)
    for place, name in enumerate(section.only):
        here = (*key, "only", place)
        if section.on == "model" and name.partition("/")[0] not in providers:
            problems.error(here, f"{shown(name)} is not a model of a provider of this file.")
        elif known is not None and name not in known and not (section.on == "route" and "/" in name):
            problems.error(here, f"There is no {section.on} {shown(name)}.", did_you_mean(name, known))
