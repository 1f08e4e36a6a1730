"""Writing to standard output (data) and standard error (everything else)."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

_GAP = "  "
_READABLE = 16
"""Cells of a column that is cut; narrower than this it says less than a column that is left out."""
_NARROWEST = 8
"""Where nothing is left that could be left out."""
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)}
_TURNING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_VISIBLE |= {code: f"\\u{code:04x}" for code in _TURNING}


def plain(text: str) -> str:
    """The text with control characters, and those that turn its direction, made visible: nothing stored can steer a
    terminal, nor have a line say something else than it does.
    """
    return text.translate(_VISIBLE)


def write(text: str) -> None:
    """Data, as it is, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def write_json(value: object) -> None:
    """One JSON value on a line of its own."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def say(text: str) -> None:
    """A word to the person at the terminal."""
    sys.stderr.write(plain(text) + "\n")
    sys.stderr.flush()


def at_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def terminal_width() -> float:
    """Columns that a line may have; no limit where no person reads it."""
    return shutil.get_terminal_size().columns if at_terminal() else math.inf


def fold(text: str, *, indent: int = 0) -> str:
    """The text on lines that the terminal has room for, all but the first one indented. Piped, it stays a line.

    What stands in backticks is to be copied, so it is not broken in two.
    """
    if not at_terminal():
        return text
    import re  # noqa: PLC0415 - only people need it
    import textwrap  # noqa: PLC0415

    room = max(shutil.get_terminal_size().columns, indent + _READABLE)
    folded = textwrap.fill(
        re.sub("`[^`]*`", lambda code: code[0].replace(" ", "\0"), text),
        room,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return folded.replace("\0", " ")


def in_colour() -> bool:
    """Whether standard output is a terminal that colours are welcome at: https://no-color.org."""
    return at_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Column(NamedTuple):
    """One column of a listing."""

    title: str
    right: bool = False
    """Numbers stand right-aligned."""
    width: int | None = None
    """At a terminal, longer cells are cut to this many characters, and to fewer where there is no room."""
    least: int = 0
    """How wide it is from the beginning in a listing that goes on."""
    rank: int = 0
    """Which columns a narrow terminal is spared: the highest first, those of one rank together, 0 never."""


class Listing:
    """Rows under a header. Piped, every cell is whole; at a terminal a row is a line: long cells are cut, and where
    that would leave too little of them, columns are left out, which is said.
    """

    def __init__(self, columns: Sequence[Column], *, goes_on: bool = False) -> None:
        """`goes_on`: more rows will follow the first ones, whose widths cannot be known."""
        self._columns = columns
        self._goes_on = goes_on
        self._shown: list[tuple[int, int]] | None = None
        """Index and width of each column that is shown."""

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """The first time with the header; later rows keep the widths of the first."""
        cells = [[plain(cell).replace("\n", " ") for cell in row] for row in rows]
        if not cells and not self._goes_on:
            return
        lines = []
        left_out: list[str] = []
        if self._shown is None:
            self._shown = self._measure(cells)
            header = self._line([column.title for column in self._columns], self._shown)
            lines.append(f"\x1b[1m{header}\x1b[0m" if in_colour() else header)
            shown = {index for index, _ in self._shown}
            left_out = [column.title for index, column in enumerate(self._columns) if index not in shown]
        lines += [self._line(row, self._shown) for row in cells]
        write("".join(line + "\n" for line in lines))
        if left_out:
            say(fold(f"Left out for want of room: {', '.join(left_out)}. A wider terminal shows all."))

    def _measure(self, cells: list[list[str]]) -> list[tuple[int, int]]:
        from rich.cells import cell_len  # noqa: PLC0415 - Rich is imported when something is shown

        widths = {}
        for index, column in enumerate(self._columns):
            widest = max([cell_len(column.title), *(cell_len(row[index]) for row in cells)])
            widest = max(widest, column.least) if self._goes_on else widest
            widths[index] = min(widest, column.width) if column.width and at_terminal() else widest
        return list(
            (self._fit(widths, shutil.get_terminal_size().columns) if at_terminal() else widths).items()
        )

    def _fit(self, widest: dict[int, int], room: int) -> dict[int, int]:
        """The widths of those columns that there is room for."""
        shown = dict(widest)
        while not self._squeeze(shown, room, _READABLE):
            rank = max(self._columns[index].rank for index in shown)
            if rank == 0:
                self._squeeze(shown, room, _NARROWEST)
                break
            kept = [index for index in shown if self._columns[index].rank != rank]
            shown = {index: widest[index] for index in kept}
        return shown

    def _squeeze(self, widths: dict[int, int], room: int, least: int) -> bool:
        """Take from the widest columns that may be cut, down to `least`; whether all fit now."""
        while sum(widths.values()) + len(_GAP) * (len(widths) - 1) > room:
            able = [index for index, width in widths.items() if self._columns[index].width and width > least]
            if not able:
                return False
            widths[max(able, key=lambda index: widths[index])] -= 1
        return True

    def _line(self, cells: Sequence[str], widths: list[tuple[int, int]]) -> str:
        from rich.cells import cell_len, set_cell_size  # noqa: PLC0415 - see above

        shown = []
        for index, width in widths:
            cell, column = cells[index], self._columns[index]
            space = width - cell_len(cell)
            if space < 0 and column.width and at_terminal():
                shown.append(set_cell_size(cell, width - 1) + "…")
            else:
                shown.append(" " * space + cell if column.right else cell + " " * space)
        return _GAP.join(shown).rstrip()
