"""Reasoning: the model tries answers to questions whose answers can be checked, and what was right becomes likelier.

It is GRPO: of each question several answers are tried, and each counts by how much better it did than the others. What
is rewarded is the answer (by the dataset's scorers) and its form; a thought is free up to its budget, and costs above.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec

from freehold.core.errors import BadRequest
from freehold.train.answering import ends_of, until_end
from freehold.train.base import load_base
from freehold.train.conversations import THINK, THOUGHT, Unusable, prompt_text
from freehold.train.data.row import Row
from freehold.train.learning import told, with_lora
from freehold.train.order import Order, Outcome, Progress, Stopped
from freehold.train.rewards.checking import Checker, checker_of
from freehold.train.rewards.examining import Examination, Question
from freehold.train.rewards.reward import Weights, reward_of
from freehold.train.rewards.script import Script
from freehold.train.running.chance import seed_everything
from freehold.train.running.finished import keep_model
from freehold.train.running.trainers import Follow, last_of, place_of, quiet

Count = Annotated[int, msgspec.Meta(ge=1)]
Amount = Annotated[float, msgspec.Meta(ge=0)]

OPENINGS = {"free": "", "opened": THINK, "none": f"{THINK}{THOUGHT}"}
"""What stands at the beginning of every answer, before the model says anything."""


class Dials(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What can be set; `reason.toml` says what each does."""

    thought: Literal["free", "opened", "none"]
    thought_budget: Count
    answer_tokens: Count
    over: Amount
    form: Amount
    steps: Count
    questions: Count
    samples: Annotated[int, msgspec.Meta(ge=2)]
    together: Count
    temperature: Annotated[float, msgspec.Meta(gt=0)]
    learning_rate: Annotated[float, msgspec.Meta(gt=0)]
    warmup: Annotated[float, msgspec.Meta(ge=0, le=1)]
    clip: Annotated[float, msgspec.Meta(gt=0)]
    kl: Amount
    rank: Annotated[int, msgspec.Meta(ge=0)]
    precision: Literal["bf16", "fp32"]
    held_out: Annotated[int, msgspec.Meta(ge=0)]
    measure_every: Count
    save_minutes: Amount


def train(order: Order, dials: Dials, progress: Progress) -> Outcome:
    """Learn from the dataset's questions, and leave the model in the run's folder."""
    assert order.dataset is not None
    assert order.base is not None
    if dials.questions * dials.samples % dials.together:
        raise BadRequest(
            f"{dials.questions} questions x {dials.samples} samples are no multiple of `together`, {dials.together}.",
            hint="Set `together` to a divisor of both multiplied.",
        )
    seed_everything(order.seed)
    base = load_base(order.base, order.data)
    model, tokenizer = base.model, base.tokenizer
    opening = OPENINGS[dials.thought]
    if opening:  # whoever serves the model begins its answers in the same way
        tokenizer.chat_template += f"{{% if add_generation_prompt %}}{{{{ {opening!r} }}}}{{% endif %}}"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token

    most = dials.answer_tokens + (0 if dials.thought == "none" else 2 * dials.thought_budget)
    script = Script(tokenizer, opening, most)

    with checker_of(order.dataset.manifest) as checker:
        # What there is to ask.
        longest = model.config.max_position_embeddings - most
        questions, unusable = questions_of(order.dataset.rows("train"), checker, tokenizer, longest)
        held_out = questions_of(order.dataset.rows("held-out"), checker, tokenizer, longest)[0][
            : dials.held_out
        ]
        notes = told(unusable, len(questions))
        if not questions:
            raise BadRequest(
                " ".join((f"`{order.dataset.reference}` has no question to learn from.", *notes)),
                hint="Make a dataset with questions whose answers can be checked, or lower `thought_budget`.",
            )
        examination = Examination(order.folder, held_out, checker, script)

        # What learns, and what follows it.
        if dials.rank:
            with quiet():
                model = with_lora(model, dials.rank)

        def measure(step: int) -> dict[str, float]:
            due = step % dials.measure_every == 0 or step == dials.steps
            return examination.hold(model, step) if held_out and due else {}

        follow = Follow(progress, CURVE, dials.save_minutes, measure)
        rewards = Rewards(questions, checker, script, ends_of(model, tokenizer), dials)
        with quiet():
            trainer = trainer_of(order, dials, model, rewards, follow)
            trainer.train(resume_from_checkpoint=last_of(order.folder) if order.resume else None)
        if follow.stopped:
            raise Stopped

    learned = trainer.model.merge_and_unload() if dials.rank else trainer.model
    keep_model(learned, tokenizer, order.folder)
    results = {**follow.last, **examination.results, "steps": dials.steps, "questions": len(questions)}
    return Outcome(results=results, notes=notes)


