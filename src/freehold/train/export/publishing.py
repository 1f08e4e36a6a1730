"""Putting an own model where the local runtime finds it, whole or not at all, with the way back kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from freehold.catalog.own import MANIFEST, OWN, OwnModel
from freehold.core.errors import StoreError
from freehold.core.ids import new_id
from freehold.store.folders import make_private
from freehold.store.lock import ProcessLock
from freehold.train.export.order import PREVIOUS

EXPORTED = "exported"
"""The folder of the data folder for what goes to others' tools."""
PROOF = "proof.json"
CARD = "README.md"
_PIECE = 1024 * 1024
_DAY_SECONDS = 86_400.0
_UNFINISHED = "making"


@contextmanager
def workshop(data: Path) -> Iterator[Path]:
    """A folder below `DATA/own/` in which nobody looks for models; it is gone afterwards, whatever happens."""
    folder = data / OWN / f".{new_id(_UNFINISHED)}"
    make_private(folder)
    for left in folder.parent.glob(f".{_UNFINISHED}_*"):  # by an export that was killed
        if time.time() - left.stat().st_mtime > _DAY_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(made: Path, model: OwnModel, data: Path) -> Path:
    """Make the folder `made`, which holds the model's file, its card and its proof, the own model of that name.

    What had the name before is kept in `previous/NAME`; what was there before that is gone.
    """
    manifest = made / MANIFEST
    manifest.write_bytes(msgspec.json.format(msgspec.json.encode(model), indent=2) + b"\n")
    return put_in_place(made, data / OWN, model.name)


def put_in_place(made: Path, shelf: Path, name: str) -> Path:
    """Make the folder `made` the one called `name` on a shelf; what was called so before goes to `previous/`.

    Raises StoreError: somebody else does the same at this moment.
    """
    for path in made.iterdir():
        if path.is_file():
            _flush(path)
    target, aside = shelf / name, shelf / PREVIOUS / name
    make_private(shelf)
    lock = ProcessLock(shelf / ".lock")
    if not lock.take():
        raise StoreError(f"Another export puts a model into `{shelf}` at this moment.", hint="Try it again.")
    try:
        if target.exists():
            make_private(aside.parent)
            shutil.rmtree(aside, ignore_errors=True)
            target.rename(aside)
        made.rename(target)
    finally:
        lock.release(remove=True)
    return target


def digest_of(*paths: Path) -> str:
    """SHA-256 over the contents of files, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    return digest.hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
