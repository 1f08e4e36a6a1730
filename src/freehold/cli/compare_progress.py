"""A comparison under way, on standard error: cases, spending, and each candidate's interval as it tightens."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from freehold.core.figures import money

if TYPE_CHECKING:
    from freehold.compare.running.runner import Progress, Runner

_REFRESH_SECONDS = 0.5
_RARELY = 30
"""Times as long as it took to look, until it is looked again."""
_WIDTH = 41
"""Of the bar that shows an interval; odd, so that no difference has a place of its own."""
_NARROW, _NARROW_WIDTH = 110, 21
"""A terminal of fewer columns gets a shorter bar, so that a row stays a row."""


@contextmanager
def watching() -> Iterator[Callable[[Runner], None]]:
    """Give it the runner; nothing is shown where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield lambda runner: None
        return
    over = threading.Event()
    threads: list[threading.Thread] = []

    def watch(runner: Runner) -> None:
        import asyncio  # noqa: PLC0415 - it is running, so it is imported

        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=_show, args=(runner, loop, over), daemon=True)
        threads.append(thread)
        thread.start()

    try:
        yield watch
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _show(runner: Runner, loop: Any, over: threading.Event) -> None:
    import asyncio  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415 - imported when something is shown
    from rich.live import Live  # noqa: PLC0415

    async def look() -> Progress:
        return runner.progress()

    began, pause = time.monotonic(), _REFRESH_SECONDS
    console = Console(stderr=True)
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while not over.wait(pause):
            looked = time.monotonic()
            try:
                progress = asyncio.run_coroutine_threadsafe(look(), loop).result(timeout=30)
            except (RuntimeError, TimeoutError):
                return
            # Looking is not to hold up what is looked at.
            pause = max(_REFRESH_SECONDS, _RARELY * (time.monotonic() - looked))
            narrow = console.width < _NARROW
            shown = _table(progress, runner.terms.margin, time.monotonic() - began, narrow=narrow)
            live.update(shown, refresh=True)


def _table(progress: Progress, margin: float, seconds: float, *, narrow: bool = False) -> Any:
    from rich.console import Group  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    unknown = f" and {progress.unpriced:,} of unknown cost" if progress.unpriced else ""
    title = (
        f"{progress.counted:,} of {progress.of:,} cases · {progress.asked:,} answers asked for, "
        f"{progress.reused:,} there already · {money(progress.spent)}{unknown} · {_left(progress, seconds)}"
    )
    table = Table(box=None, pad_edge=False)
    width = _NARROW_WIDTH if narrow else _WIDTH
    for name in ("", scale(margin, width), "difference", "pairs", *(() if narrow else ("",))):
        table.add_column(Text(name))
    for one in progress.candidates:
        evidence = one.evidence
        difference = "-" if evidence.difference is None else f"{evidence.difference:+.3f}"
        decided = one.decided or ("" if one.goes_on else "undecided")
        table.add_row(
            Text(f"{one.model}\n  {decided}" if narrow and decided else one.model),
            Text(bar(evidence.low, evidence.high, evidence.difference, margin, width)),
            Text(f"{difference} ({evidence.low:+.3f} … {evidence.high:+.3f})"),
            Text(f"{evidence.n:,}"),
            *(() if narrow else (Text(decided),)),
        )
    return Group(Text(title), table)  # a table's own title is folded to the width of the table


def scale(margin: float, width: int = _WIDTH) -> str:
    """What stands above the marks of a bar."""
    span = 4 * max(margin, 0.01)
    at = round((span - margin) / (2 * span) * (width - 1))
    word = f"-{margin:g}"
    if margin == 0 or width // 2 - at < 2:  # a margin too small to have room beside the 0
        return f"{'0':>{width // 2 + 1}}"
    return f"{word:>{at + 1}}{'0':>{width // 2 - at}}"


def bar(low: float, high: float, difference: float | None, margin: float, width: int = _WIDTH) -> str:
    """The interval as a line, from four margins below none to four above; `│` stands at the margin and at none."""
    span = 4 * max(margin, 0.01)

    def place(value: float) -> int:
        return round((min(max(value, -span), span) + span) / (2 * span) * (width - 1))

    cells = [" "] * width
    for at in range(place(low), place(high) + 1):
        cells[at] = "─"
    for mark in (-margin, 0.0):
        cells[place(mark)] = "│" if cells[place(mark)] == " " else "┼"
    if difference is not None:
        cells[place(difference)] = "●"
    return "".join(cells)


def _left(progress: Progress, seconds: float) -> str:
    if not progress.counted:
        return "no case is complete yet"
    left = seconds / progress.counted * (progress.of - progress.counted)
    minutes, rest = divmod(round(left), 60)
    return f"{minutes}:{rest:02d} left at the most"
