"""Checkpoints: all that a recipe needs to go on exactly where it was, in one file each.

A checkpoint is written beside the others and renamed once it is on the disk, so whatever has its name is whole.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from freehold.core.errors import StoreError
from freehold.train.run import CHECKPOINTS
from freehold.train.running.chance import random_states, set_random_states

KEPT = 2
"""The last one, and the one before it."""
_CHANCE = "chance"


def save_checkpoint(folder: Path, step: int, state: Mapping[str, Any]) -> Path:
    """Keep this state of the run in `folder`, with that of every source of chance, and drop older ones.

    `state` holds tensors, numbers, texts, lists and mappings of them. Raises StoreError; older ones are intact then.
    """
    place = folder / CHECKPOINTS
    path = place / f"step-{step:09d}.pt"
    new = path.with_suffix(".new")
    try:
        place.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as file:
            torch.save({**state, "step": step, _CHANCE: random_states()}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except (OSError, RuntimeError) as error:  # torch wraps what the disk says
        new.unlink(missing_ok=True)
        raise StoreError(
            f"The checkpoint `{path}` could not be written: {error}.",
            hint="Make room on the disk; `freehold train resume` goes on from the checkpoint before it.",
        ) from error
    for old in _paths(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def last_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The state that was kept last, its number of steps as `step`; None: none was.

    Every source of chance goes on from where it was then, so restore it after everything else is made.
    """
    paths = _paths(folder)
    if not paths:
        return None
    try:
        state: dict[str, Any] = torch.load(paths[-1], map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise StoreError(
            f"The checkpoint `{paths[-1]}` cannot be read: {error}.",
            hint="Take it away; `freehold train resume` then goes on from the one before it.",
        ) from error
    set_random_states(state.pop(_CHANCE))
    return state


def has_checkpoint(folder: Path) -> bool:
    """Whether there is something to go on from."""
    return bool(_paths(folder))


class Pace:
    """When the next checkpoint is due."""

    def __init__(self, minutes: float) -> None:
        """`minutes` of training between two; 0: after each step."""
        self._seconds = minutes * 60
        self._last = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time; asked once a step."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


def _paths(folder: Path) -> list[Path]:
    return sorted((folder / CHECKPOINTS).glob("step-*.pt"))
