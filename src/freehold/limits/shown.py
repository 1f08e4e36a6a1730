"""Limits as programs see them: in what commands print with `--json`, and over HTTP."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from freehold.core.figures import exact
from freehold.core.moments import Moment, iso
from freehold.limits.foreseeing import Foreseen
from freehold.limits.limit import Measure, On
from freehold.limits.money import dollars_of
from freehold.limits.overview import Row

Amount = str | int
"""US dollars as text, so that no digit is lost; everything else as a number."""


class ShownLimit(msgspec.Struct, kw_only=True):
    """One measure of a limit, on somebody."""

    limit: str
    on: On
    who: str | None
    """Null: nobody has used anything yet; `*`: everybody."""
    who_name: str | None
    measure: Measure
    window_start: Moment | None
    window_end: Moment | None
    used: Amount
    held: Amount
    expired: Amount
    bound: Amount | None
    """Null: unlimited."""
    left: Amount | None
    balanced: bool


class ShownForecast(msgspec.Struct, kw_only=True):
    """What a window will have come to at its end: US dollars."""

    limit: str | None
    """Null: everything, this month."""
    who: str | None
    who_name: str | None
    window_end: Moment
    spent: str
    expected: str
    low: str | None
    high: str | None
    bound: str | None
    method: str


class Released(msgspec.Struct, kw_only=True):
    """What had expired, and is free again."""

    limit: str
    who: str | None
    who_name: str | None
    measure: Measure
    amount: Amount


def show_limit(row: Row, names: Mapping[str, str]) -> ShownLimit:
    """A row; `names`: of keys by their ids."""

    def amount(number: int) -> Amount:
        return _amount(row, number)

    return ShownLimit(
        limit=row.limit.name,
        on=row.limit.on,
        who=row.who,
        who_name=names.get(row.who or ""),
        measure=row.measure,
        window_start=iso(row.start_us),
        window_end=iso(row.resets_us),
        used=amount(row.used),
        held=amount(row.held),
        expired=amount(row.expired),
        bound=None if row.bound is None else amount(row.bound),
        left=None if row.left is None else amount(row.left),
        balanced=row.balanced,
    )


def show_released(row: Row, names: Mapping[str, str]) -> Released:
    """What was released of a row."""
    return Released(
        limit=row.limit.name,
        who=row.who,
        who_name=names.get(row.who or ""),
        measure=row.measure,
        amount=_amount(row, row.expired),
    )


def show_forecast(one: Foreseen, names: Mapping[str, str]) -> ShownForecast:
    """A window that was foreseen."""
    row, foreseen = one.row, one.forecast
    return ShownForecast(
        limit=None if row is None else row.limit.name,
        who=None if row is None else row.who,
        who_name=None if row is None else names.get(row.who or ""),
        window_end=iso(one.end_us),
        spent=_dollars(foreseen.spent),
        expected=_dollars(foreseen.expected),
        low=None if foreseen.low is None else _dollars(foreseen.low),
        high=None if foreseen.high is None else _dollars(foreseen.high),
        bound=None if row is None or row.bound is None else _dollars(row.bound),
        method=foreseen.method,
    )


def _amount(row: Row, number: int) -> Amount:
    return _dollars(number) if row.measure == "money" else number


def _dollars(nano: int) -> str:
    return str(exact(dollars_of(nano)))
