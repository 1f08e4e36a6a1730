"""What a client is told whose call a limit stands in the way of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from freehold.core.clock import as_datetime
from freehold.core.errors import BudgetExhausted, LimitReached, RateLimited
from freehold.core.figures import money
from freehold.limits.account import PLACE, WHOLE
from freehold.limits.batch import Sum, Verdict, Want
from freehold.limits.limit import Limit, Measure
from freehold.limits.money import dollars_of
from freehold.limits.windows import SECOND_US, Sliding

_SOON_S = 1.0
"""After which calls in flight may have given back what they hold."""


class Level(msgspec.Struct, frozen=True, gc=False):
    """One want, and what it is for."""

    limit: Limit
    measure: Measure
    want: Want


class _Hurdle(msgspec.Struct, frozen=True):
    level: Level
    sum: Sum
    spent: bool
    """It would not fit either if nothing were held."""
    until_us: int | None
    """When it fits, if nothing else is used; None: never."""


def refusal(
    levels: Sequence[Level], verdict: Verdict, now_us: int, *, output_tokens: int | None
) -> LimitReached:
    """The error for a call that was not granted: the one hurdle that takes the longest to get over.

    `output_tokens` is what was reckoned with where the request did not say how long the answer may be.
    """
    hurdles = []
    for level, one, slots in zip(levels, verdict.sums, verdict.slots, strict=True):
        want = level.want
        if one.used + want.amount > want.bound:
            spent = one.charged + want.amount > want.bound
            hurdles.append(_Hurdle(level, one, spent, _fits_at(level, one, slots, now_us, spent=spent)))
    hurdle = max(hurdles, key=_weight)
    return _error(hurdle, now_us, output_tokens)


def _weight(hurdle: _Hurdle) -> tuple[bool, float]:
    return _is_budget(hurdle), math.inf if hurdle.until_us is None else hurdle.until_us


def _is_budget(hurdle: _Hurdle) -> bool:
    """Whether it is used up, as opposed to being in use just now."""
    limit, measure = hurdle.level.limit, hurdle.level.measure
    if not hurdle.spent or measure in ("requests", "concurrency"):
        return False
    return measure == "money" or (limit.window is not None and limit.window.long)


def _fits_at(
    level: Level, one: Sum, slots: Sequence[tuple[int, int]], now_us: int, *, spent: bool
) -> int | None:
    want = level.want
    if want.amount > want.bound:
        return None
    counter = want.counter
    if not spent or counter.slot_us == PLACE:
        return now_us + int(_SOON_S * SECOND_US)
    if counter.slot_us == WHOLE:
        return counter.until_us
    window = Sliding(counter.slot_us, counter.slots)
    charged = one.charged
    for slot, amount in sorted(slots):
        charged -= amount
        if charged + want.amount <= want.bound:
            return window.leaves_at(slot)
    return now_us + counter.slot_us * (counter.slots + 1)


def _error(hurdle: _Hurdle, now_us: int, output_tokens: int | None) -> LimitReached:
    level, one = hurdle.level, hurdle.sum
    limit, measure, want = level.limit, level.measure, level.want
    per = f" {limit.window.words}" if limit.window is not None and measure != "concurrency" else ""
    bound, used = _shown(measure, want.bound), _shown(measure, min(one.used, want.bound))
    of = "" if limit.on == "organisation" else f" of this {limit.on}"
    if want.bound == 0:
        message = f"The limit `{limit.name}`{of} allows no {_noun(measure)} at all."
    elif hurdle.until_us is None:
        wanted = _shown(measure, want.amount)
        message = f"This call could take {wanted}, and the limit `{limit.name}`{of} is {bound}{per}."
    elif not hurdle.spent:
        message = f"The limit `{limit.name}`{of}, {bound}{per}, is taken up by calls in flight."
    elif one.charged >= want.bound:
        message = f"The limit `{limit.name}`{of} is used up: {used} of {bound}{per}."
    else:
        left, wanted = _shown(measure, want.bound - one.charged), _shown(measure, want.amount)
        message = (
            f"The limit `{limit.name}`{of} has {left} left of {bound}{per}; this call could take {wanted}."
        )
    hint = None
    if measure in ("money", "tokens", "output_tokens") and want.bound and one.charged < want.bound:
        hint = "Ask for a shorter answer (`max_tokens`), or for less."
        if output_tokens is not None:
            hint = (
                "Say how long the answer may be (`max_tokens`): "
                f"as it is, {output_tokens:,} tokens are reckoned with."
            )
    wait = None if hurdle.until_us is None else max(_SOON_S, (hurdle.until_us - now_us) / SECOND_US)
    kind = BudgetExhausted if _is_budget(hurdle) else RateLimited
    return kind(
        message,
        hint=hint,
        limit=limit.name,
        measure=measure,
        bound=_plain(measure, want.bound),
        used=_plain(measure, one.used),
        until=None if hurdle.until_us is None else _iso(hurdle.until_us),
        retry_after=wait,
    )


def _noun(measure: Measure) -> str:
    return {"concurrency": "concurrent calls", "requests": "calls"}.get(measure, measure.replace("_", " "))


def _shown(measure: Measure, amount: int) -> str:
    if measure == "money":
        return money(dollars_of(amount).normalize())
    return f"{amount:,} {_noun(measure)}"


def _plain(measure: Measure, amount: int) -> str:
    return f"{dollars_of(amount).normalize() + Decimal(0):f}" if measure == "money" else str(amount)


def _iso(us: int) -> str:
    return as_datetime(us).strftime("%Y-%m-%dT%H:%M:%SZ")
