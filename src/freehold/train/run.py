"""Runs on disk: `DATA/runs/ID/`, one making of a model each.

A folder holds `run.json`, `curve.jsonl` (a `Point` each line), `checkpoints/`, the model in Hugging Face's form in
`model/` once it is finished, and the model card `README.md`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from freehold.core.errors import BadRequest, NotFound, StoreError
from freehold.store.folders import make_private

RUN = "run.json"
CURVE = "curve.jsonl"
CARD = "README.md"
MODEL = "model"
CHECKPOINTS = "checkpoints"

State = Literal["running", "stopped", "finished", "failed"]
"""`stopped` and `failed` ones can be resumed from their last checkpoint, where there is one; so can one that says
`running` and whose process is gone.
"""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One making of a model."""

    id: str
    name: str
    recipe: str
    """`sft`, `reason` …"""
    state: State
    base: str | None
    """What it began from: a model, a run, a folder; None: from nothing."""
    dataset: str | None
    """`NAME@VERSION`."""
    dataset_hash: str | None
    """All 64 digits."""
    dials: dict[str, Any]
    """Every dial of the recipe with its value."""
    seed: int
    versions: dict[str, str]
    """Of the libraries that decide about the result: torch, transformers, trl, peft, freehold."""
    begun_us: int
    """Microseconds since 1970, UTC."""
    ended_us: int | None = None
    results: dict[str, float] = {}
    """What came of it: `loss`, `held_out_loss`, `reward`, `tokens_per_second` …"""
    reason: str | None = None
    """Why it failed or was stopped."""
    makers: dict[str, int] = {}
    """How many rows of its data each maker wrote."""
    licence: str | None = None
    """What its base's licence and the terms of its data leave, and so of all that is made of it: an SPDX identifier,
    or a name; None: not known.
    """
    notes: tuple[str, ...] = ()
    """What whoever uses the model has to know, one sentence each."""


class Point(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One point of a run's curve."""

    step: int
    seconds: float
    """Of training, over all resumptions."""
    tokens: int | None = None
    """Learned from so far."""
    values: dict[str, float] = {}
    """`loss`, `reward`, `held_out_loss`, `learning_rate`, `tokens_per_second` …"""


class RunFolder:
    """One run that lies in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self) -> Run:
        """What is known of it. Raises NotFound."""
        try:
            return msgspec.json.decode((self.folder / RUN).read_bytes(), type=Run)
        except FileNotFoundError:
            raise NotFound(f"`{self.folder}` holds no run.", hint="See `freehold train list`.") from None
        except msgspec.DecodeError as error:
            raise StoreError(
                f"`{self.folder / RUN}` cannot be read: {error}.",
                hint=f"Its model and curve may be whole; move `{self.folder}` out of the way to see the other runs.",
            ) from None

    def write(self, run: Run) -> None:
        """Keep this of it, whole or not at all."""
        make_private(self.folder)
        new = self.folder / f"{RUN}.new"
        with new.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())  # a power cut would leave the name with nothing in it
        new.replace(self.folder / RUN)

    def curve(self) -> Iterator[Point]:
        """Its points so far, in their order."""
        decode = msgspec.json.Decoder(Point).decode
        path = self.folder / CURVE
        if path.exists():
            with path.open("rb") as lines:
                for line in lines:
                    if line.endswith(b"\n"):  # a full disk may have cut the last one
                        yield decode(line)

    @property
    def model(self) -> Path:
        """Where the finished model is, in Hugging Face's form: weights, tokenizer, chat template."""
        return self.folder / MODEL


class Runs:
    """All runs of a data folder."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "runs"

    def list(self) -> list[RunFolder]:
        """All of them, the newest first: ids grow with time."""
        return [RunFolder(path.parent) for path in sorted(self.folder.glob(f"*/{RUN}"), reverse=True)]

    def find(self, reference: str) -> RunFolder:
        """The one whose id begins so, or the newest of that name. Raises NotFound, BadRequest where several fit."""
        every = self.list()
        by_id = [one for one in every if one.folder.name.startswith(reference)]
        if len(by_id) == 1:
            return by_id[0]
        if by_id:
            raise BadRequest(f"Several runs begin with `{reference}`.", hint="Give more of the id.")
        for one in every:
            if one.read().name == reference:
                return one
        raise NotFound(f"There is no run `{reference}`.", hint="See `freehold train list`.")
