"""The curve of a run, written point by point to `curve.jsonl`."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from freehold.train.run import CURVE, Point, RunFolder


class CurveFile:
    """A file to which points are added. What was added is there whatever becomes of the process."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of the run."""
        self._path = folder / CURVE
        self._handle = -1

    def cut_after(self, step: int) -> Point | None:
        """Take away the points after this step, and a line that was not written to its end.

        Returns the last point that is left. They belong to work that is done again.
        """
        self.close()
        kept = [point for point in RunFolder(self._path.parent).curve() if point.step <= step]
        new = self._path.with_name(f"{self._path.name}.new")
        new.write_bytes(b"".join(msgspec.json.encode(point) + b"\n" for point in kept))
        new.replace(self._path)
        return kept[-1] if kept else None

    def add(self, point: Point) -> None:
        """One more point, at once and in one piece. Raises OSError."""
        if self._handle < 0:
            self._handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        os.write(self._handle, msgspec.json.encode(point) + b"\n")

    def close(self) -> None:
        """Let go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
