"""The lines of a batch's input: read one at a time, and looked through before the first is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from freehold.batches.records import Problem

MOST_LINES = 50_000
MOST_PROBLEMS = 100
MOST_NAME = 64 * 4
"""Bytes of a `custom_id`."""


class Line(msgspec.Struct):
    """One request of a batch."""

    custom_id: str
    body: msgspec.Raw
    method: str = "POST"
    url: str = ""


_decode = msgspec.json.Decoder(Line).decode


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of an input that has been looked through. Waits for the disk."""
    with path.open("rb") as file:
        for raw in file:
            if raw.strip():
                yield _decode(raw)


def problems_in(path: Path, endpoint: str, *, longest: int) -> tuple[int, list[Problem]]:
    """How many lines there are, and what is wrong with them. `longest`: bytes of one line."""
    names: set[str] = set()
    problems: list[Problem] = []
    number = 0
    with path.open("rb") as file:
        while raw := file.readline(longest + 1):
            number += 1
            if not raw.strip():
                continue
            problem = (
                Problem("line_too_long", f"The line is over {longest} bytes.")
                if len(raw) > longest
                else _problem_with(raw, endpoint, names)
            )
            if problem is not None:
                problem.line = number
                problems.append(problem)
            if len(raw) > longest or len(problems) >= MOST_PROBLEMS or len(names) > MOST_LINES:
                break
    if not names and not problems:
        problems.append(Problem("empty_file", "There is no line in the input file."))
    if len(names) > MOST_LINES:
        problems.append(Problem("too_many_lines", f"There are more than {MOST_LINES} lines."))
    return len(names), problems


def _problem_with(raw: bytes, endpoint: str, names: set[str]) -> Problem | None:
    try:
        raw.decode()
        line = _decode(raw)
    except msgspec.ValidationError as error:
        return Problem("invalid_request", f"The line is not a request of a batch: {error}.")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Problem("invalid_json_line", "This line is not parseable as valid JSON.")
    name = line.custom_id
    checks = (
        (
            name not in names,
            "duplicate_custom_id",
            f"The custom_id `{name[:100]}` occurs twice.",
            "custom_id",
        ),
        (
            0 < len(name.encode(errors="replace")) <= MOST_NAME,
            "invalid_custom_id",
            "The custom_id is empty or too long.",
            "custom_id",
        ),
        (line.method == "POST", "invalid_method", "The method of every line is POST.", "method"),
        (
            line.url == endpoint,
            "mismatched_url",
            f"The url of every line is the batch's: `{endpoint}`.",
            "url",
        ),
        (
            bytes(line.body).lstrip().startswith(b"{"),
            "invalid_body",
            "The body of a line is an object.",
            "body",
        ),
    )
    names.add(name)
    return next((Problem(code, text, param) for good, code, text, param in checks if not good), None)
