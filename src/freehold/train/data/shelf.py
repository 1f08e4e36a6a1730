"""Datasets on disk: `DATA/datasets/NAME/VERSION/`, which never change once they are there.

A folder holds `manifest.json`, `train.jsonl`, `held-out.jsonl` (a `Row` each line) and `report.json`, which says what
was left out and why. The version is the beginning of the hash of both files of rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from freehold.core.errors import NotFound, StoreError
from freehold.train.data.row import Row, Split

VERSION_DIGITS = 12
MANIFEST = "manifest.json"
REPORT = "report.json"
SPLITS: tuple[Split, ...] = ("train", "held-out")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a dataset is."""

    name: str
    hash: str
    """64 hexadecimal digits: SHA-256 over the rows of both splits, in their order."""
    rows: dict[Split, int]
    """How many are in each split."""
    source: str
    """What it was made from: `route:copilot`, `suite:S`, `file:F`, `synthesised`."""
    makers: dict[str, int]
    """How many rows each maker wrote; of one whose worse answers alone are in it, by a decision, how many of these."""
    made_us: int
    """Microseconds since 1970, UTC."""
    scorers: msgspec.Raw = msgspec.Raw(b"[]")
    """How an answer is held against a row's `target`: scorers of a suite (`kind`, `settings`), as JSON."""
    notes: tuple[str, ...] = ()
    """What whoever trains on it has to know, one sentence each."""


class Dataset:
    """One dataset that lies in a folder."""

    def __init__(self, folder: Path) -> None:
        """Reads the manifest. Raises NotFound where there is none, StoreError where it is damaged."""
        self.folder = folder
        try:
            self.manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        except FileNotFoundError:
            raise NotFound(f"`{folder}` holds no dataset.", hint="See `freehold dataset list`.") from None
        except msgspec.DecodeError as error:
            raise StoreError(
                f"`{folder / MANIFEST}` cannot be read: {error}",
                hint="Take the folder away, and make the dataset again.",
            ) from None

    @property
    def reference(self) -> str:
        """`NAME@VERSION`, by which it is found again."""
        return f"{self.manifest.name}@{self.manifest.hash[:VERSION_DIGITS]}"

    def rows(self, split: Split) -> Iterator[Row]:
        """The lines of a split, in their order."""
        decode = msgspec.json.Decoder(Row).decode
        with self.file(split).open("rb") as lines:
            for line in lines:
                yield decode(line)

    def file(self, split: Split) -> Path:
        """Where the lines of a split are."""
        return self.folder / f"{split}.jsonl"


class DatasetShelf:
    """All datasets of a data folder."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "datasets"

    def list(self) -> list[Dataset]:
        """All of them, the newest first."""
        found = [Dataset(path.parent) for path in self.folder.glob(f"*/*/{MANIFEST}")]
        return sorted(found, key=lambda one: one.manifest.made_us, reverse=True)

    def find(self, reference: str) -> Dataset:
        """The newest of that name, or the one whose version begins as told: `support`, `support@3f9a`.

        Raises NotFound, also where two versions begin so.
        """
        name, _, version = reference.partition("@")
        named = [one for one in self.list() if one.manifest.name == name]
        fitting = [one for one in named if one.manifest.hash.startswith(version)]
        if not fitting or (version and len(fitting) > 1):
            what = "Several versions begin" if fitting else "There is no dataset"
            raise NotFound(f"{what} `{reference}`.", hint="See `freehold dataset list`.")
        return fitting[0]


def hash_of(splits: Iterable[tuple[Split, Iterable[bytes]]]) -> str:
    """The hash of the lines of both splits, each a `Row` as JSON without its line break."""
    digest = hashlib.sha256()
    for split, lines in splits:
        digest.update(f"{split}\n".encode())
        for line in lines:
            digest.update(line + b"\n")
    return digest.hexdigest()
