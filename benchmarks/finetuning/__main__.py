"""`python -m benchmarks.finetuning`: tokens a second of fine-tuning the local model, the ways side by side.

Each way learns from the same rows, sixteen a step, in turns; a step's tokens are those of its examples alone, without
padding and with the instructions in each. The first step of a turn is not counted. It needs the training environment.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from transformers.utils import logging
from trl import SFTConfig, SFTTrainer

from benchmarks.finetuning.tickets import tickets
from freehold.train.base import load_base
from freehold.train.conversations import answer_message, examples_of, messages_of
from freehold.train.data.row import Row
from freehold.train.learning import with_lora
from freehold.train.packed import loss_of
from freehold.train.packing import packs, steps_of

BATCH = 16
BASE = "local/smollm2-135m"


class Took(NamedTuple):
    """What a step took."""

    seconds: float
    of_processor: float
    """Seconds that the machine's other work does not count in."""


Way = Callable[[Path, list[Row], int], list[Took]]
"""Trains so many steps, and one before them that is not counted."""


def now() -> Took:
    return Took(time.perf_counter(), time.process_time())


def between(before: Took, after: Took) -> Took:
    return Took(after.seconds - before.seconds, after.of_processor - before.of_processor)


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--rounds", type=int, default=3)
    told.add_argument("--steps", type=int, default=3, help="of each way in a round, besides the first")
    told.add_argument("--ways", nargs="*", default=list(WAYS))
    told.add_argument("--data", type=Path, default=Path(".freehold"))
    wanted = told.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    base = load_base(BASE, wanted.data)
    rows = list(tickets(BATCH * (wanted.steps + 1), seed=1))
    examples, _ = examples_of(rows, base.tokenizer, 1024)
    batches = list(steps_of(examples, batch=BATCH, epochs=1, seed=0))
    read = median(sum(map(len, batch)) for batch in batches)
    print(f"{len(examples)} examples of {read / BATCH:.0f} tokens; {BATCH} a step")
    took: dict[str, list[Took]] = {name: [] for name in wanted.ways}
    for _ in range(wanted.rounds):
        for name in wanted.ways:
            took[name] += WAYS[name](wanted.data, rows, wanted.steps)
            print(f"  {name:24} {read / took[name][-1].seconds:8,.0f} tokens/s", flush=True)
    for name, steps in took.items():
        seconds, of_processor = (
            median(one.seconds for one in steps),
            median(one.of_processor for one in steps),
        )
        print(
            f"{name:26} {read / seconds:8,.0f} tokens/s, {read / of_processor:8,.0f} in a second of processor time, "
            f"best step {read / min(one.seconds for one in steps):,.0f} tokens/s"
        )


def ours(way: str, longest: int = 1024) -> Way:
    """The steps of the recipe."""

    def train(data: Path, rows: list[Row], steps: int) -> list[Took]:
        base = load_base(BASE, data)
        model = with_lora(base.model, 16) if way == "lora" else base.model
        examples, _ = examples_of(rows, base.tokenizer, 1024)
        learned = [weight for weight in model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(learned, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
        model.train()
        at = [now()]
        for batch in list(steps_of(examples, batch=BATCH, epochs=1, seed=0))[: steps + 1]:
            together = packs(batch, longest)
            for one in together:
                (loss_of(model, one, "bf16") / sum(len(part.targets) for part in together)).backward()
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            at.append(now())
        return [between(*two) for two in pairwise(at)][1:]

    return train


def theirs(data: Path, rows: list[Row], steps: int) -> list[Took]:
    """TRL's trainer on the same rows, padded to the longest of each step, with the loss on the answers."""
    from datasets import Dataset, disable_progress_bars  # noqa: PLC0415 - seconds, and only this way needs it

    disable_progress_bars()
    base = load_base(BASE, data)
    at: list[Took] = []

    class Timed(SFTTrainer):  # type: ignore[misc]
        def training_step(self, *given: object, **named: object) -> object:
            at.append(now())
            return super().training_step(*given, **named)

    with TemporaryDirectory() as place:
        how = SFTConfig(
            output_dir=place,
            per_device_train_batch_size=BATCH,
            max_steps=steps + 1,
            learning_rate=1e-4,
            bf16=True,
            use_cpu=True,
            gradient_checkpointing=False,
            completion_only_loss=True,
            max_length=1024,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        data_set = Dataset.from_list(
            [{"prompt": messages_of(row), "completion": [answer_message(row.answer)]} for row in rows]
        )
        Timed(model=base.model, args=how, train_dataset=data_set, processing_class=base.tokenizer).train()
    at.append(now())
    return [between(*two) for two in pairwise(at)][1:]


WAYS: dict[str, Way] = {
    "sft, full": ours("full"),
    "sft, lora": ours("lora"),
    "TRL's SFTTrainer, full": theirs,
}

if __name__ == "__main__":
    main()
