"""Documents to learn from, and the command that makes a tiny model of them."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

import freehold
from freehold.train.data.row import PEOPLE, Row
from freehold.train.data.shelf import MANIFEST, VERSION_DIGITS, Dataset, Manifest, hash_of

TINY = {
    "vocabulary": "512",
    "layers": "2",
    "width": "32",
    "heads": "2",
    "context": "32",
    "batch": "8",
    "tokens": "7680",
    "measure_every": "10",
    "held_out": "8",
    "learning_rate": "1e-2",
}
"""Dials of a model that learns in two seconds: 30 steps."""

_WHO = ("the clerk", "a lender", "the tenant", "our bank", "the notary", "my neighbour")
_DOES = ("signs", "keeps", "reads", "returns", "copies", "loses")
_WHAT = ("the deed", "a lease of 99 years", "the ledger", "a receipt for 1250", "the key", "땅문서")


def sentences(count: int, seed: int = 1) -> list[str]:
    """Documents of ten sentences each, always the same."""
    chance = random.Random(seed)
    return [
        " ".join(
            f"{chance.choice(_WHO)} {chance.choice(_DOES)} {chance.choice(_WHAT)}.".capitalize()
            for _ in range(10)
        )
        for _ in range(count)
    ]


def make_documents(data: Path, name: str, train: Iterable[str], held_out: Iterable[str] = ()) -> Dataset:
    """A dataset of texts in a data folder."""
    lines: dict[Any, list[bytes]] = {
        split: [_line(f"{split}-{number}", text) for number, text in enumerate(texts)]
        for split, texts in (("train", train), ("held-out", held_out))
    }
    digest = hash_of(lines.items())
    folder = data / "datasets" / name / digest[:VERSION_DIGITS]
    folder.mkdir(parents=True)
    for split, rows in lines.items():
        (folder / f"{split}.jsonl").write_bytes(b"".join(row + b"\n" for row in rows))
    manifest = Manifest(
        name=name,
        hash=digest,
        rows={split: len(rows) for split, rows in lines.items()},
        source="file:documents.txt",
        makers={PEOPLE: sum(len(rows) for rows in lines.values())},
        made_us=1,
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return Dataset(folder)


def words_of(dataset: str, **dials: object) -> list[str]:
    """The command that makes a tiny model, with these dials."""
    given = {**TINY, **{name: json.dumps(value) for name, value in dials.items()}}
    return [
        "train",
        "pretrain",
        "--data",
        dataset,
        *(f"--set={name}={value}" for name, value in given.items()),
    ]


def program() -> list[str]:
    """What begins a command line of Freehold in a process of its own."""
    return [sys.executable, "-m", "freehold"]


def surroundings() -> dict[str, str]:
    """The environment of such a process."""
    assert freehold.__file__ is not None
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(freehold.__file__).parent.parent),
        "HOME": "/nowhere",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
    }


def _line(id: str, text: str) -> bytes:
    answer = msgspec.Raw(msgspec.json.encode({"role": "assistant", "content": text}))
    row = Row(
        id=id, request=msgspec.Raw(b'{"messages":[]}'), answer=answer, maker=PEOPLE, origin=id, group=id
    )
    return msgspec.json.encode(row)
