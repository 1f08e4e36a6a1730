"""Ties a Trainer of Transformers or TRL to a run: its curve, its checkpoints, its end.

Such a Trainer keeps its own checkpoints, folders `checkpoint-STEP`, with weights, optimizer, schedule and the state of
every source of chance. Where its data went on is found by its step.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.utils import logging

from freehold.train.order import Progress
from freehold.train.run import CHECKPOINTS
from freehold.train.running.checkpoints import KEPT, Pace

_STEP = re.compile(r"checkpoint-(\d+)")
_LAST_WRITTEN = "trainer_state.json"
"""Of a checkpoint's files: where it is whole, the others are there."""

Measure = Callable[[int], Mapping[str, float]]
"""What is measured after a step, beside what the Trainer says of itself; nothing, after most."""


class Follow(TrainerCallback):  # type: ignore[misc]  # it has no types
    """Tells a run how its Trainer stands, and the Trainer when to keep a checkpoint and when to stop."""

    def __init__(
        self, progress: Progress, names: Mapping[str, str], save_minutes: float, measure: Measure
    ) -> None:
        """`names`: what the Trainer's values are called in the curve; others are not kept."""
        self._progress, self._names, self._measure = progress, names, measure
        self._pace = Pace(save_minutes)
        self.stopped = False
        """Whether it ended before its last step, because it was told to."""
        self.last: dict[str, float] = {}
        """The values of the last step."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Where it begins: at the beginning, or where a checkpoint left off."""
        self._progress.begin(state.max_steps, done=state.global_step)
        if state.global_step == 0 and (measured := self._measure(0)):
            self._progress.step(0, tokens=0, **measured)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """A step is done: is a checkpoint due, or does somebody want it to stop?"""
        stopping = self._progress.stopping and state.global_step < state.max_steps
        control.should_save = self._pace.due or stopping
        control.should_training_stop = control.should_training_stop or stopping
        self.stopped = stopping

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, float | None] | None = None, **_: Any
    ) -> None:
        """What the Trainer says of a step. It says once more at the end how all went: that is no step."""
        if not logs or "loss" not in logs:
            return
        values = {name: logs.get(theirs) for theirs, name in self._names.items()}
        self.last = {name: float(value) for name, value in values.items() if value is not None}
        self.last |= self._measure(state.global_step)
        self._progress.step(state.global_step, tokens=state.num_input_tokens_seen or None, **self.last)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Transformers and TRL from speaking into the display, unless it is an error.

    TRL uses names that Transformers will give up: that is their matter, and both versions are locked.
    """
    before, barred = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(before)
        if barred:
            logging.enable_progress_bar()


def last_of(folder: Path) -> str | None:
    """The last whole checkpoint of a Trainer in a run's folder; None: there is none."""
    whole = [path for path in _all(folder) if (path / _LAST_WRITTEN).is_file()]
    return str(whole[-1]) if whole else None


def place_of(folder: Path) -> dict[str, Any]:
    """Settings of a Trainer that has its checkpoints in a run's folder, kept when `Follow` says so."""
    return {
        "output_dir": str(folder / CHECKPOINTS),
        "save_strategy": "no",
        "save_total_limit": KEPT,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": [],
        "disable_tqdm": True,
    }


def _all(folder: Path) -> list[Path]:
    found = [
        (int(named[1]), path)
        for path in (folder / CHECKPOINTS).glob("checkpoint-*")
        if (named := _STEP.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found)]
