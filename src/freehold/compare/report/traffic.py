"""What a route's incumbent did, by the ledger's sums."""

from __future__ import annotations

import datetime
from decimal import Decimal

from freehold.compare.report.money import MONTH
from freehold.compare.report.report import Traffic
from freehold.core.clock import as_datetime, microseconds
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader


def traffic_of(history: LedgerReader, route: str, model: str, now_us: int) -> Traffic | None:
    """The calls that `model` answered for `route` in up to 30 whole days (UTC) before today; on the first day there is
    only today. None: there were none. Waits. Raises StoreError.
    """
    if not history.exists:
        return None
    today = as_datetime(now_us).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = today - datetime.timedelta(days=MONTH)
    chosen = Filter(route=route, model=model, since_us=microseconds(begin.timestamp()))
    days = {one.name: one for one in history.spend("day", chosen) if one.name is not None and one.calls}
    whole = {name: one for name, one in days.items() if name < f"{today:%Y-%m-%d}"}
    told = (whole or days).values()
    if not told:
        return None
    first = datetime.date.fromisoformat(min(whole or days))
    costs = [one.cost for one in told if one.cost is not None]
    return Traffic(
        route=route,
        model=model,
        days=max(1, (today.date() - first).days),
        calls=sum(one.calls for one in told),
        unpriced=sum(one.unpriced for one in told),
        cost=sum(costs, Decimal(0)) if costs else None,
    )
