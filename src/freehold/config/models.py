"""The `[models."provider/name"]` tables: the user's own prices and facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import msgspec

from freehold.catalog.prices import ModelPrice
from freehold.catalog.profile import UNKNOWN_PROFILE, Profile
from freehold.catalog.rates import Rates
from freehold.config.problems import Problems
from freehold.config.reading import read_section
from freehold.config.sections import ModelSection, PriceSection
from freehold.config.source import Key, written
from freehold.config.targets import Known, read_target

_RATES = tuple(field.name for field in msgspec.structs.fields(Rates))
_SUSPICIOUSLY_LOW = Decimal("0.0005")


class Stated(msgspec.Struct, frozen=True):
    """What the user stated about models, by `provider/name`."""

    prices: dict[str, tuple[ModelPrice, ...]]
    facts: dict[str, Profile]


def read_models(tables: object, providers: Known, problems: Problems) -> Stated:
    """The user's prices and facts. `providers`: every name that a model may begin with."""
    stated = Stated({}, {})
    if not isinstance(tables, Mapping):
        problems.error(("models",), "`models` must be a table of tables.")
        return stated
    for name, table in tables.items():
        key: Key = ("models", name)
        target = read_target(name, key, providers, problems)
        section = read_section(ModelSection, table, key, problems)
        if target is None or section is None:
            continue
        prices = _read_prices(section, key, problems)
        if prices:
            stated.prices[name] = prices
        facts = Profile(
            context_window=section.context_window,
            max_output_tokens=section.max_output_tokens,
            input_modalities=section.input_modalities,
            output_modalities=section.output_modalities,
            licence=section.licence,
        )
        if facts != UNKNOWN_PROFILE:
            stated.facts[name] = facts
        if not prices and facts == UNKNOWN_PROFILE and not problems.wrong(key):
            problems.error(key, f"`{written(key)}` states nothing.", "Give it `input` and `output` prices.")
    return stated


def _read_prices(section: ModelSection, key: Key, problems: Problems) -> tuple[ModelPrice, ...]:
    row = _row(section, key, problems)
    if row is not None and section.prices:
        problems.error(
            (*key, "prices"),
            f"`{written(key)}` has a price and a list of `prices`.",
            "Move the price into the list, as a row of its own.",
        )
    rows = [row] if row is not None else []
    starts: set[date | None] = {row.start for row in rows}
    for place, other in enumerate(section.prices):
        here = (*key, "prices", place)
        priced = _row(other, here, problems)
        if priced is None:
            if not problems.wrong(here):
                problems.error(here, f"`{written(here)}` has no price.", "Give it `input` or `output`.")
            continue
        if priced.start in starts:
            problems.error(
                here, f"`{written(key)}` has two prices for the same time.", "Give each its `from`."
            )
        starts.add(priced.start)
        rows.append(priced)
    return tuple(rows)


def _row(section: PriceSection, key: Key, problems: Problems) -> ModelPrice | None:
    rates = Rates(**{name: getattr(section, name) for name in _RATES})
    if rates == Rates():
        if section.start is not None and not problems.wrong(key):
            problems.error((*key, "from"), f"`{written(key)}` has a day but no price.")
        return None
    for name in ("input", "output"):
        rate = getattr(rates, name)
        if rate is not None and 0 < rate < _SUSPICIOUSLY_LOW:
            problems.warn(
                (*key, name),
                f"`{written((*key, name))}` is {rate} US dollars per million tokens, which is very little.",
                f"Was a single token meant? Then write {(rate * 1_000_000).normalize():f}.",
            )
    return ModelPrice(rates, section.start)
