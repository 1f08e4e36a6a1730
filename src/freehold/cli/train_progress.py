"""A run under way, on standard error: steps, loss or reward, tokens a second, time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from freehold.cli.output import say

if TYPE_CHECKING:
    from freehold.train.running.following import Seen

_EVERY_SECONDS = 30.0
"""Between two lines where standard error is no terminal."""
_FIRST = ("loss", "reward", "held_out_loss", "tokens_per_second")


class Watch(NamedTuple):
    """Who is told how a run stands."""

    point: Callable[[Seen], None]
    """Each point of its curve."""
    asked: Callable[[int, int], None]
    """How many answers a teacher has given, and of how many."""


@contextmanager
def watching(run: str) -> Iterator[Watch]:
    """Tell what it yields how the run stands."""
    if not sys.stderr.isatty():
        yield Watch(_lines(), _asked_lines())
        return
    from rich.console import Console  # noqa: PLC0415 - imported when something is shown
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415

    progress = Progress(
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    with progress:
        task = progress.add_task(f"{run}: preparing", total=None)
        last: dict[str, float] = {}

        def tell(seen: Seen) -> None:
            last.update(seen.point.values)
            progress.update(
                task, total=seen.steps, completed=seen.point.step, description=_described(last, seen)
            )

        def asked(answers: int, of: int) -> None:
            progress.update(task, total=of, completed=answers, description="asking the teacher")

        yield Watch(tell, asked)


def _lines() -> Callable[[Seen], None]:
    told_at = time.monotonic()
    last: dict[str, float] = {}

    def tell(seen: Seen) -> None:
        nonlocal told_at
        last.update(seen.point.values)
        if time.monotonic() - told_at >= _EVERY_SECONDS:
            told_at = time.monotonic()
            say(f"step {seen.point.step:,} of {seen.steps:,} · {_described(last, seen)}")

    return tell


def _asked_lines() -> Callable[[int, int], None]:
    told_at = time.monotonic()

    def tell(answers: int, of: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _EVERY_SECONDS:
            told_at = time.monotonic()
            say(f"{answers:,} of {of:,} answers of the teacher")

    return tell


def _described(values: dict[str, float], seen: Seen) -> str:
    parts = [f"{name.replace('_', ' ')} {_figure(values[name])}" for name in _FIRST if name in values]
    if seen.seconds_left is not None:
        minutes, seconds = divmod(round(seen.seconds_left), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    return " · ".join(parts)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
