"""Distillation: the model learns to answer as a bigger one does.

Either from the teacher's answers, which are asked for beforehand (`train/teaching.py`): then it is fine-tuning on them.
Or from how likely the teacher, in memory beside the model, finds each token: of the dataset's answers, and of answers
that the model writes itself, so that it is taught about its own mistakes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import torch

from freehold.core.errors import BadRequest
from freehold.core.figures import counted
from freehold.train.base import load_base
from freehold.train.conversations import Example, examples_of
from freehold.train.learning import rise_and_fall, told, with_lora
from freehold.train.order import Order, Outcome, Progress, Stopped
from freehold.train.packed import answer_logits, mean_loss
from freehold.train.packing import packs, steps_of
from freehold.train.recipes import sft
from freehold.train.recipes.sft import Count, Share
from freehold.train.running.chance import seed_everything
from freehold.train.running.checkpoints import Pace, last_checkpoint, save_checkpoint
from freehold.train.running.finished import keep_model
from freehold.train.teaching import taught_rows


class Dials(sft.Dials, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What can be set; `distil.toml` says what each does."""

    teacher: Annotated[str, msgspec.Meta(min_length=1)]
    learn: Literal["logits", "answers"]
    decided: str
    own: Share
    reverse: Share
    temperature: Annotated[float, msgspec.Meta(gt=0)]
    longest_answer: Count
    concurrency: Count


def train(order: Order, dials: Dials, progress: Progress) -> Outcome:  # noqa: PLR0915 - to be read from top to bottom
    """Learn from the teacher, and leave the model in the run's folder."""
    assert order.dataset is not None
    assert order.base is not None
    if dials.learn == "answers":
        rows = list(taught_rows(order.folder, order.dataset, dials.teacher))
        outcome = sft.learn(order, dials, progress, rows)
        unanswered = order.dataset.manifest.rows["train"] - len(rows)
        note = f"{counted(unanswered, 'question')} left out: the teacher gave no answer."
        return msgspec.structs.replace(outcome, notes=(note, *outcome.notes)) if unanswered else outcome

    seed_everything(order.seed)
    base, teacher = load_base(order.base, order.data), load_base(dials.teacher, order.data)
    model, tokenizer, knows = base.model, base.tokenizer, teacher.model
    check_same_tokens(base.tokenizer, teacher.tokenizer, dials.teacher)
    knows.requires_grad_(False).eval()

    # What there is to learn from.
    longest = min(dials.context, *(one.config.max_position_embeddings for one in (model, knows)))
    examples, unusable = examples_of(order.dataset.rows("train"), tokenizer, longest)
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
        model.load_state_dict(state["model"], strict=False)
        optimizer.load_state_dict(state["optimizer"])
    progress.begin(steps, done=done)
    if state is None and aside:
        results["teacher_held_out_loss"] = mean_loss(knows, aside, dials.pack, dials.precision)
        results["held_out_loss_before"] = mean_loss(model, aside, dials.pack, dials.precision)
        progress.step(0, tokens=0, held_out_loss=results["held_out_loss_before"])

    model.train()
    pace = Pace(dials.save_minutes)
    for step in range(done, steps):
        rate = dials.learning_rate * rise_and_fall(step, steps, dials.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate

        # Half of the steps, say, are about what the model writes itself.
        writes = random.Random(f"{order.seed} {step}").random() < dials.own
        batch = written_by(model, tokenizer, batches[step], longest, dials) if writes else batches[step]
        together = packs(batch, dials.pack)
        learned_tokens = sum(len(one.targets) for one in together)
        loss = 0.0
        for one in together:
            with torch.no_grad():
                wanted = answer_logits(knows, one, dials.precision)
            part = apart(answer_logits(model, one, dials.precision), wanted, dials) / learned_tokens
            part.backward()
            loss += part.item()
        norm = torch.nn.utils.clip_grad_norm_([weight for _, weight in learned], dials.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

        tokens += sum(one.read for one in together)
        results["loss"] = loss if step == 0 else 0.9 * results["loss"] + 0.1 * loss
        progress.step(
            step + 1, tokens=tokens, loss=loss, learning_rate=rate, gradient=float(norm), own=float(writes)
        )
        stopping = progress.stopping  # asked once: what is told in between waits for the next step
        if stopping or pace.due:
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
    keep_model(model, tokenizer, order.folder)
    results |= {"steps": steps, "rows": len(examples), "rows_left_out": len(unusable), "tokens": tokens}
    return Outcome(results=results, notes=notes)


def apart(says: torch.Tensor, wanted: torch.Tensor, dials: Dials) -> torch.Tensor:
    """How far the model's distributions are from the teacher's, in nats, summed over the tokens.

    Between the two divergences lies the one of Jensen and Shannon, weighed by `reverse`.
    """
    divergence = torch.nn.functional.kl_div
    model = torch.log_softmax(says / dials.temperature, dim=-1)
    teacher = torch.log_softmax(wanted / dials.temperature, dim=-1)
    if dials.reverse == 0:
        return divergence(model, teacher, reduction="sum", log_target=True)
    if dials.reverse == 1:
        return divergence(teacher, model, reduction="sum", log_target=True)
    share = torch.tensor(dials.reverse)
    between = torch.logaddexp(teacher + share.log(), model + (1 - share).log())
    towards = divergence(between, teacher, reduction="sum", log_target=True)
    back = divergence(between, model, reduction="sum", log_target=True)
    return share * towards + (1 - share) * back


def written_by(
    model: Any, tokenizer: Any, asked: Sequence[Example], longest: int, dials: Dials
) -> list[Example]:
    """The same questions with the answers that the model gives them now, drawn at random."""
    room = min(dials.longest_answer, longest - max(len(one.prompt) for one in asked))
    if room < 1:
        return list(asked)
    width = max(len(one.prompt) for one in asked)
    padded = [[tokenizer.pad_token_id or 0] * (width - len(one.prompt)) + list(one.prompt) for one in asked]
    seen = [[0] * (width - len(one.prompt)) + [1] * len(one.prompt) for one in asked]
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dials.precision == "bf16"):
        written = model.generate(
            input_ids=torch.tensor(padded),
            attention_mask=torch.tensor(seen),
            max_new_tokens=room,
            do_sample=True,
            temperature=dials.temperature,
            top_k=0,
            top_p=1.0,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id or 0,
        )[:, width:].tolist()
    model.train()
    answers = []
    for one, answer in zip(asked, written, strict=True):
        end = answer.index(tokenizer.eos_token_id) + 1 if tokenizer.eos_token_id in answer else len(answer)
        answers.append(Example(row=one.row, prompt=one.prompt, answer=tuple(answer[:end])))
    return answers


def check_same_tokens(tokenizer: Any, teacher: Any, name: str) -> None:
    """Raises BadRequest where the teacher's tokens are others: its likelihoods would be of something else."""
    if tokenizer.get_vocab() != teacher.get_vocab():
        raise BadRequest(
            f"The teacher `{name}` has other tokens than the base, so that what it finds likely cannot be compared.",
            hint="Learn from its answers instead: `--set learn=answers`.",
        )
