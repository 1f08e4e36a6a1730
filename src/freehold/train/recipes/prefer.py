"""Preferences: of two answers to the same question, the better one becomes likelier and the worse one less likely.

It is DPO: no model of rewards is made. What counts is how much likelier than in the base the better answer has become,
beside the worse one, so the model stays near its base where nobody prefers anything.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import torch

from freehold.core.errors import BadRequest
from freehold.train.base import load_base
from freehold.train.conversations import Example, Unusable, examples_of
from freehold.train.data.row import Row
from freehold.train.learning import told, with_lora
from freehold.train.order import Order, Outcome, Progress, Stopped
from freehold.train.running.chance import seed_everything
from freehold.train.running.finished import keep_model
from freehold.train.running.trainers import Follow, last_of, place_of, quiet

Count = Annotated[int, msgspec.Meta(ge=1)]
Amount = Annotated[float, msgspec.Meta(ge=0)]


class Dials(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What can be set; `prefer.toml` says what each does."""

    strength: Annotated[float, msgspec.Meta(gt=0)]
    epochs: Count
    batch: Count
    together: Count
    learning_rate: Annotated[float, msgspec.Meta(gt=0)]
    warmup: Annotated[float, msgspec.Meta(ge=0, le=1)]
    clip: Annotated[float, msgspec.Meta(gt=0)]
    context: Count
    rank: Annotated[int, msgspec.Meta(ge=0)]
    precision: Literal["bf16", "fp32"]
    held_out: Annotated[int, msgspec.Meta(ge=0)]
    save_minutes: Amount


class Pair(NamedTuple):
    """Two answers to one question, in tokens."""

    better: Example
    worse: Example


def train(order: Order, dials: Dials, progress: Progress) -> Outcome:
    """Learn from the dataset's pairs of answers, and leave the model in the run's folder."""
    assert order.dataset is not None
    assert order.base is not None
    if dials.batch % dials.together:
        raise BadRequest(
            f"A step has {dials.batch} pairs, which is no multiple of `together`, {dials.together}.",
            hint="Set `together` to a divisor of `batch`.",
        )
    seed_everything(order.seed)
    base = load_base(order.base, order.data)
    model, tokenizer = base.model, base.tokenizer
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token

    # What there is to learn from.
    longest = min(dials.context, model.config.max_position_embeddings)
    pairs, unusable = pairs_of(order.dataset.rows("train"), tokenizer, longest)
    held_out = pairs_of(order.dataset.rows("held-out"), tokenizer, longest)[0][: dials.held_out]
    notes = told(unusable, len(pairs))
    if not pairs:
        raise BadRequest(
            " ".join((f"`{order.dataset.reference}` has no pair of answers to learn from.", *notes)),
            hint="Make a dataset with answers that were rejected, or give a longer `context`.",
        )
    chance = random.Random(order.seed)
    asked = [pair for _ in range(dials.epochs) for pair in chance.sample(pairs, len(pairs))]
    steps = -(-len(asked) // dials.batch)

    # What learns, and what follows it.
    if dials.rank:
        with quiet():
            model = with_lora(model, dials.rank)

    def measure(step: int) -> dict[str, float]:
        return {"held_out_preferred": preferred(model, held_out)} if held_out and step in {0, steps} else {}

    before = measure(0)
    follow = Follow(progress, CURVE, dials.save_minutes, lambda step: before if step == 0 else measure(step))
    with quiet():
        trainer = trainer_of(order, dials, model, tokenizer, asked, steps, follow)
        trainer.train(resume_from_checkpoint=last_of(order.folder) if order.resume else None)
    if follow.stopped:
        raise Stopped

    learned = trainer.model.merge_and_unload() if dials.rank else trainer.model
    keep_model(learned, tokenizer, order.folder)
    results = {f"{name}_before": value for name, value in before.items()} | follow.last
    return Outcome(results={**results, "steps": steps, "pairs": len(pairs)}, notes=tuple(notes))


CURVE = {
    "loss": "loss",
    "rewards/accuracies": "right",
    "rewards/margins": "margin",
    "logps/chosen": "better",
    "logps/rejected": "worse",
    "grad_norm": "gradient",
    "learning_rate": "learning_rate",
}
"""What TRL tells of a step, and what it is called in the curve."""


def pairs_of(rows: Iterable[Row], tokenizer: Any, longest: int) -> tuple[list[Pair], list[Unusable]]:
    """The rows with two answers as tokens, and those that are left out."""
    pairs, unusable = [], []
    for row in rows:
        if not bytes(row.rejected):
            unusable.append(Unusable(row.id, "there is no rejected answer"))
            continue
        both = (row, msgspec.structs.replace(row, answer=row.rejected))
        examples, failed = examples_of(both, tokenizer, longest)
        if failed:
            unusable.append(failed[0])
        elif examples[0].answer == examples[1].answer:
            unusable.append(Unusable(row.id, "both answers are the same"))
        else:
            pairs.append(Pair(*examples))
    return pairs, unusable


def preferred(model: Any, pairs: Sequence[Pair]) -> float:
    """The share of pairs whose better answer is the likelier one, a token."""
    training = model.training
    model.eval()
    with torch.inference_mode():
        better = sum(likelihood(model, pair.better) > likelihood(model, pair.worse) for pair in pairs)
    model.train(training)
    return better / len(pairs)


def likelihood(model: Any, example: Example) -> float:
    """The mean logarithm of the probability of an answer's tokens."""
    many = len(example.answer)
    logits = model(
        input_ids=torch.tensor([[*example.prompt, *example.answer]]), logits_to_keep=many + 1
    ).logits[0, :-1]
    return -float(torch.nn.functional.cross_entropy(logits.float(), torch.tensor(example.answer)))


def trainer_of(  # noqa: PLR0917 - everything that learning is made of
    order: Order,
    dials: Dials,
    model: Any,
    tokenizer: Any,
    pairs: Sequence[Pair],
    steps: int,
    follow: Follow,
) -> Any:
    """TRL's trainer, which is handed the tokens as they are."""
    from datasets import Dataset  # noqa: PLC0415 - seconds
    from transformers import PrinterCallback  # noqa: PLC0415
    from trl import DPOConfig, DPOTrainer  # noqa: PLC0415

    class Tokens(DPOTrainer):  # type: ignore[misc]  # it has no types
        """Of conversations, TRL would make tokens by rules of its own."""

        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    settings = DPOConfig(
        **place_of(order.folder),
        seed=order.seed,
        use_cpu=True,
        bf16=dials.precision == "bf16",
        max_steps=steps,
        per_device_train_batch_size=dials.together,
        gradient_accumulation_steps=dials.batch // dials.together,
        train_sampling_strategy="sequential",
        beta=dials.strength,
        max_length=None,
        learning_rate=dials.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(dials.warmup * steps),
        max_grad_norm=dials.clip,
        activation_checkpointing=False,
    )
    rows = [
        {
            "prompt_ids": list(pair.better.prompt),
            "chosen_ids": list(pair.better.answer),
            "rejected_ids": list(pair.worse.answer),
        }
        for pair in pairs
    ]
    trainer = Tokens(
        model=model,
        args=settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[follow],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
