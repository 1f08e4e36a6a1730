"""One part of the benchmark: what all parts have in common."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from benchmarks.gateway.environments import say
from benchmarks.gateway.machine import describe_machine

Run = TypeVar("Run", bound=msgspec.Struct)
Figures = dict[str, float | None]


class Wanted(msgspec.Struct, frozen=True):
    """What was asked for."""

    data: Path
    """The folder of recorded results."""
    seed: int
    quick: bool


class Part(msgspec.Struct, Generic[Run], frozen=True):
    """Measures something, and knows where it is told."""

    name: str
    kind: type[Run]
    measure: Callable[[Wanted], Run | None]
    """None: what it takes is not there, and that was said."""
    tables: Callable[[Run], str]
    """For the terminal, in Markdown."""
    write_page: Callable[[Run], None]
    figures: Callable[[Run | None], Figures]
    broken: Callable[[Run], list[str]]
    """The promises that the run refutes, in words."""
    whole: Callable[[Run], bool]
    """Nothing was left out, so that the page may be written anew."""


def keep(part: Part[Run], run: Run, folder: Path) -> None:
    """For pages that are written anew without measuring."""
    folder.mkdir(parents=True, exist_ok=True)
    # Python's own JSON has a word for what is infinite.
    (folder / f"{part.name}.json").write_text(json.dumps(msgspec.to_builtins(run, str_keys=True)))


def kept(part: Part[Run], folder: Path) -> Run | None:
    """What was kept last; None: nothing was."""
    path = folder / f"{part.name}.json"
    if not path.exists():
        say(f"There is no earlier run of {part.name}.")
        return None
    return msgspec.convert(json.loads(path.read_text()), part.kind, strict=False)


class Occasion:
    """When and where something is measured, and with what else going on. Begins when it is made."""

    def __init__(self) -> None:
        self._begun = time.time()
        self._load = os.getloadavg()[0]

    def __str__(self) -> str:
        date = time.strftime("%Y-%m-%d", time.gmtime(self._begun))
        took = f"{time.time() - self._begun:,.0f} s, others' load {self._load:.1f} when it began"
        return f"Run on {date}: {describe_machine()}; {took}."


def between(page: Path, begin: str, end: str, text: str) -> None:
    """Put a text between the markers of a page. Raises SystemExit where they are not there."""
    head, found, rest = page.read_text("utf-8").partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{page.name} has lost its markers.")
    page.write_text(f"{head}{begin}\n\n{text}\n\n{end}{tail}", "utf-8")
