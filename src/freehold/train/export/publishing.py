"""Putting an own model where the local runtime finds it, whole or not at all, with the way back kept."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from freehold.catalog.own import MANIFEST, OWN, OwnModel
from freehold.core.ids import new_id

PREVIOUS = "previous"
"""The folder within `DATA/own/` in which the last model of each name is kept aside."""
PROOF = "proof.json"
CARD = "README.md"


@contextmanager
def workshop(data: Path) -> Iterator[Path]:
    """A folder below `DATA/own/` in which nobody looks for models; it is gone afterwards, whatever happens."""
    folder = data / "own" / f".{new_id('making')}"
    folder.mkdir(parents=True)
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
    for path in made.iterdir():
        if path.is_file():
            _flush(path)
    target, aside = data / OWN / model.name, data / OWN / PREVIOUS / model.name
    if target.exists():
        aside.parent.mkdir(exist_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        target.rename(aside)
    made.rename(target)
    return target


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
