"""Showing that something is under way, on standard error and only once it has taken two seconds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 2.0
"""Seconds nobody minds waiting without a sign."""


@contextmanager
def waiting(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A progress bar (with `total`) or a spinner around work; call what it yields with the steps done.

    Nothing is shown when the work is done within two seconds, when standard error is no terminal, or when
    standard output is the same terminal and so shows that something is under way.
    """
    if not sys.stderr.isatty() or (total is not None and sys.stdout.isatty()):
        yield lambda steps: None
        return
    lock = threading.Lock()
    done = 0
    over = False
    shown: list[Callable[[], None]] = []
    show_steps: list[Callable[[int], None]] = []

    def appear() -> None:
        from rich.console import Console  # noqa: PLC0415 - most work is done before it is needed
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        counted = [BarColumn(), MofNCompleteColumn()] if total is not None else []
        progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            *counted,
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        with lock:
            if over:
                return
            task = progress.add_task(what, total=total, completed=done)
            progress.start()
            shown.append(progress.stop)
            show_steps.append(lambda steps: progress.advance(task, steps))

    def advance(steps: int) -> None:
        nonlocal done
        with lock:
            done += steps
            for show in show_steps:
                show(steps)

    timer = threading.Timer(PATIENCE, appear)
    timer.daemon = True
    timer.start()
    try:
        yield advance
    finally:
        timer.cancel()
        with lock:
            over = True
            for stop in shown:
                stop()
        timer.join()
