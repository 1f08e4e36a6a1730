"""Writing to standard output (data) and standard error (everything else)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)}


def plain(text: str) -> str:
    """The text with control characters made visible, so that nothing stored can steer a terminal."""
    return text.translate(_VISIBLE)


def write(text: str) -> None:
    """Data, as it is, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def write_json(value: object) -> None:
    """One JSON value on a line of its own. Decimals are written as strings, so that no digit is lost."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def say(text: str) -> None:
    """A word to the person at the terminal."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def at_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


class Column(NamedTuple):
    """One column of a listing."""

    title: str
    right: bool = False
    """Numbers stand right-aligned."""
    width: int | None = None
    """At a terminal, longer cells are cut to this many characters. Piped, nothing is cut."""


class Listing:
    """Rows under a header. Every cell is shown whole when piped; at a terminal a row stays on one line."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._widths: list[int] | None = None

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """The first time with the header; later rows keep the widths of the first."""
        cells = [[plain(cell).replace("\n", " ") for cell in row] for row in rows]
        first = self._widths is None
        if self._widths is None:
            self._widths = self._measure(cells)
        table = self._table(self._widths, first)
        for row in cells:
            table.add_row(*row)
        if not first and not cells:
            return
        console = _console()
        with console.capture() as written:
            console.print(table)
        write("".join(line.rstrip() + "\n" for line in written.get().splitlines()))

    def _measure(self, cells: list[list[str]]) -> list[int]:
        from rich.cells import cell_len  # noqa: PLC0415 - Rich is imported when something is shown

        widths = []
        for index, column in enumerate(self._columns):
            widest = max([cell_len(column.title), *(cell_len(row[index]) for row in cells)])
            widths.append(min(widest, column.width) if column.width and at_terminal() else widest)
        return widths

    def _table(self, widths: list[int], header: bool) -> Table:
        from rich.table import Table  # noqa: PLC0415 - Rich is imported when something is shown

        table = Table(box=None, show_header=header, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        for column, width in zip(self._columns, widths, strict=True):
            table.add_column(
                column.title,
                justify="right" if column.right else "left",
                no_wrap=True,
                overflow="ellipsis" if at_terminal() else "ignore",
                width=width if at_terminal() else None,
                min_width=width,
            )
        return table


def _console() -> Console:
    """Where listings are drawn: as wide as the terminal, or as wide as they need when piped."""
    from rich.console import Console  # noqa: PLC0415 - Rich is imported when something is shown

    if at_terminal():
        return Console(markup=False, highlight=False, emoji=False)
    return Console(markup=False, highlight=False, emoji=False, color_system=None, width=100_000)