CURVE = {
    "loss": "loss",
    "reward": "reward",
    "right": "right",
    "in_form": "in_form",
    "thinks": "thinks",
    "thought_tokens": "thought_tokens",
    "over_budget": "over_budget",
    "entropy": "entropy",
    "kl": "kl",
    "grad_norm": "gradient",
    "learning_rate": "learning_rate",
    "completions/clipped_ratio": "cut_off",
    "frac_reward_zero_std": "nothing_learned",
}
"""What TRL tells of a step, and what it is called in the curve."""


def questions_of(
    rows: Iterable[Row], checker: Checker, tokenizer: Any, longest: int
) -> tuple[list[Question], list[Unusable]]:
    """The rows as the model reads them, and those that are left out. Raises BadRequest for a target that no scorer
    takes.
    """
    questions, unusable = [], []
    for row in rows:
        checker.check(row)
        try:
            prompt = prompt_text(row, tokenizer)
        except ValueError as error:
            unusable.append(Unusable(row.id, f"the chat template cannot show it: {error}"))
            continue
        if len(tokenizer(prompt, add_special_tokens=False)["input_ids"]) > longest:
            unusable.append(Unusable(row.id, "question, thought and answer together would be too long"))
        else:
            questions.append(Question(row, prompt))
    return questions, unusable


class Rewards:
    """What TRL asks what answers are worth."""

    __name__ = "reward"

    def __init__(
        self, questions: list[Question], checker: Checker, script: Script, ends: frozenset[int], dials: Dials
    ) -> None:
        self.questions, self.script = questions, script
        self._checker, self._ends = checker, ends
        self._weights = Weights(form=dials.form, budget=dials.thought_budget, over=dials.over)

    def __call__(
        self, *, completion_ids: list[list[int]], place: list[int], log_metric: Any, **_: Any
    ) -> list[float]:
        """The reward of each answer; `place`: of the question that it answers."""
        parts = [self.script.read(until_end(tokens, self._ends)) for tokens in completion_ids]
        scores = self._checker.scores(
            [self.questions[one].row for one in place], [one.answer for one in parts]
        )
        lengths = [self.script.length(one.thought) for one in parts]
        rewards = [
            reward_of(one, score, length, self._weights)
            for one, score, length in zip(parts, scores, lengths, strict=True)
        ]
        of = len(parts)
        log_metric("right", sum(one.right for one in rewards) / of)
        log_metric("in_form", sum(one.in_form for one in parts) / of)
        log_metric("thinks", sum(bool(one.thought) for one in parts) / of)
        log_metric("thought_tokens", sum(lengths) / of)
        log_metric("over_budget", sum(one.over < 0 for one in rewards) / of)
        return [one.total for one in rewards]


def trainer_of(order: Order, dials: Dials, model: Any, rewards: Rewards, follow: Follow) -> Any:
    """TRL's trainer, set so that every answer it learns from was written by the very weights that learn."""
    from datasets import Dataset  # noqa: PLC0415 - seconds
    from transformers import PrinterCallback  # noqa: PLC0415
    from trl import GRPOConfig, GRPOTrainer  # noqa: PLC0415

    a_step = dials.questions * dials.samples
    settings = GRPOConfig(
        **place_of(order.folder),
        seed=order.seed,
        use_cpu=True,
        bf16=dials.precision == "bf16",
        max_steps=dials.steps,
        per_device_train_batch_size=dials.together,
        gradient_accumulation_steps=a_step // dials.together,
        num_generations=dials.samples,
        num_iterations=1,
        shuffle_dataset=False,
        max_completion_length=rewards.script.most,
        temperature=dials.temperature,
        learning_rate=dials.learning_rate,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=round(dials.warmup * dials.steps),
        max_grad_norm=dials.clip,
        beta=dials.kl,
        activation_checkpointing=False,
    )
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=rewards,
        args=settings,
        train_dataset=Dataset.from_list(asked_in_order(order, dials, rewards)),
        processing_class=adding_nothing(rewards.script.tokenizer),
        callbacks=[follow],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def asked_in_order(order: Order, dials: Dials, rewards: Rewards) -> list[dict[str, Any]]:
    """Every question of every step. TRL would draw them as it goes, and after the first round through the data it could
    not tell where it was when it is resumed.
    """
    prompts = [question.prompt for question in rewards.questions]
    chance = random.Random(order.seed)
    places: list[int] = []
    while len(places) < dials.steps * dials.questions:
        places += chance.sample(range(len(prompts)), len(prompts))
    return [{"prompt": prompts[place], "place": place} for place in places[: dials.steps * dials.questions]]


def adding_nothing(tokenizer: Any) -> Any:
    """A tokenizer like this one that puts no marks of its own around a text: the chat template has put them there."""
    same = copy.deepcopy(tokenizer)
    same.backend_tokenizer.post_processor = None
    return same
