"""Sums over calls, read from the roll-ups, or from the calls themselves where those cannot tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, case, func, select

from freehold.core.clock import as_datetime
from freehold.ledger import tables
from freehold.ledger.adding import BEYOND_SENSE, HOUR_US, SPLIT, plus
from freehold.ledger.filters import Filter, Words, where
from freehold.ledger.rows import dollars
from freehold.ledger.spans import Span, Unit
from freehold.ledger.tables import RARE_SUMS, SUMS, calls, kinds

T = TypeVar("T")

By = Literal["route", "provider", "model", "key", "operation", "outcome", "error", "day", "hour"]
COLUMNS = (*SUMS, *RARE_SUMS)
SPENT = ("calls", "priced", "cost_high", "cost_low", "counted", "input_tokens", "output_tokens")
Key = tuple[Any, ...]
Names = tuple[str | None, ...]
Totals = dict[Key, list[int | None]]
"""Numbers of words, days or hours -> sums."""
_TIMES = ("day", "hour")
TABLES = {"hours": tables.hours, "days": tables.days}
_HOURS: dict[Unit | None, int] = {"hours": 1, "days": 24, None: 0}


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """What some calls came to. Of what is counted, None: nobody counted any."""

    names: tuple[str | None, ...]
    """In the order that was asked for: route, provider, `provider/model`, key id, day (`2026-11-22`, UTC), hour
    (`2026-11-22T13`, UTC); None: calls without one."""
    calls: int
    unpriced: int
    """Calls of those whose cost is unknown. They are not part of `cost`."""
    cost: Decimal | None
    """US dollars of the priced calls, exact; None when there is not one."""
    uncounted: int
    """Calls whose tokens are unknown. They are in no sum of tokens."""
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cache_write_1h_tokens: int | None
    reasoning_tokens: int | None
    input_audio_tokens: int | None
    output_audio_tokens: int | None
    input_image_tokens: int | None
    input_video_tokens: int | None
    input_document_tokens: int | None
    output_image_tokens: int | None
    duration_ms: float
    """Of all calls together."""
    streams: int
    """Calls of which the time of the first token is known."""
    first_token_ms: float
    """Of those together."""
    request_bytes: int
    answer_bytes: int


def from_rollups(
    connection: Connection,
    spans: Sequence[Span],
    by: Sequence[By],
    *,
    chosen: Filter,
    columns: Sequence[str],
    into: Totals,
) -> None:
    """Add what the roll-ups say about whole hours and days."""
    for span in spans:
        table = TABLES[span.unit]
        groups = columns_by(by, table, span.unit)
        query = select(*groups, *(func.sum(table.c[name]) for name in columns))
        query = query.select_from(table.join(kinds, kinds.c.id == table.c.kind)).where(*within(table, span))
        query = query.where(*where(connection, chosen, kinds)).group_by(*groups)
        _collect(connection.execute(query), len(groups), into)


def from_calls(
    connection: Connection, by: Sequence[By], chosen: Filter, *, columns: Sequence[str], into: Totals
) -> None:
    """Add what the calls say."""
    groups = columns_by(by, calls, None)
    query = select(*groups, *map(_of_calls, columns)).where(*where(connection, chosen)).group_by(*groups)
    _collect(connection.execute(query), len(groups), into)


def columns_by(by: Sequence[By], table: Table, unit: Unit | None) -> list[ColumnElement[Any]]:
    """What to group by, in a table of roll-ups or, without a unit, in that of calls."""
    return [one for name in by for one in _group(name, table, _HOURS[unit])]


def within(table: Table, span: Span) -> Iterator[ColumnElement[bool]]:
    """The conditions of a span."""
    if span.first is not None:
        yield table.c.start >= span.first
    if span.last is not None:
        yield table.c.start < span.last


def named(found: Mapping[Key, T], by: Sequence[By], words: Words) -> Iterator[tuple[Names, T]]:
    """What was found, with words instead of numbers."""
    for key, values in found.items():
        rest = list(key)
        names: list[str | None] = []
        for name in by:
            if name == "model":
                provider, model = words(rest.pop(0)), words(rest.pop(0))
                names.append(None if provider is None or model is None else f"{provider}/{model}")
            elif name in _TIMES:
                names.append(_moment(name, rest.pop(0)))
            else:
                names.append(words(rest.pop(0)))
        yield tuple(names), values


def sum_of(names: tuple[str | None, ...], values: Sequence[int | None]) -> Sum:
    """A sum of all COLUMNS."""
    found = dict(zip(COLUMNS, values, strict=True))
    total = {name: found[name] or 0 for name in (*SUMS, "streams", "first_token_us")}
    return Sum(
        names=names,
        calls=total["calls"],
        unpriced=total["calls"] - total["priced"],
        cost=dollars(total["cost_high"] * SPLIT + total["cost_low"]) if total["priced"] else None,
        uncounted=total["calls"] - total["counted"],
        duration_ms=total["duration_us"] / 1000,
        streams=total["streams"],
        first_token_ms=total["first_token_us"] / 1000,
        **{name: total[name] for name in ("input_tokens", "output_tokens", "request_bytes", "answer_bytes")},
        **{name: found[name] for name in RARE_SUMS[2:]},  # type: ignore[arg-type]
    )


def _group(by: By, table: Table, hours: int) -> tuple[ColumnElement[Any], ...]:
    """`hours` are those of the table's unit; 0: it is the table of calls."""
    words = calls if not hours else kinds
    match by:
        case "model":
            return words.c.provider, words.c.model
        case "day" | "hour":
            unit = 24 if by == "day" else 1
            if not hours:
                return (calls.c.started_us // (unit * HOUR_US),)
            return (table.c.start,) if hours == unit else (table.c.start // unit,)
        case _:
            return (words.c[by],)


def _of_calls(name: str) -> ColumnElement[Any]:
    found = _COUNTED.get(name)
    return func.sum(_sensible(calls.c[name])) if found is None else found


def _sensible(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((column.between(-BEYOND_SENSE, BEYOND_SENSE), column))


_COUNTED: dict[str, ColumnElement[Any]] = {
    "calls": func.count(),
    "priced": func.count(calls.c.cost_pico),
    "cost_high": func.sum(calls.c.cost_pico // SPLIT),
    "cost_low": func.sum(calls.c.cost_pico % SPLIT),
    "counted": func.count(_sensible(calls.c.input_tokens)),
    "streams": func.count(_sensible(calls.c.first_token_us)),
}
"""What is no plain sum of a column of the same name."""


def _collect(rows: Iterable[Any], groups: int, into: Totals) -> None:
    for row in rows:
        key, values = tuple(row[:groups]), [None if one is None else int(one) for one in row[groups:]]
        if values[0]:  # without groups there is a row even of no calls
            there = into.get(key)
            into[key] = values if there is None else list(map(plus, there, values))


def _moment(unit: str, number: int) -> str:
    if unit == "day":
        return as_datetime(number * 24 * HOUR_US).date().isoformat()
    return as_datetime(number * HOUR_US).strftime("%Y-%m-%dT%H")
