"""The text that is learned from: the sources of Python's standard library, which every machine has."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import msgspec

from freehold.train.data.row import PEOPLE, Row, Split
from freehold.train.data.shelf import MANIFEST, VERSION_DIGITS, Dataset, Manifest, hash_of

_LEFT_OUT = {"test", "tests", "idlelib", "lib2to3", "site-packages", "__pycache__", "encodings", "pydoc_data"}
"""What repeats itself, and what is not of the library."""
_HELD_OUT_EVERY = 20


def corpus(data: Path) -> Dataset:
    """A dataset of it in this data folder: a document for each file, every twentieth held out."""
    library = Path(sysconfig.get_path("stdlib"))
    lines: dict[Split, list[bytes]] = {"train": [], "held-out": []}
    files = sorted(
        path for path in library.rglob("*.py") if not _LEFT_OUT & set(path.relative_to(library).parts)
    )
    for number, path in enumerate(files):
        text = path.read_text(encoding="utf-8", errors="replace")
        name = str(path.relative_to(library))
        row = Row(
            id=name,
            request=msgspec.Raw(b'{"messages":[]}'),
            answer=msgspec.Raw(msgspec.json.encode({"role": "assistant", "content": text})),
            maker=PEOPLE,
            origin=f"file {name}",
            group=name,
        )
        lines["train" if number % _HELD_OUT_EVERY else "held-out"].append(msgspec.json.encode(row))
    digest = hash_of(lines.items())
    folder = data / "datasets" / "stdlib" / digest[:VERSION_DIGITS]
    folder.mkdir(parents=True)
    for split, rows in lines.items():
        (folder / f"{split}.jsonl").write_bytes(b"".join(row + b"\n" for row in rows))
    manifest = Manifest(
        name="stdlib",
        hash=digest,
        rows={split: len(rows) for split, rows in lines.items()},
        source="file:stdlib",
        makers={PEOPLE: len(files)},
        made_us=1,
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return Dataset(folder)
