"""Running a step's command in a process of its own, which ends when ours does."""

from __future__ import annotations

import ctypes
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import IO, Any, NamedTuple

_PR_SET_PDEATHSIG = 1
_SAID = 4000
"""Of what a command says on standard error, the end that is kept: characters."""


class Ran(NamedTuple):
    """A command that has ended."""

    status: int
    printed: str
    said: str
    """The end of what it said on standard error; empty where a person saw it."""
    stopped: bool
    """Whether we were told to stop, and passed it on."""

    @property
    def last(self) -> dict[str, Any] | None:
        """The last line that it printed, as JSON; None: it is no object."""
        line = self.printed.strip().rpartition("\n")[2]
        try:
            value = json.loads(line)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


def run(words: Sequence[str]) -> Ran:
    """`freehold WORDS …`. Whoever sits at a terminal sees what it says; SIGINT and SIGTERM are passed on to it once."""
    shown = sys.stderr.isatty()
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
        child = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", "freehold", *words],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=None if shown else said,
            process_group=0,  # a signal from the terminal reaches us alone, and so the command once
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - nothing else runs in this process
        )
        with _passed_on(child) as signals:
            status = child.wait()
        return Ran(status, _text(printed), _text(said)[-_SAID:], bool(signals))


def _end_with_parent() -> None:
    """Linux tells the command to stop when we end, however we end."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


@contextmanager
def _passed_on(child: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Signals that tell us to stop go to the child, which ends in its own way; those that came."""
    came: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        came.append(number)
        child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
