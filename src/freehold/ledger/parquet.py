"""Calls as Parquet: one typed column for everything a call has; money as decimals, times as times.

Needs pyarrow, so it is imported only by who exports.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from freehold.core.clock import as_datetime
from freehold.core.usage import Usage
from freehold.ledger.reading import Entry
from freehold.ledger.record import Attempt

_WORD = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("us", tz="UTC")
_MONEY = pa.decimal128(38, 12)
_COUNTS = tuple(name for name in Usage.__struct_fields__ if name != "source")
_ATTEMPT = pa.struct(
    [
        ("provider", pa.string()),
        ("model", pa.string()),
        ("start_us", pa.int64()),
        ("end_us", pa.int64()),
        ("first_us", pa.int64()),
        ("status", pa.int16()),
        ("outcome", pa.string()),
        ("error", pa.string()),
        ("reason", pa.string()),
        ("usage_source", pa.string()),
        *((name, pa.int64()) for name in _COUNTS),
    ]
)
_FEEDBACK = [
    ("at", _TIME),
    ("by", pa.string()),
    ("name", pa.string()),
    ("kind", pa.string()),
    ("number", pa.float64()),
]
_WORDS = [("text", pa.string()), ("correction", pa.string())]
_FIELDS: list[tuple[str, Any]] = [
    ("seq", pa.int64()),
    ("id", pa.string()),
    ("started", _TIME),
    ("operation", _WORD),
    ("dialect", _WORD),
    ("key", _WORD),
    ("route", _WORD),
    ("provider", _WORD),
    ("model", _WORD),
    ("reported_model", _WORD),
    ("streamed", pa.bool_()),
    ("status", pa.int16()),
    ("outcome", _WORD),
    ("error", _WORD),
    ("stop_reason", _WORD),
    *((name, pa.int64()) for name in _COUNTS),
    ("usage_source", _WORD),
    ("raw_usage", pa.string()),
    ("first_token_us", pa.int64()),
    ("duration_us", pa.int64()),
    ("request_bytes", pa.int64()),
    ("answer_bytes", pa.int64()),
    ("attempts", pa.list_(_ATTEMPT)),
    ("losses", pa.list_(pa.string())),
    ("cost", _MONEY),
    ("price", _WORD),
    ("request_digest", pa.string()),
    ("answer_digest", pa.string()),
    ("decision", pa.string()),
    ("mirrors", pa.string()),
]
_BODIES = [("request_body", pa.large_binary()), ("answer_body", pa.large_binary())]


def schema(metadata: dict[str, str], *, bodies: bool) -> Any:
    """The columns. `metadata` is written into the file."""
    said = ("feedback", pa.list_(pa.struct([*_FEEDBACK, *(_WORDS if bodies else ())])))
    return pa.schema([*_FIELDS, said, *(_BODIES if bodies else ())], metadata)


def table_of(entries: Sequence[Entry], schema: Any) -> Any:
    """Calls as a table."""
    rows = [_row(entry) for entry in entries]
    return pa.Table.from_pylist(rows, schema=schema)


def _row(entry: Entry) -> dict[str, object]:
    call, cost = entry.call, entry.cost.amount
    values: dict[str, object] = {name: getattr(call, name, None) for name, _ in (*_FIELDS, *_BODIES)}
    return values | {
        "seq": entry.seq,
        "started": _moment(call.started_us),
        "key": call.key_id,
        **{name: getattr(call.usage, name) for name in _COUNTS},
        "usage_source": call.usage.source,
        "raw_usage": None if call.raw_usage is None else call.raw_usage.decode(errors="replace"),
        "first_token_us": _us(call.first_token_ms),
        "duration_us": _us(call.duration_ms),
        "attempts": [_attempt(one) for one in call.attempts],
        "losses": list(call.losses),
        "cost": cost,
        "price": entry.cost.row,
        "request_digest": entry.request_digest,
        "answer_digest": entry.answer_digest,
        "decision": None if call.decision is None else msgspec.json.encode(call.decision).decode(),
        "feedback": [msgspec.structs.asdict(one) | {"at": _moment(one.at_us)} for one in entry.feedback],
    }


def _attempt(one: Attempt) -> dict[str, object]:
    found = msgspec.structs.asdict(one)
    return found | {
        "start_us": _us(one.start_ms),
        "end_us": _us(one.end_ms),
        "first_us": _us(one.first_ms),
        "usage_source": one.usage.source,
        **{name: getattr(one.usage, name) for name in _COUNTS},
    }


def _us(ms: float | None) -> int | None:
    return None if ms is None else round(ms * 1000)


def _moment(us: int) -> datetime | int:
    try:
        return as_datetime(us)
    except OverflowError:
        return us  # of a clock that was wrong by thousands of years
