"""Writes datasets: beside where they belong first, so that nothing is kept of one that was not finished."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import msgspec

from freehold.core.errors import StoreError
from freehold.store.lock import ProcessLock, is_locked
from freehold.train.data.report import Report
from freehold.train.data.row import Row, Split
from freehold.train.data.shelf import MANIFEST, REPORT, SPLITS, VERSION_DIGITS, Dataset, Manifest, hash_of

SPOOL = "spool.jsonl"
"""Lines between the two passes."""
LOCK = "lock"
"""Held while it is worked on: what was left behind by a process that was killed is known by it."""
_PREFIX = ".making-"
_encode = msgspec.json.Encoder().encode


class Workplace:
    """A folder beside the datasets in which one is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def spooling(self) -> Iterator[IO[bytes]]:
        """Where lines are put on the way."""
        with (self.folder / SPOOL).open("wb") as file:
            yield file

    def spooled(self) -> Iterator[Row]:
        """The lines that were put there."""
        decode = msgspec.json.Decoder(Row).decode
        with (self.folder / SPOOL).open("rb") as file:
            for line in file:
                yield decode(line)

    def write_rows(self, rows: Iterator[tuple[Row, Split]]) -> None:
        """The files of both splits."""
        with ExitStack() as stack:
            files = {one: stack.enter_context(self._file(one).open("wb")) for one in SPLITS}
            for row, split in rows:
                files[split].write(_encode(row) + b"\n")

    def hash(self) -> str:
        """Of what was written."""
        return hash_of((split, self._lines(split)) for split in SPLITS)

    def finish(self, manifest: Manifest, report: Report) -> tuple[Dataset, bool]:
        """Put it where it belongs; whether it was not there before: of the same rows there is only one."""
        (self.folder / SPOOL).unlink(missing_ok=True)
        (self.folder / LOCK).unlink()
        for name, value in ((MANIFEST, manifest), (REPORT, report)):
            with (self.folder / name).open("wb") as file:
                file.write(msgspec.json.format(_encode(value), indent=2) + b"\n")
        for path in self.folder.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        place = self.folder.parent / manifest.name / manifest.hash[:VERSION_DIGITS]
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self.folder.rename(place)
        except OSError:  # a folder takes no other's place unless that is empty
            if not (place / MANIFEST).exists():
                raise
            return Dataset(place), False
        return Dataset(place), True

    def _file(self, split: Split) -> Path:
        return self.folder / f"{split}.jsonl"

    def _lines(self, split: Split) -> Iterator[bytes]:
        with self._file(split).open("rb") as file:
            for line in file:
                yield line.removesuffix(b"\n")


@contextmanager
def workplace(datasets: Path) -> Iterator[Workplace]:
    """A workplace below the folder of all datasets, which is gone afterwards. Raises StoreError."""
    folder: Path | None = None
    try:
        datasets.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear(datasets)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=datasets))
        lock = ProcessLock(folder / LOCK)
        lock.take()
        try:
            yield Workplace(folder)
        finally:
            lock.release()
    except OSError as error:
        raise StoreError(f"`{datasets}` cannot be written to: {error.strerror or error}.") from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _clear(datasets: Path) -> None:
    """Take away what processes that are gone have left behind: it holds what was said in calls."""
    for folder in datasets.glob(f"{_PREFIX}*"):
        if (folder / LOCK).exists() and not is_locked(folder / LOCK):
            shutil.rmtree(folder, ignore_errors=True)
