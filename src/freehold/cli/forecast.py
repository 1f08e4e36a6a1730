"""`freehold spend --forecast`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from freehold.cli.limits import standings_of
from freehold.cli.output import Column, Listing, fold, say, write_json
from freehold.cli.selection import known_keys
from freehold.core.clock import microseconds
from freehold.core.figures import money, show_moment
from freehold.limits.money import dollars_of
from freehold.limits.overview import is_everybody

if TYPE_CHECKING:
    from decimal import Decimal

    from freehold.config.settings import Settings
    from freehold.limits.foreseeing import Foreseen


def show_forecast(settings: Settings, *, utc: bool, as_json: bool) -> None:
    """What each window will have come to."""
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.limits.shown import show_forecast as show_one  # noqa: PLC0415

    now_us = microseconds(time.time())
    found = freehold.forecasts_of(settings, standings_of(settings), now_us)
    names = {key.id: key.name for key in known_keys(settings)}
    if as_json:
        for one in found:
            write_json(show_one(one, names))
        return
    listing = Listing(
        [
            Column("WINDOW", width=40),
            Column("SPENT", right=True),
            Column("EXPECTED", right=True),
            Column("LOW", right=True, rank=3),
            Column("HIGH", right=True, rank=2),
            Column("OF", right=True),
            Column("ENDS", rank=4),
        ]
    )
    listing.write(
        (
            _name(one, names),
            money(_cents(one.forecast.spent)),
            money(_cents(one.forecast.expected)),
            "-" if one.forecast.low is None else money(_cents(one.forecast.low)),
            "-" if one.forecast.high is None else money(_cents(one.forecast.high)),
            "-" if one.row is None or one.row.bound is None else money(_cents(one.row.bound)),
            show_moment(one.end_us, utc=utc),
        )
        for one in found
    )
    for method in dict.fromkeys(one.forecast.method for one in found):
        say(fold(f"How: {method}."))
    for one in found:
        if one.passes:
            say(fold(f"{_name(one, names)} is expected to be used up before it ends."))


def _cents(nano: int) -> Decimal:
    return dollars_of(nano).quantize(dollars_of(10**5)).normalize()


def _name(one: Foreseen, names: dict[str, str]) -> str:
    if one.row is None:
        return "this month"
    who = one.row.who or ""
    return one.row.limit.name if is_everybody(who) else f"{one.row.limit.name}: {names.get(who, who)}"
