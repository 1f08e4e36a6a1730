"""What a recipe is handed, and what it gives back."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec

from freehold.train.data.shelf import Dataset


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One making of a model."""

    folder: Path
    """Of the run: checkpoints go below it, the finished model into `model/`."""
    dataset: Dataset | None
    base: str | None
    """What to begin from; None: from nothing."""
    seed: int
    data: Path
    """The data folder, in which bases that are runs or own models are found."""
    resume: bool = False
    """Go on from the last checkpoint."""


class Progress(Protocol):
    """Who follows a recipe: the curve on disk, the display, the tracking."""

    def begin(self, steps: int, *, done: int = 0) -> None:
        """How many steps there will be, and how many of them the checkpoint holds that it goes on from."""

    def step(self, step: int, *, tokens: int | None = None, **values: float) -> None:
        """One step is done; `tokens`: learned from so far, over all resumptions."""

    @property
    def stopping(self) -> bool:
        """Whether somebody wants it to stop: keep a checkpoint and raise `Stopped`."""


class Stopped(Exception):
    """The recipe ended early because it was told to; a checkpoint is kept."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. The model is in `model/` of the run's folder."""

    results: dict[str, float]
    notes: tuple[str, ...] = ()
    """What whoever uses the model has to know, one sentence each."""
