"""A small model from nothing: a tokenizer from the data, a Llama at random, and the next token, again and again.

What comes of it continues text. It follows no instructions and does not reason: `sft` and `reason` begin from here.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from freehold.core.errors import BadRequest
from freehold.train.data.shelf import SPLITS
from freehold.train.order import Order, Outcome, Progress, Stopped
from freehold.train.running.chance import seed_everything
from freehold.train.running.checkpoints import Pace, last_checkpoint, save_checkpoint
from freehold.train.running.finished import keep_model
from freehold.train.spreading.group import first_alone, place, sum_gradients, sum_of
from freehold.train.tokens.dialect import END, SPECIAL, TURN_END
from freehold.train.tokens.documents import documents
from freehold.train.tokens.packing import Packed, Windows, is_packed, pack, packed_in
from freehold.train.tokens.tokenizer import FEWEST, encoder_of, make_tokenizer

Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Dials(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What can be set; `pretrain.toml` says what each does."""

    vocabulary: Annotated[int, msgspec.Meta(ge=FEWEST)]
    layers: Count
    width: Count
    heads: Count
    context: Annotated[int, msgspec.Meta(ge=2)]
    tokens: Count
    batch: Count
    micro: Count
    learning_rate: Annotated[float, msgspec.Meta(gt=0)]
    warmup: Share
    schedule: Literal["wsd", "cosine"]
    decay: Share
    weight_decay: Annotated[float, msgspec.Meta(ge=0)]
    clip: Annotated[float, msgspec.Meta(gt=0)]
    precision: Literal["bf16", "fp32"]
    measure_every: Count
    held_out: Annotated[int, msgspec.Meta(ge=0)]
    save_minutes: Annotated[float, msgspec.Meta(ge=0)]

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise ValueError("`width` is a multiple of twice `heads`")


def train(order: Order, dials: Dials, progress: Progress) -> Outcome:  # noqa: PLR0915 - a script, read from top to bottom
    """Learn to continue the dataset's documents, and leave the model in the run's folder."""
    assert order.dataset is not None
    seed_everything(order.seed)
    here = place()
    if dials.batch % here.size:
        raise BadRequest(
            f"A `batch` of {dials.batch} cannot be shared by {here.size} processes.",
            hint=f"Set it to a multiple of {here.size}.",
        )

    # The text as tokens: made once, and found again by whoever goes on.
    with first_alone():
        prepare(order, dials)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(order.folder / "tokenizer")
    text = packed_in(order.folder / "tokens", "train")
    aside = packed_in(order.folder / "tokens", "held-out")
    windows = Windows(text, context=dials.context, seed=order.seed)
    held_out = list(Windows(aside, context=dials.context, seed=0).first(dials.held_out))
    if not windows.count:
        raise BadRequest(
            f"`{order.dataset.reference}` has {text.tokens:,} tokens to learn from; a window has {dials.context:,}.",
            hint="Make a dataset with more text, or set a shorter `context`.",
        )

    # What learns: matrices are drawn to nothing, the rest is not.
    model = LlamaForCausalLM(shape(dials, len(tokenizer)))
    weights = list(model.parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [one for one in weights if one.dim() >= 2], "weight_decay": dials.weight_decay},
            {"params": [one for one in weights if one.dim() < 2], "weight_decay": 0.0},
        ],
        lr=dials.learning_rate,
        betas=(0.9, 0.95),
        fused=True,
    )
    a_step = dials.batch * dials.context
    steps = math.ceil(dials.tokens / a_step)

    # Where it begins: at the beginning, or where a checkpoint left off.
    done = 0
    results: dict[str, float] = {}
    state = last_checkpoint(order.folder) if order.resume else None
    if state is not None:
        done, results = state["step"], state["results"]
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    progress.begin(steps, done=done)
    if state is None and held_out:
        results = measured(model, held_out, aside, dials)
        progress.step(0, tokens=0, **results)

    pace = Pace(dials.save_minutes)
    for step in range(done, steps):
        rate = dials.learning_rate * share_of_rate(step, steps, dials)
        for group in optimizer.param_groups:
            group["lr"] = rate

        # Each process computes every `size`th window of the step, and all add up what they found.
        mine = range(step * dials.batch + here.rank, (step + 1) * dials.batch, here.size)
        loss = 0.0
        for part in torch.from_numpy(windows.batch(mine)).split(dials.micro):
            cost = loss_of(model, part, dials.precision) / dials.batch
            cost.backward()
            loss += cost.item()
        sum_gradients(weights)
        norm = torch.nn.utils.clip_grad_norm_(weights, dials.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

        loss, stopping, due = sum_of(loss, progress.stopping, here.rank == 0 and pace.due)
        values = {"loss": loss, "learning_rate": rate, "gradient": float(norm)}
        results["loss"] = loss if step == 0 else 0.9 * results["loss"] + 0.1 * loss
        if held_out and ((step + 1) % dials.measure_every == 0 or step + 1 == steps):
            found = measured(model, held_out, aside, dials)
            values, results = values | found, results | found
        progress.step(step + 1, tokens=(step + 1) * a_step, **values)
        if (stopping or due) and here.rank == 0:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "results": results}
            save_checkpoint(order.folder, step + 1, state)
        if stopping:
            raise Stopped

    if here.rank == 0:
        keep_model(model, tokenizer, order.folder)
    return Outcome(
        results=results
        | {"steps": steps, "tokens": steps * a_step, "parameters": sum(one.numel() for one in weights)},
        notes=(
            "It was made from nothing and continues text: it follows no instructions and does not reason.",
        ),
    )


