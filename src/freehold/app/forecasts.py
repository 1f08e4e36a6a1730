"""What limits and this month will have come to, of what the ledger has of the days before."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from freehold.app.opening import has_keys, history_of, keys_of

if TYPE_CHECKING:
    from freehold.access.key import Key
    from freehold.config.settings import Settings
    from freehold.ledger.spending import Spend
    from freehold.limits.batch import Standing
    from freehold.limits.foreseeing import Foreseen
    from freehold.limits.limit import On

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs


def forecasts_of(settings: Settings, standings: Sequence[Standing], now_us: int) -> list[Foreseen]:
    """What every limit in money, and this month as a whole, will have come to. Raises StoreError."""
    from freehold.ledger.filters import Filter
    from freehold.limits.forecast import DAYS
    from freehold.limits.foreseeing import foresee
    from freehold.limits.windows import DAY_US

    history = history_of(settings)
    keys: list[Key] = []
    if has_keys(settings):
        with closing(keys_of(settings)) as opened:
            keys = opened.list()
    since_us = now_us - (DAYS + 1) * DAY_US

    def days_of(on: On, who: str | None) -> list[Spend]:
        if not history.exists:
            return []
        if on in ("team", "user"):
            ids = [key.id for key in keys if who == (key.team if on == "team" else key.user)]
            return [day for one in ids for day in history.spend("day", Filter(key_id=one, since_us=since_us))]
        words = {"key": "key_id", "route": "route", "model": "model", "provider": "provider"}
        chosen = Filter(since_us=since_us)
        if on in words:
            chosen = msgspec.structs.replace(chosen, **{words[on]: who})
        return history.spend("day", chosen)

    return foresee(tuple(settings.limits.values()), standings, days_of, now_us)
