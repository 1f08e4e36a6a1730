"""The rows of a file of cases: objects of JSONL, or records of CSV, as fields whose values are JSON."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from freehold.compare.suites.lines import LONGEST, Complain, read_lines
from freehold.compare.suites.problems import LineProblem, kind_of, shown
from freehold.compare.suites.reading import CASE_FIELDS, OFTEN_CALLED, RECORDED_FIELDS
from freehold.core.errors import BadRequest
from freehold.core.fields import Fields
from freehold.core.figures import counted
from freehold.core.suggest import did_you_mean

JSON_CELLS = frozenset(("request", "tools", "response_format", "tool_calls"))
"""Fields whose cells in CSV hold JSON. Every other cell is text, as it stands there."""
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv"}
_DELIMITERS = ",;\t"
_TOLD_DELIMITER = re.compile(r'"?sep=([^"\\])"?')
"""A first line that Excel writes and reads."""
_KNOWN = {*CASE_FIELDS, *RECORDED_FIELDS}

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
        check_names_once(text)
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


def check_names_once(text: str) -> None:
    """Raises LineProblem: an object in this JSON has a name twice. Some read the first then, and some the last, so
    nobody could tell what was asked.
    """

    def look(pairs: list[tuple[str, Any]]) -> None:
        if len(pairs) > len({name for name, _ in pairs}):
            [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
            raise LineProblem(f"An object has the name {shown(twice)} twice.")

    json.loads(text, object_pairs_hook=look, parse_int=str, parse_float=str)


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
    if (told := _TOLD_DELIMITER.fullmatch(first.strip())) is not None:
        delimiter, first = told[1], next(lines, "")
    where = f"{path.name}, line {lines.number}"
    names = _header(where, first, delimiter)
    _check_header(where, names, renamed)
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


def _header(where: str, line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error as error:
        raise BadRequest(f"{where}: the header cannot be read: {error}.") from None


def _check_header(where: str, names: list[str], renamed: Mapping[str, str]) -> None:
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise BadRequest(f"{where}: the column `{twice}` is there twice.")
    if not any(_seems_known(renamed.get(name, name)) for name in names):
        told = ", ".join(f"`{name[:30]}`" for name in names[:5])
        raise BadRequest(
            f"{where}: none of these columns is a field of a case: {told}.",
            hint="The first line has to name them: `input`, `target` …; yours are named by `--field input=COLUMN`.",
        )


def _seems_known(name: str) -> bool:
    return name.lower() in OFTEN_CALLED or did_you_mean(name, _KNOWN) is not None


def _fields_of(names: list[str], cells: list[str], renamed: Mapping[str, str]) -> Fields:
    if len(cells) != len(names):
        many = "is 1 cell" if len(cells) == 1 else f"are {len(cells)} cells"
        raise LineProblem(f"There {many} under {counted(len(names), 'column')}.")
    fields: Fields = {}
    for place, (name, cell) in enumerate(zip(names, cells, strict=True), 1):
        if not cell or (not name and not cell.strip()):
            continue
        if not name:
            raise LineProblem(f"Column {place} has no name, and there is something in it: {shown(cell)}.")
        if renamed.get(name, name) not in JSON_CELLS:
            fields[name] = msgspec.Raw(msgspec.json.encode(cell))
            continue
        try:
            raw = msgspec.Raw(cell.encode())
            check_json(raw)
            check_names_once(cell)
        except (msgspec.DecodeError, RecursionError) as error:
            raise LineProblem(f"The cell is not JSON: {error}.", field=name) from None
        fields[name] = raw
    return fields
