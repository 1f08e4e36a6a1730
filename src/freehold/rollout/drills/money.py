"""What it would cost if the provider doubled its prices, and who is cheaper then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from freehold.catalog.prices import PriceList
from freehold.compare.verdict import Decision
from freehold.core.usage import Usage
from freehold.ledger.filters import Filter
from freehold.rollout.drills.quality import Standing
from freehold.routing.routes import Target

if TYPE_CHECKING:
    from freehold.ledger.reading import LedgerReader

MONTH = 30
_MOST_SHOWN = 5


class Instead(msgspec.Struct, frozen=True, kw_only=True):
    """A model that could be asked in place of one that has become dear."""

    model: str
    month: Decimal
    """US dollars for the same tokens at its price."""
    decision: Decision | None
    """What the newest comparison with the dear one found; None: nobody compared them."""


class Dear(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the provider on a route."""

    route: str
    model: str
    calls: int
    """In the time that was looked at."""
    unpriced: int
    month: Decimal | None
    """US dollars that 30 days cost at this traffic; None: no call has a known cost."""
    doubled: Decimal | None
    instead: tuple[Instead, ...]
    """Models that would be cheaper than the doubled price: those that replace it first, then the cheapest."""


class Doubling(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    days: int
    rows: tuple[Dear, ...]
    month: Decimal | None
    """Of what is known."""
    doubled: Decimal | None


def doubling(
    history: LedgerReader,
    lost: Iterable[str],
    models: Sequence[Target],
    prices: PriceList,
    standing: Standing,
    *,
    since_us: int,
    days: int,
    now_us: int,
) -> Doubling:
    """The last `days` days of the providers `lost`, as a month, at twice the price. Waits. Raises StoreError."""
    gone = frozenset(lost)
    others = [one for one in models if one.provider not in gone]
    rows: list[Dear] = []
    for provider in sorted(gone):
        chosen = Filter(provider=provider, operation="chat", since_us=since_us)
        for found in history.sums(("route", "model"), chosen) if history.exists else ():
            route, model = found.names
            priced = found.calls - found.unpriced
            month = (
                None
                if found.cost is None or not priced
                else found.cost / priced * found.calls * MONTH / Decimal(days)
            )
            counted = found.calls - found.uncounted
            tokens = (found.input_tokens, found.output_tokens) if counted else None
            scale = Decimal(found.calls * MONTH) / Decimal(days * counted) if counted else Decimal(0)
            doubled = None if month is None else 2 * month
            rows.append(
                Dear(
                    route=route or "",
                    model=model or "",
                    calls=found.calls,
                    unpriced=found.unpriced,
                    month=month,
                    doubled=doubled,
                    instead=()
                    if doubled is None or tokens is None
                    else _cheaper(
                        model or "", others, prices, standing, tokens, scale, doubled, counted, now_us
                    ),
                )
            )
    known = [row.month for row in rows if row.month is not None]
    month = sum(known, Decimal(0)) if known else None
    return Doubling(
        days=days,
        rows=tuple(sorted(rows, key=lambda row: -(row.month or Decimal(0)))),
        month=month,
        doubled=None if month is None else 2 * month,
    )


def _cheaper(  # noqa: PLR0917
    lost: str,
    others: Sequence[Target],
    prices: PriceList,
    standing: Standing,
    tokens: tuple[int, int],
    scale: Decimal,
    doubled: Decimal,
    counted: int,
    now_us: int,
) -> tuple[Instead, ...]:
    found: list[Instead] = []
    average = Usage(input_tokens=tokens[0] // counted, output_tokens=tokens[1] // counted, source="counted")
    for other in others:
        each = prices.cost_of(other.provider, other.model, average, now_us).amount
        if each is None or (month := each * counted * scale) >= doubled:
            continue
        verdict = standing.get((lost, other.name))
        found.append(
            Instead(model=other.name, month=month, decision=None if verdict is None else verdict.decision)
        )
    found.sort(key=lambda one: (one.decision != "replaces", one.month))
    return tuple(found[:_MOST_SHOWN])
