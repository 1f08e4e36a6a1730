"""The rows of a file of cases: objects of JSONL, or records of CSV, as fields whose values are JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from freehold.compare.suites.lines import LONGEST, Complain, read_lines
from freehold.compare.suites.problems import LineProblem, kind_of
from freehold.core.errors import BadRequest
from freehold.core.fields import Fields

JSON_CELLS = frozenset(("request", "tools", "response_format", "tool_calls"))
"""Fields whose cells in CSV hold JSON. Every other cell is text, as it stands there."""
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv"}
_DELIMITERS = ",;\t"

_decode = msgspec.json.Decoder(Fields).decode


def read_rows(path: Path, complain: Complain, renamed: Mapping[str, str]) -> Iterator[tuple[int, Fields]]:
    """The fields of each row with the number of the line that it begins at; `renamed`: their names -> ours.

    A row that cannot be read is complained of and left out. Raises BadRequest: it is no such file.
    """
    form = _SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise BadRequest(
            f"What is in `{path.name}` cannot be told by its name.",
            hint="Name it `….jsonl` (one JSON object a line) or `….csv` (a table with a header).",
        )
    rows = _objects(path, complain) if form == "jsonl" else _records(path, complain, renamed)
    for line, fields in rows:
        both = next((ours for theirs, ours in renamed.items() if ours in fields and theirs in fields), None)
        if both is not None:
            complain(line, LineProblem("It is there by our name and by yours.", field=both))
            continue
        yield line, {renamed.get(name, name): value for name, value in fields.items()}


def _objects(path: Path, complain: Complain) -> Iterator[tuple[int, Fields]]:
    for number, text in read_lines(path, complain):
        if not text.strip():
            continue
        try:
            yield number, read_object(text)
        except LineProblem as problem:
            complain(number, problem)


def read_object(text: str) -> Fields:
    """The fields of a JSON object. Raises LineProblem."""
    try:
        fields = _decode(text)
    except msgspec.ValidationError:
        raise LineProblem(f"The line is {kind_of(text.encode())} and not an object.") from None
    except msgspec.DecodeError as error:
        raise LineProblem(f"The line is not JSON: {_why(error, text)}") from None
    except RecursionError:
        raise LineProblem("The line is nested too deeply.") from None
    try:
        for value in fields.values():
            check_json(value)
    except msgspec.ValidationError:
        raise LineProblem("A number in the line is too large.") from None
    except msgspec.DecodeError as error:
        raise LineProblem(f"The line is not JSON: {_why(error, text)}") from None
    except RecursionError:
        raise LineProblem("The line is nested too deeply.") from None
    return fields


def check_json(raw: msgspec.Raw) -> None:
    """Raises msgspec.DecodeError or RecursionError: what a decoder let through as a raw value cannot be used."""
    msgspec.json.decode(raw)


def _why(error: msgspec.DecodeError, text: str) -> str:
    for word in ("NaN", "Infinity"):
        if word in text:
            return f"there is no `{word}` in JSON; use `null`."
    if "'" in text and '"' not in text:
        return "texts and names stand between double quotes."
    return f"{str(error).removeprefix('JSON is malformed: ')}."


def _records(path: Path, complain: Complain, renamed: Mapping[str, str]) -> Iterator[tuple[int, Fields]]:
    csv.field_size_limit(LONGEST)
    lines = _Numbered(read_lines(path, complain))
    first = next(lines, None)
    if first is None:
        return
    delimiter = max(_DELIMITERS, key=first.count)
    names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter))]
    _check_header(path, names)
    records = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        begin = lines.number + 1
        try:
            cells = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            complain(
                begin, LineProblem(f"The record cannot be read: {error}. A quote within quotes is doubled.")
            )
            records = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        if not any(cell.strip() for cell in cells):
            continue
        try:
            yield begin, _fields_of(names, cells, renamed)
        except LineProblem as problem:
            complain(begin, problem)


class _Numbered(Iterator[str]):
    """Lines, and the number of the last one that was taken."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self.number = 0

    def __next__(self) -> str:
        self.number, text = next(self._lines)
        return text


def _check_header(path: Path, names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadRequest(f"{path.name}, line 1: the column `{twice}` is there twice.")


def _fields_of(names: list[str], cells: list[str], renamed: Mapping[str, str]) -> Fields:
    if len(cells) != len(names):
        raise LineProblem(f"There are {len(cells)} cells under {len(names)} columns.")
    fields: Fields = {}
    for name, cell in zip(names, cells, strict=True):
        if not cell:
            continue
        if renamed.get(name, name) not in JSON_CELLS:
            fields[name] = msgspec.Raw(msgspec.json.encode(cell))
            continue
        try:
            raw = msgspec.Raw(cell.encode())
            check_json(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise LineProblem(f"The cell is not JSON: {error}.", field=name) from None
        fields[name] = raw
    return fields