def shape(dials: Dials, vocabulary: int) -> LlamaConfig:
    """The model: as Llama, with one table for the tokens that it reads and those that it writes."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=dials.width,
        intermediate_size=64 * math.ceil(dials.width * 8 / 3 / 64),
        num_hidden_layers=dials.layers,
        num_attention_heads=dials.heads,
        num_key_value_heads=dials.heads,
        max_position_embeddings=dials.context,
        tie_word_embeddings=True,
        bos_token_id=SPECIAL.index(END),
        eos_token_id=SPECIAL.index(TURN_END),
        pad_token_id=SPECIAL.index(END),
    )


def prepare(order: Order, dials: Dials) -> None:
    """Make the tokenizer and both rows of tokens in the run's folder, unless they are there."""
    assert order.dataset is not None
    folder = order.folder / "tokens"
    if is_packed(folder, SPLITS[-1]):
        return
    tokenizer = make_tokenizer(documents(order.dataset, "train"), dials.vocabulary, context=dials.context)
    tokenizer.save_pretrained(order.folder / "tokenizer")
    for split in SPLITS:
        pack(
            documents(order.dataset, split),
            encoder_of(tokenizer),
            end=SPECIAL.index(END),
            folder=folder,
            name=split,
        )


def loss_of(model: Any, windows: torch.Tensor, precision: str) -> torch.Tensor:
    """What foretelling a token costs, in nats: the sum over windows of their means."""
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        logits = model(input_ids=windows[:, :-1], use_cache=False).logits
    return cross_entropy(logits.flatten(0, 1).float(), windows[:, 1:].flatten()) * len(windows)


def measured(model: Any, held_out: list[Any], aside: Packed, dials: Dials) -> dict[str, float]:
    """What foretelling a token of the held-out text costs, in nats, and a byte of it, in bits."""
    here, cost = place(), 0.0
    mine = torch.tensor([list(window) for window in held_out[here.rank :: here.size]], dtype=torch.long)
    with torch.inference_mode():
        for part in mine.split(dials.micro):
            cost += float(loss_of(model, part, dials.precision))
    (cost,) = sum_of(cost)
    loss = cost / len(held_out)
    return {"held_out_loss": loss, "bits_per_byte": loss / math.log(2) * aside.tokens / aside.size}


def share_of_rate(step: int, steps: int, dials: Dials) -> float:
    """The share of the highest learning rate at a step, from 0 to 1."""
    rising = math.ceil(steps * dials.warmup)
    if step < rising:
        return (step + 1) / rising
    if dials.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1)))
    return min(1.0, (steps - step) / max(math.ceil(steps * dials.decay), 1))
