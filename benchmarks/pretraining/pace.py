"""Tokens a second of the recipe beside Transformers' Trainer: the same model, in turns, in one process.

The recipe itself runs, with its default dials. Whenever it has done a few steps, it is held, and the Trainer does as many
steps of as many tokens. The first steps of each turn are not counted: the other's numbers are in the processor's cache.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import torch
from transformers import LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments

from benchmarks.gateway.environments import say
from freehold.train.catalogue import defaults_of, fitted
from freehold.train.data.shelf import Dataset
from freehold.train.order import Order, Stopped
from freehold.train.recipes.pretrain import Dials, shape, train
from freehold.train.tokens.packing import Windows, packed_in

COUNTED = 3
NOT_COUNTED = 1
"""Steps of each turn."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, in turns."""

    tokens_per_second: float
    trainer_tokens_per_second: float
    """Medians of the turns by the clock on the wall, with whatever else the machine did."""
    ratio: float
    """The median over pairs of turns that followed each other, ours by theirs."""
    tokens_per_processor_second: float
    trainer_tokens_per_processor_second: float
    processor_ratio: float
    """The same by the processor's clock, which counts only what was worked here."""
    turns: int
    parameters: int


class Clock:
    """Tokens a second since it was started, by both clocks."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def rates(self, tokens: int) -> tuple[float, float]:
        """By the wall, by the processor."""
        return tokens / (time.perf_counter() - self._wall), tokens / (time.process_time() - self._processor)


class Turns:
    """The recipe's progress, which lets the Trainer take its turns."""

    def __init__(self, folder: Path, dials: Dials, minutes: float) -> None:
        self.ours: list[tuple[float, float]] = []
        self.theirs: list[tuple[float, float]] = []
        self._folder, self._dials = folder, dials
        self._until = time.monotonic() + minutes * 60
        self._trainer: Any = None
        self._clock = Clock()
        self._in_turn = 0

    @property
    def stopping(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self._until and len(self.ours) >= 3

    def begin(self, steps: int, *, done: int = 0) -> None:
        """Nothing to prepare: the tokens are there when the first step is done."""

    def step(self, step: int, *, tokens: int | None = None, **values: float) -> None:
        """One more of ours; at the end of a turn, theirs."""
        self._in_turn += 1
        if self._in_turn == NOT_COUNTED:
            self._clock = Clock()
        elif self._in_turn == NOT_COUNTED + COUNTED:
            self.ours.append(self._clock.rates(COUNTED * self._dials.batch * self._dials.context))
            if self._trainer is None:
                self._trainer = TrainersTurn(self._folder, self._dials)
            self.theirs.append(self._trainer.take())
            say(
                f"turn {len(self.ours)}: {self.ours[-1][0]:,.0f} and {self.theirs[-1][0]:,.0f} tokens a second"
            )
            self._in_turn = 0


class TrainersTurn(TrainerCallback):  # type: ignore[misc]
    """Transformers' Trainer with a model of the same shape on the same windows."""

    def __init__(self, folder: Path, dials: Dials) -> None:
        windows = Windows(packed_in(folder / "tokens", "train"), context=dials.context, seed=0)
        read = torch.from_numpy(windows.batch(range(64 * dials.batch)))[:, : dials.context]
        self._tokens = COUNTED * dials.batch * dials.context
        self._trainer = Trainer(
            model=LlamaForCausalLM(shape(dials, dials.vocabulary)),
            args=TrainingArguments(
                output_dir=str(folder / "trainer"),
                per_device_train_batch_size=dials.batch,
                max_steps=NOT_COUNTED + COUNTED,
                learning_rate=dials.learning_rate,
                weight_decay=dials.weight_decay,
                max_grad_norm=dials.clip,
                bf16=dials.precision == "bf16",
                use_cpu=True,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                dataloader_pin_memory=False,
            ),
            train_dataset=[{"input_ids": one, "labels": one} for one in read],
            callbacks=[self],
        )
        self._clock = Clock()
        self._rates = (0.0, 0.0)

    def take(self) -> tuple[float, float]:
        """A few steps; tokens a second by both clocks."""
        self._trainer.train()
        return self._rates

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin to count after the first, and end with the last."""
        if state.global_step == NOT_COUNTED:
            self._clock = Clock()
        elif state.global_step == NOT_COUNTED + COUNTED:
            self._rates = self._clock.rates(self._tokens)


def pace(dataset: Dataset, folder: Path, minutes: float) -> Pace:
    """Run both for so long."""
    changed = {"measure_every": 10**9, "held_out": 0, "save_minutes": 600.0, "tokens": 10**9}
    dials = fitted("pretrain", defaults_of("pretrain") | changed)
    assert isinstance(dials, Dials)
    folder.mkdir(parents=True)
    turns = Turns(folder, dials, minutes)
    try:
        train(Order(folder=folder, dataset=dataset, base=None, seed=1, data=folder), dials, turns)
    except Stopped:
        pass
    pairs = list(zip(turns.ours, turns.theirs, strict=True))
    return Pace(
        tokens_per_second=median(one[0] for one in turns.ours),
        trainer_tokens_per_second=median(one[0] for one in turns.theirs),
        ratio=median(one[0] / other[0] for one, other in pairs),
        tokens_per_processor_second=median(one[1] for one in turns.ours),
        trainer_tokens_per_processor_second=median(one[1] for one in turns.theirs),
        processor_ratio=median(one[1] / other[1] for one, other in pairs),
        turns=len(pairs),
        parameters=sum(one.numel() for one in LlamaForCausalLM(shape(dials, dials.vocabulary)).parameters()),
    )
