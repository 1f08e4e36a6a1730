"""The lines of a file, one at a time, with their numbers, and as text that is sure to be some."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from freehold.compare.suites.problems import LineProblem
from freehold.core.errors import BadRequest
from freehold.core.figures import size

LONGEST = 16_000_000
"""Bytes of one line. A case with pictures in it may be long; a whole file in one line is none."""
SAVE_AS = "Save the file as UTF-8; Excel calls it `CSV UTF-8`."
_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")

Complain = Callable[[int, LineProblem], None]


def read_lines(path: Path, complain: Complain) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of each line, its ending included. A line that is no text is complained of and left out.

    Raises BadRequest where the file cannot be read, or is of another kind of text altogether.
    """
    try:
        with path.open("rb") as file:
            yield from _lines_of(file, path, complain)
    except OSError as error:
        raise BadRequest(f"`{path}` cannot be read: {error.strerror}.") from error


def _lines_of(file: IO[bytes], path: Path, complain: Complain) -> Iterator[tuple[int, str]]:
    number = 0
    while raw := file.readline(LONGEST + 1):
        number += 1
        if number == 1:
            if raw.startswith(_OTHER_BOMS):
                raise BadRequest(f"`{path}` is UTF-16.", hint=SAVE_AS)
            raw = raw.removeprefix(_BOM)
        if len(raw) > LONGEST:
            complain(number, LineProblem(f"The line is longer than {size(LONGEST)}."))
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(LONGEST)
            continue
        try:
            yield number, raw.decode()
        except UnicodeDecodeError as error:
            there = raw[error.start : error.start + 1].hex()
            told = f"The line is not UTF-8: byte {error.start + 1} of it is 0x{there}."
            complain(number, LineProblem(f"{told} {SAVE_AS}", once="not UTF-8"))
