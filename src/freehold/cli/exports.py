"""Calls as files: JSON Lines, CSV and, made elsewhere, Parquet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TextIO

import msgspec

from freehold.cli.output import say
from freehold.cli.presentation import as_json
from freehold.cli.waiting import waiting
from freehold.core.figures import counted

if TYPE_CHECKING:
    from freehold.ledger.exporting import Export
    from freehold.ledger.reading import Entry


def writer_for(
    form: Literal["jsonl", "csv"], file: TextIO, key_names: Mapping[str, str], *, bodies: bool
) -> Callable[[Entry], None]:
    """What writes one call after another to `file`. A table gets its header at once."""
    if form == "jsonl":
        encode = msgspec.json.Encoder().encode
        return lambda entry: _write_line(file, encode(as_json(entry, key_names, bodies=bodies)))
    columns = [*_SIMPLE, *_USAGE, *_LISTS, *(("request_body", "answer_body") if bodies else ())]
    table = csv.writer(file, lineterminator="\n")
    table.writerow(columns)
    return lambda entry: table.writerow(_row(as_json(entry, key_names, bodies=bodies), columns))


def export_days(export: Export) -> None:
    """Export days, and say what became of them."""
    written = days = 0
    with waiting("Exporting", sum(export.days().values())) as advance:
        for day in export.run():
            advance(day.calls)
            written, days = written + day.calls * day.written, days + day.written
    say(f"{counted(written, 'call')} of {counted(days, 'day')} exported.")


_SIMPLE = (
    "id", "started", "operation", "dialect", "key", "key_name", "route", "provider", "model", "reported_model",
    "streamed", "status", "outcome", "error", "stop_reason", "cost", "price", "first_token_ms", "duration_ms",
    "request_bytes", "answer_bytes", "request_digest", "answer_digest", "mirrors",
)  # fmt: skip
_USAGE = (
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
    "input_audio_tokens", "output_audio_tokens", "source",
)  # fmt: skip
_LISTS = ("attempts", "losses", "decision", "feedback")


def _write_line(file: TextIO, line: bytes) -> None:
    file.write(line.decode() + "\n")


def _row(value: dict[str, Any], columns: list[str]) -> list[object]:
    """One row. Empty: unknown or absent. What has parts is written as JSON."""
    usage = msgspec.structs.asdict(value["usage"])
    lists = {
        name: None if value[name] is None else msgspec.json.encode(value[name]).decode() for name in _LISTS
    }
    cells: dict[str, object] = {**value, **usage, **lists}
    return [_cell(cells.get(name)) for name in columns]


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
