"""Limits and how they stand, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from freehold.limits.account import PLACE, WHOLE
from freehold.limits.batch import Standing
from freehold.limits.keeper import span_of
from freehold.limits.limit import EVERYBODY, Limit, Measure
from freehold.limits.windows import Calendar, Sliding


class Row(msgspec.Struct, frozen=True):
    """One measure of a limit, on somebody. Money in billionths of a US dollar."""

    limit: Limit
    who: str | None
    """None: nobody has used anything yet."""
    measure: Measure
    bound: int | None
    """None: it is unlimited, or not limited any more."""
    start_us: int | None = None
    """Of a calendar window."""
    used: int = 0
    """Settled, in the window."""
    held: int = 0
    expired: int = 0
    counter: str = ""
    resets_us: int | None = None
    """When a calendar window ends."""
    balanced: bool = True
    """reserved = settled + released + expired + held"""

    @property
    def left(self) -> int | None:
        """What may still be set aside."""
        return None if self.bound is None else max(0, self.bound - self.used - self.expired - self.held)


def overview(
    limits: Iterable[Limit], standings: Sequence[Standing], now_us: int, *, past: bool = False
) -> list[Row]:
    """Every limit in its order, and under it whoever it is on. `past`: windows that are over, too."""
    rows: list[Row] = []
    for limit in limits:
        current = span_of(limit, now_us).start_us if isinstance(limit.window, Calendar) else None
        found = [row for one in standings if (row := _row(limit, one)) is not None]
        if not past:
            found = [row for row in found if row.start_us == current or row.measure == "concurrency"]
        seen = {row.measure for row in found}
        for measure, bound in limit.bounds:
            if measure not in seen:
                found.append(Row(limit, None, measure, bound, current, resets_us=_end(limit, now_us)))
        rows += sorted(found, key=lambda row: (row.start_us or 0, row.who or "", row.measure))
    return rows


def parts_of(counter: str) -> tuple[str, str, int | None, str]:
    """Limit, measure, start of the window and who, out of a counter's name."""
    limit, measure, start, who = counter.split("|", 3)
    return limit, measure, int(start) if start else None, who


def _row(limit: Limit, one: Standing) -> Row | None:
    name, measure, start_us, who = parts_of(one.name)
    if name != limit.name or one.slot_us != _slot_us(limit, measure):
        return None
    bounds = dict(limit.bounds)
    bound = next((amount for known, amount in bounds.items() if known == measure), None)
    known = next((known for known in bounds if known == measure), None)
    if known is None:
        return None  # it was limited once
    charged = 0 if one.slot_us == PLACE else one.charged
    expired = 0 if one.slot_us == PLACE else min(one.expired, charged)
    return Row(
        limit=limit,
        who=who,
        measure=known,
        bound=bound,
        start_us=start_us,
        used=charged - expired,
        held=one.held,
        expired=expired,
        counter=one.name,
        resets_us=None if start_us is None else _end(limit, start_us),
        balanced=one.balanced,
    )


def _slot_us(limit: Limit, measure: str) -> int:
    if measure == "concurrency":
        return PLACE
    return limit.window.slot_us if isinstance(limit.window, Sliding) else WHOLE


def _end(limit: Limit, at_us: int) -> int | None:
    return limit.window.span_at(at_us).end_us if isinstance(limit.window, Calendar) else None


def is_everybody(who: str | None) -> bool:
    """Whether it is the organisation's."""
    return who == EVERYBODY
