"""A worker's own words, kept in a file that never grows past its bound."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_LIMIT = 512 * 1024
_TAIL = 2000


class WorkerLog:
    """Two files, `path` and its predecessor `path.1`, together at most twice `limit` bytes.

    It never raises: a full or read-only disk must not cost an answer. The last words stay in
    memory for the error that quotes them.
    """

    def __init__(self, path: Path, *, limit: int = _LIMIT) -> None:
        self.path = path
        self._limit = limit
        self._tail = b""

    def write(self, piece: bytes) -> None:
        """Append; the oldest goes."""
        self._tail = (self._tail + piece)[-_TAIL:]
        piece = piece[-self._limit :]
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and self.path.stat().st_size + len(piece) > self._limit:
                self.path.replace(self.path.with_name(self.path.name + ".1"))
            with open(self.path, "ab", opener=_open_private) as file:
                file.write(piece)

    def last_line(self) -> str:
        """The last thing the worker said, for a reason; empty when it said nothing."""
        lines = self._tail.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def forget(self) -> None:
        """A new worker begins: what the one before said is no longer the last word."""
        self._tail = b""


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
