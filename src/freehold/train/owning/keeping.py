"""Loops on disk: `DATA/owning/ROUTE.json`, and what each step's command printed in `DATA/owning/ROUTE/STEP.json`."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import msgspec

from freehold.core.errors import StoreError
from freehold.store.lock import ProcessLock
from freehold.train.owning.loop import Loop, StepName


class LoopShelf:
    """The loop of one route, in a data folder."""

    def __init__(self, data: Path, route: str) -> None:
        name = quote(route, safe="")
        self._folder = data / "owning"
        self._file = self._folder / f"{name}.json"
        self._printed = self._folder / name
        self.lock = ProcessLock(self._folder / f"{name}.lock")
        """Held by whoever carries the loop on."""

    def read(self) -> Loop | None:
        """As it stands; None: there is none. Raises StoreError where the file is not one of ours."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Loop)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise StoreError(
                f"`{self._file}` cannot be read: {error}",
                hint="Take the file away to begin anew; datasets, runs and models stay.",
            ) from None

    def write(self, loop: Loop) -> None:
        """Keep it, whole or not at all, also when the machine stops. Raises StoreError."""
        _replace(self._file, msgspec.json.format(msgspec.json.encode(loop), indent=2) + b"\n")

    def keep_printed(self, step: StepName, printed: str) -> None:
        """Keep what a step's command printed. Raises StoreError."""
        _replace(self._printed / f"{step}.json", printed.encode())

    def printed(self, step: StepName) -> Path:
        """Where that is."""
        return self._printed / f"{step}.json"


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise StoreError(f"`{path}` cannot be written: {error.strerror}.") from None
