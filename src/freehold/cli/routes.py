"""`freehold routes`: the names applications call, and what stands behind each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from freehold.cli.options import AsJson, Config
from freehold.cli.output import Column, Listing, say, write_json
from freehold.cli.pricing import show_rates
from freehold.core.clock import microseconds
from freehold.routing.policies.shown import tell_policy

if TYPE_CHECKING:
    from freehold.catalog.prices import PriceList
    from freehold.config.settings import Settings
    from freehold.routing.routes import Route

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def routes(config: Config = None, as_json: AsJson = False) -> None:
    """List the routes: the models behind each name and their prices.

    The incumbent answers, or whom the route's policy chooses; fallbacks take over in their order. Prices are US dollars
    per million tokens.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.routing.shown import show_route  # noqa: PLC0415

    settings = freehold.settings_from(config)
    prices = settings.price_list()
    now_us = microseconds(time.time())
    if as_json:
        for route in settings.routes.values():
            policy = settings.policies.get(route.name)
            write_json(
                show_route(route, lambda one: prices.price_of(one.provider, one.model, now_us), policy)
            )
        return
    if not settings.routes:
        say("There are no routes. Add `[routes.NAME]` with an `incumbent` to freehold.toml.")
        return
    listing = Listing(
        [
            Column("ROUTE", width=32),
            Column("MODEL", width=44),
            Column("ROLE"),
            *([Column("POLICY", rank=4)] if settings.policies else []),
            Column("READ", right=True, rank=5),
            Column("WRITTEN", right=True, rank=5),
            Column("PRICE FROM", width=40, rank=8),
            Column("BODIES", rank=9),
        ]
    )
    listing.write(row for route in settings.routes.values() for row in _rows(route, settings, prices, now_us))


def _rows(route: Route, settings: Settings, prices: PriceList, now_us: int) -> Iterator[tuple[str, ...]]:
    policy = settings.policies.get(route.name)
    brings = () if policy is None else policy.brings
    for place, target in enumerate((*route.plan, *brings)):
        role = "incumbent" if place == 0 else f"fallback {place}"
        told = "" if policy is None else tell_policy(policy, route, target)
        yield (
            route.name if place == 0 else "",
            target.name,
            role if target in route.plan else "by policy",
            *([told] if settings.policies else []),
            *show_rates(prices.price_of(target.provider, target.model, now_us)),
            ("kept" if route.keep_bodies else "not kept") if place == 0 else "",
        )
