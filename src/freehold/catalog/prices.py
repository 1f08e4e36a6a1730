"""Prices: which row was valid for a model, and what a call costs by it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Protocol

import msgspec

from freehold.catalog import listed
from freehold.catalog.price import OWN_MACHINE, Price, flat
from freehold.catalog.rates import Rates
from freehold.core.clock import as_datetime
from freehold.core.money import UNKNOWN_COST, Cost
from freehold.core.usage import Usage

OWN_MACHINE_ID = "own-machine"
"""In place of an id in the price list: the provider runs on hardware of the user's own."""

_DAY_US = 86_400_000_000
_MOST_KNOWN = 4096


class Pricer(Protocol):
    """Prices calls. Unknown price or unknown usage gives a Cost whose amount is None."""

    def cost_of(self, provider: str, model: str, usage: Usage, at_us: int) -> Cost:
        """What `usage` cost with `provider/model` (names of the configuration) at that time."""


class ModelPrice(msgspec.Struct, frozen=True):
    """A price row that the user wrote: it comes before any list."""

    rates: Rates
    start: date | None = None
    """First day (UTC) on which it holds; None: always."""


class PriceList:
    """Prices calls: by the user's own rows, else nothing for own machines, else by the public list.

    Knows only the providers it was given. A price is looked up once for each model and day, after
    which a call is priced in a few microseconds. Safe to use from several threads.
    """

    def __init__(
        self,
        *,
        own: Mapping[str, tuple[ModelPrice, ...]],
        lists: Mapping[str, str],
        source: str = "freehold.toml",
    ) -> None:
        """`own`: the user's rows by `provider/model`; `lists`: provider's name -> its id in the price list.

        `source` is what the user's rows are called in a Cost.
        """
        self._own = dict(own)
        self._lists = dict(lists)
        self._source = source
        self._known: dict[tuple[str, str, int], Price | listed.Listing | None] = {}

    def cost_of(self, provider: str, model: str, usage: Usage, at_us: int) -> Cost:
        """What `usage` cost with `provider/model` at that time; unknown is a Cost without amount and row."""
        price = self.price_of(provider, model, at_us)
        return UNKNOWN_COST if price is None else price.cost_of(usage)

    def price_of(self, provider: str, model: str, at_us: int) -> Price | None:
        """The price of a model at a time; None when it is not known."""
        key = (provider, model, at_us // _DAY_US)
        try:
            found = self._known[key]
        except KeyError:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()  # the model's name comes from clients: it must not grow for ever
            found = self._known[key] = self._look_up(provider, model, at_us)
        return found.price_at(at_us) if isinstance(found, listed.Listing) else found

    def _look_up(self, provider: str, model: str, at_us: int) -> Price | listed.Listing | None:
        today = as_datetime(at_us).date()
        name = f"{provider}/{model}"
        valid = [row for row in self._own.get(name, ()) if row.start is None or row.start <= today]
        if valid:
            newest = max(valid, key=lambda row: row.start or date.min)
            start = f" {newest.start.isoformat()}" if newest.start else ""
            return flat(f"{self._source} {name}{start}", newest.rates)
        provider_id = self._lists.get(provider)
        if provider_id is None:
            return None
        if provider_id == OWN_MACHINE_ID:
            return OWN_MACHINE
        listing = listed.find_listing(provider_id, model)
        if listing is None or listing.changes_by_hour:
            return listing
        return listing.price_at(at_us)
