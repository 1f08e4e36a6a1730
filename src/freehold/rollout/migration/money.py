"""What a route costs now and would cost at the target, by the tokens and the prices on record."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from freehold.catalog.price import Price
from freehold.core.usage import Usage
from freehold.ledger.totals import Sum
from freehold.rollout.carrying.landscape import Landscape
from freehold.rollout.migration.report import CostPart, Span
from freehold.routing.routes import Target

MONTH = 30
"""Days."""
PER = 1_000
"""Calls that are told of where a month cannot be."""
_TOKENS = (
    "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "reasoning_tokens", "input_audio_tokens",
    "output_audio_tokens",
)  # fmt: skip


def cost_of(
    sums: Sequence[Sum], target: Target, landscape: Landscape, span: Span | None, *, now_us: int
) -> CostPart | None:
    """`sums` are of the calls that the provider that is left answered, by model. None: there are none."""
    calls = sum(one.calls for one in sums)
    if not calls:
        return None
    priced = [one for one in sums if one.cost is not None]
    unpriced = sum(one.unpriced for one in sums)
    uncounted = sum(one.uncounted for one in sums)
    paid = sum((one.cost for one in priced if one.cost is not None), Decimal(0))
    each = paid / (calls - unpriced) if calls > unpriced else _by_list(sums, landscape, now_us)
    price = landscape.prices.price_of(target.provider, target.model, now_us)
    used = _usage(sums)
    scale = _scale(calls, span)
    known = calls - uncounted
    then = _each(price, _uncached(used), known)
    cached = _each(price, used, known) if used.cache_read_tokens else None
    return CostPart(
        unit="month" if span is not None and span.extrapolates else "1,000 calls",
        calls=scale,
        now=None if each is None else each * _decimal(scale),
        then=None if then is None else then * _decimal(scale),
        then_cached=None if cached is None else cached * _decimal(scale),
        price_now=_rows(sums, landscape, now_us),
        price_then=None if price is None else price.row,
        unpriced=unpriced,
        uncounted=uncounted,
        by_list=calls == unpriced and each is not None,
        note=_note(price, span, used, landscape.is_own(target.provider)),
    )


def _by_list(sums: Sequence[Sum], landscape: Landscape, now_us: int) -> Decimal | None:
    """What a call costs by today's prices, where its cost is not on record; None: a price is not known."""
    total, calls = Decimal(0), 0
    for one in sums:
        provider, _, model = (one.names[0] or "").partition("/")
        known = one.calls - one.uncounted
        each = _each(landscape.prices.price_of(provider, model, now_us), _usage([one]), known)
        if each is None:
            return None
        total, calls = total + each * known, calls + known
    return total / calls


def _usage(sums: Sequence[Sum]) -> Usage:
    """Of all of the calls together whose tokens are known."""
    counts: dict[str, int | None] = {
        name: sum(getattr(one, name) or 0 for one in sums)
        if any(getattr(one, name) is not None for one in sums)
        else None
        for name in _TOKENS
    }
    return Usage(
        input_tokens=sum(one.input_tokens for one in sums),
        output_tokens=sum(one.output_tokens for one in sums),
        source="counted",
        **counts,
    )


def _uncached(used: Usage) -> Usage:
    """The same as if nothing had come from a cache, nor gone there."""
    return msgspec.structs.replace(
        used, cache_read_tokens=None, cache_write_tokens=None, cache_write_1h_tokens=None
    )


def _each(price: Price | None, used: Usage, calls: int) -> Decimal | None:
    """US dollars for a call on average."""
    if price is None or not calls:
        return None
    # The sums of many calls are far above where prices for large ones begin: what holds is the size of one.
    rates = price.steps[0].rates
    for step in price.steps:
        if (used.input_tokens or 0) / calls > step.above:
            rates = step.rates
    alone = msgspec.structs.replace(rates, request=None)
    amount = alone.amount_of(used)
    if amount is None:
        return None
    return amount / calls + (rates.request or 0)


def _scale(calls: int, span: Span | None) -> float:
    if span is None or not span.extrapolates:
        return float(PER)
    return calls * MONTH / span.days


def _rows(sums: Sequence[Sum], landscape: Landscape, now_us: int) -> list[str]:
    rows = []
    for one in sums:
        provider, _, model = (one.names[0] or "").partition("/")
        price = landscape.prices.price_of(provider, model, now_us)
        rows.append(price.row if price is not None else f"no price of {one.names[0]}")
    return list(dict.fromkeys(rows))


def _note(price: Price | None, span: Span | None, used: Usage, own: bool) -> str:
    said = []
    if span is None or not span.extrapolates:
        said.append("The calls on record span less than a day, so nothing is said about a month.")
    else:
        said.append(f"A month of {MONTH} days, from {span.days:.1f} days of calls.")
    if price is None:
        said.append("No price of the target is known.")
    elif own:
        said.append(
            "The target runs on your own machine: no invoice comes for a call, and power and hardware are not in it."
        )
    else:
        said.append(
            "Models count tokens differently: the same text may be some tenths more or fewer at the target."
        )
    if price is not None and price.tiered:
        said.append("The target's price depends on the size of a call; that of an average call was taken.")
    if used.cache_read_tokens:
        share = used.cache_read_tokens / max(1, used.input_tokens or 1)
        said.append(f"{100 * share:.0f} % of what is read comes from a cache now.")
    return " ".join(said)


def _decimal(value: float) -> Decimal:
    return Decimal(str(value))
