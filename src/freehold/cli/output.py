"""Writing to standard output (data) and standard error (everything else)."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

_GAP = "  "
_NARROWEST = 8
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)}


def plain(text: str) -> str:
    """The text with control characters made visible, so that nothing stored can steer a terminal."""
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
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def at_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


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


class Listing:
    """Rows under a header. Piped, every cell is whole; at a terminal, long ones are cut so that a row is a line."""

    def __init__(self, columns: Sequence[Column], *, goes_on: bool = False) -> None:
        """`goes_on`: more rows will follow the first ones, whose widths cannot be known."""
        self._columns = columns
        self._goes_on = goes_on
        self._widths: list[int] | None = None

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """The first time with the header; later rows keep the widths of the first."""
        cells = [[plain(cell).replace("\n", " ") for cell in row] for row in rows]
        if not cells and not self._goes_on:
            return
        lines = []
        if self._widths is None:
            self._widths = self._measure(cells)
            header = self._line([column.title for column in self._columns], self._widths)
            lines.append(f"\x1b[1m{header}\x1b[0m" if in_colour() else header)
        lines += [self._line(row, self._widths) for row in cells]
        write("".join(line + "\n" for line in lines))

    def _measure(self, cells: list[list[str]]) -> list[int]:
        from rich.cells import cell_len  # noqa: PLC0415 - Rich is imported when something is shown

        widths = []
        for index, column in enumerate(self._columns):
            widest = max([cell_len(column.title), *(cell_len(row[index]) for row in cells)])
            widest = max(widest, column.least) if self._goes_on else widest
            widths.append(min(widest, column.width) if column.width and at_terminal() else widest)
        if at_terminal():
            self._squeeze(widths, shutil.get_terminal_size().columns)
        return widths

    def _squeeze(self, widths: list[int], room: int) -> None:
        """Take from the widest columns that may be cut, as long as there is something to take."""
        while sum(widths) + len(_GAP) * (len(widths) - 1) > room:
            able = [
                index
                for index, column in enumerate(self._columns)
                if column.width and widths[index] > _NARROWEST
            ]
            if not able:
                return
            widths[max(able, key=lambda index: widths[index])] -= 1

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        from rich.cells import cell_len, set_cell_size  # noqa: PLC0415 - see above

        shown = []
        for cell, width, column in zip(cells, widths, self._columns, strict=True):
            space = width - cell_len(cell)
            if space < 0 and column.width and at_terminal():
                shown.append(set_cell_size(cell, width - 1) + "…")
            else:
                shown.append(" " * space + cell if column.right else cell + " " * space)
        return _GAP.join(shown).rstrip()
