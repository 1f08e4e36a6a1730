"""Supervised fine-tuning: the model learns to write the answers of a dataset, and nothing of the questions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
import torch

from freehold.core.errors import BadRequest
from freehold.train.base import load_base
from freehold.train.conversations import examples_of
from freehold.train.data.row import Row
from freehold.train.learning import rise_and_fall, told, with_lora
from freehold.train.order import Order, Outcome, Progress, Stopped
from freehold.train.packed import loss_of, mean_loss
from freehold.train.packing import packs, steps_of
from freehold.train.running.chance import seed_everything
from freehold.train.running.checkpoints import Pace, last_checkpoint, save_checkpoint
from freehold.train.running.finished import keep_model
from freehold.train.spreading.group import first_alone, place, sum_gradients, sum_of

Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Dials(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What can be set; `sft.toml` says what each does."""

    way: Literal["full", "lora"]
    epochs: Count
    batch: Count
    learning_rate: Annotated[float, msgspec.Meta(gt=0)]
    warmup: Share
    weight_decay: Annotated[float, msgspec.Meta(ge=0)]
    clip: Annotated[float, msgspec.Meta(gt=0)]
    context: Count
    pack: Count
    precision: Literal["bf16", "fp32"]
    rank: Count
    held_out: Annotated[int, msgspec.Meta(ge=0)]
    save_minutes: Annotated[float, msgspec.Meta(ge=0)]
    max_steps: Annotated[int, msgspec.Meta(ge=0)]


def train(order: Order, dials: Dials, progress: Progress) -> Outcome:
    """Learn from the dataset's rows, and leave the model in the run's folder."""
    assert order.dataset is not None
    return learn(order, dials, progress, order.dataset.rows("train"))


def learn(  # noqa: PLR0915 - to be read from top to bottom
    order: Order, dials: Dials, progress: Progress, rows: Iterable[Row]
) -> Outcome:
    """The same, from rows that are handed over; what was held out is the dataset's."""
    assert order.dataset is not None
    assert order.base is not None
    seed_everything(order.seed)
    here = place()
    with first_alone():  # what it makes of a base on the disk, the others find
        base = load_base(order.base, order.data)
    model, tokenizer = base.model, base.tokenizer

    # What there is to learn from.
    longest = min(dials.context, model.config.max_position_embeddings)
    examples, unusable = examples_of(rows, tokenizer, longest)
    aside = examples_of(order.dataset.rows("held-out"), tokenizer, longest)[0][: dials.held_out]
    notes = told(unusable, len(examples))
    if not examples:
        raise BadRequest(
            " ".join((f"`{order.dataset.reference}` has no row to learn from.", *notes)),
            hint="Make a dataset with rows, or give a longer `context`.",
        )
    batches = list(steps_of(examples, batch=dials.batch, epochs=dials.epochs, seed=order.seed))
    steps = min(len(batches), dials.max_steps or len(batches))

    # What learns.
    if dials.way == "lora":
        model = with_lora(model, dials.rank)
    learned = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        [weight for _, weight in learned],
        lr=dials.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=dials.weight_decay,
        fused=True,
    )

    # Where it begins: at the beginning, or where a checkpoint left off.
    done = tokens = 0
    results: dict[str, float] = {}
    state = last_checkpoint(order.folder) if order.resume else None
    if state is not None:
        done, tokens, results = state["step"], state["tokens"], state["results"]
        model.load_state_dict(state["model"], strict=False)  # with "lora", the other weights are the base's
        optimizer.load_state_dict(state["optimizer"])
    progress.begin(steps, done=done)
    if state is None and aside:
        results["held_out_loss_before"] = mean_loss(model, aside, dials.pack, dials.precision)
        progress.step(0, tokens=0, held_out_loss=results["held_out_loss_before"])

    model.train()
    pace = Pace(dials.save_minutes)
    for step in range(done, steps):
        rate = dials.learning_rate * rise_and_fall(step, steps, dials.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate

        # Each process computes every `size`th pack of the step, and all add up what they found.
        together = packs(batches[step], dials.pack)
        learned_tokens = sum(len(one.targets) for one in together)
        loss = 0.0
        for one in together[here.rank :: here.size]:
            part = loss_of(model, one, dials.precision) / learned_tokens
            part.backward()
            loss += part.item()
        sum_gradients([weight for _, weight in learned])
        norm = torch.nn.utils.clip_grad_norm_([weight for _, weight in learned], dials.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

        loss, stopping, due = sum_of(loss, progress.stopping, here.rank == 0 and pace.due)
        tokens += sum(one.read for one in together)
        results["loss"] = loss if step == 0 else 0.9 * results["loss"] + 0.1 * loss
        progress.step(step + 1, tokens=tokens, loss=loss, learning_rate=rate, gradient=float(norm))
        if (stopping or due) and here.rank == 0:
            state = {
                "model": {name: weight.detach() for name, weight in learned},
                "optimizer": optimizer.state_dict(),
                "tokens": tokens,
                "results": results,
            }
            save_checkpoint(order.folder, step + 1, state)
        if stopping:
            raise Stopped

    if aside:
        results["held_out_loss"] = mean_loss(model, aside, dials.pack, dials.precision)
        progress.step(steps, held_out_loss=results["held_out_loss"])
    if dials.way == "lora":
        model = model.merge_and_unload()
    if here.rank == 0:
        keep_model(model, tokenizer, order.folder)
    results |= {"steps": steps, "rows": len(examples), "rows_left_out": len(unusable), "tokens": tokens}
    return Outcome(results=results, notes=notes)
