"""Supervised fine-tuning: the model learns to write the answers of a dataset, and nothing of the questions."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
import torch

from freehold.core.errors import BadRequest
from freehold.train.base import load_base
from freehold.train.conversations import Example, examples_of
from freehold.train.order import Order, Outcome, Progress, Stopped
from freehold.train.packing import Pack, packs, steps_of
from freehold.train.running.chance import seed_everything
from freehold.train.running.checkpoints import Pace, last_checkpoint, save_checkpoint

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


def train(order: Order, dials: Dials, progress: Progress) -> Outcome:  # noqa: PLR0915 - read from top to bottom
    """Learn from the dataset's rows, and leave the model in the run's folder."""
    assert order.dataset is not None and order.base is not None
    seed_everything(order.seed)
    base = load_base(order.base, order.data)
    model, tokenizer = base.model, base.tokenizer

    # What there is to learn from.
    longest = min(dials.context, model.config.max_position_embeddings)
    examples, unusable = examples_of(order.dataset.rows("train"), tokenizer, longest)
    held_out, _ = examples_of(order.dataset.rows("held-out"), tokenizer, longest)
    notes = told(unusable, len(examples))
    if not examples:
        raise BadRequest(
            f"`{order.dataset.reference}` has no row to learn from. {' '.join(notes)}".strip(),
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
    if state is None and held_out and dials.held_out:
        results["held_out_loss_before"] = mean_loss(model, held_out[: dials.held_out], dials)
        progress.step(0, tokens=0, held_out_loss=results["held_out_loss_before"])

    model.train()
    pace = Pace(dials.save_minutes)
    for step in range(done, steps):
        rate = dials.learning_rate * rise_and_fall(step, steps, dials.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate

        together = packs(batches[step], dials.pack)
        told_tokens = sum(len(one.targets) for one in together)
        loss = 0.0
        for one in together:
            part = loss_of(model, one, dials.precision) / told_tokens
            part.backward()
            loss += part.item()
        norm = torch.nn.utils.clip_grad_norm_([weight for _, weight in learned], dials.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

        tokens += sum(one.read for one in together)
        results["loss"] = loss if step == 0 else 0.9 * results["loss"] + 0.1 * loss
        progress.step(step + 1, tokens=tokens, loss=loss, learning_rate=rate, gradient=float(norm))
        if pace.due or progress.stopping:
            state = {
                "model": {name: weight.detach() for name, weight in learned},
                "optimizer": optimizer.state_dict(),
                "tokens": tokens,
                "results": results,
            }
            save_checkpoint(order.folder, step + 1, state)
        if progress.stopping:
            raise Stopped

    if held_out and dials.held_out:
        results["held_out_loss"] = mean_loss(model, held_out[: dials.held_out], dials)
        progress.step(steps, held_out_loss=results["held_out_loss"])
    if dials.way == "lora":
        model = model.merge_and_unload()
    model.save_pretrained(order.folder / "model")
    tokenizer.save_pretrained(order.folder / "model")
    results |= {"steps": steps, "rows": len(examples), "rows_left_out": len(unusable), "tokens": tokens}
    return Outcome(results=results, notes=tuple(notes))


def loss_of(model: Any, one: Pack, precision: str) -> torch.Tensor:
    """The sum of what foretelling each token of the answers costs, in nats. Only their logits are computed."""
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        logits = model(
            input_ids=torch.tensor([one.tokens]),
            position_ids=torch.tensor([one.positions]),
            attention_mask=who_sees_whom(one),
            logits_to_keep=torch.tensor(one.predicting),
            use_cache=False,
        ).logits[0]
    return torch.nn.functional.cross_entropy(logits.float(), torch.tensor(one.targets), reduction="sum")


def who_sees_whom(one: Pack) -> torch.Tensor:
    """A token sees those before it of its own example, and of the beginning that all share."""
    owner = torch.tensor(one.owner)
    mine = (owner[:, None] == owner[None, :]) | (owner[None, :] == 0)
    return torch.tril(mine)[None, None]


def mean_loss(model: Any, examples: list[Example], dials: Dials) -> float:
    """What foretelling a token of these answers costs, in nats."""
    model.eval()
    with torch.inference_mode():
        together = packs(examples, dials.pack)
        loss = sum(float(loss_of(model, one, dials.precision)) for one in together)
    model.train()
    return loss / sum(len(one.targets) for one in together)


def with_lora(model: Any, rank: int) -> Any:
    """The model with small matrices beside those of each layer; only they learn."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - a second, and only this way needs it

    return get_peft_model(
        model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    )


def rise_and_fall(step: int, steps: int, warmup: float) -> float:
    """The share of the highest learning rate at a step: up in a line, then down to nothing in a line."""
    rising = math.ceil(steps * warmup)
    return (step + 1) / rising if step < rising else (steps - step) / max(steps - rising, 1)


def told(unusable: list[Any], usable: int) -> list[str]:
    """What is to be said of rows that nothing was learned from, a sentence for each reason."""
    reasons: dict[str, int] = {}
    for one in unusable:
        reasons[one.reason] = reasons.get(one.reason, 0) + 1
    of = len(unusable) + usable
    return [f"{count:,} of {of:,} rows were left out: {reason}." for reason, count in sorted(reasons.items())]
