"""One seed: a base, what it becomes by learning with its thoughts and without, and how good each is."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import torch
from transformers.utils import logging

from benchmarks.reasoning.base import answers, at_once, free, make_base, opened, share_right
from benchmarks.reasoning.shells import Game, games, make_dataset
from freehold.train.base import load_base
from freehold.train.catalogue import dials_of
from freehold.train.rewards.thought import Thinking
from freehold.train.run import Runs
from freehold.train.running.runner import begin_run, carry_out

T = TypeVar("T", bound=msgspec.Struct)

ASKED, HELD_OUT = 2000, 500
"""Games to learn from, and games that nobody learns from."""
DIALS = {
    "questions": "16",
    "samples": "8",
    "together": "128",
    "thought_budget": "24",
    "answer_tokens": "2",
    "learning_rate": "5e-4",
    "held_out": "250",
    "measure_every": "20",
}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What one seed is to do."""

    seed: int
    steps: int
    data: Path
    """A folder that is its own. A part that is finished there is not done again."""


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """How good a model is at games that nobody learned from: shares that are right."""

    greedy: float
    """Always the likeliest word."""
    sampled: float
    """Words drawn at random, as it is asked while it learns."""
    thinks: float
    """The share of games that it thinks about, where words are drawn."""
    right_thinking: float
    """Made to think, words drawn."""
    right_at_once: float
    """Made to answer at once, words drawn."""
    tokens: float
    """Of an answer and its thought, likeliest words."""


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one way to learn."""

    skill: Skill
    steps: int
    tokens: int
    """Read and written while learning."""
    seconds: float
    processor_seconds: float
    curve: list[tuple[float, ...]]
    """By step, from 0: the share of right answers, tokens of thought, the held-out score. -1: not measured."""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """What learning begins from."""

    skill: Skill
    steps: int
    """That it read."""
    seconds: float


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one seed."""

    seed: int
    base: Begun
    with_thought: Learned
    without_thought: Learned
    vote: float
    """Without thought: the most frequent of as many drawn answers as one answer with its thought has tokens for."""
    votes: int
    examples: list[tuple[str, str, str]]
    """Some held-out games: question, thought, answer."""


def learn(wanted: Wanted) -> Found:
    """All of one seed."""
    torch.set_num_threads(1)  # a model this small is slower with two
    logging.disable_progress_bar()
    held_out = list(itertools.islice(games(1_000_000 + wanted.seed), HELD_OUT))
    apart = frozenset(game.question for game in held_out)
    asked = list(itertools.islice(games(500_000 + wanted.seed, apart), ASKED))
    dataset = make_dataset(wanted.data, asked, held_out).reference

    base = _part(wanted, "base", Begun, lambda: _begin(wanted, apart, held_out))
    thinking = _part(
        wanted,
        "with",
        Learned,
        lambda: _learn(wanted, dataset, held_out, steps=wanted.steps, thought="free"),
    )
    # Without thoughts a step has fewer tokens: as many more steps, so that both learn from as many.
    each = round(_tokens_at_once(asked) * int(DIALS["questions"]) * int(DIALS["samples"]))
    silent = _part(
        wanted,
        "without",
        Learned,
        lambda: _learn(wanted, dataset, held_out, steps=-(-thinking.tokens // each), thought="none"),
    )
    votes = max(1, round(thinking.skill.tokens / silent.skill.tokens))
    return Found(
        seed=wanted.seed,
        base=base,
        with_thought=thinking,
        without_thought=silent,
        vote=_vote(_model(wanted, "none"), held_out, votes),
        votes=votes,
        examples=_examples(_model(wanted, "free"), held_out[:3]),
    )


def _part(wanted: Wanted, name: str, kind: type[T], do: Callable[[], T]) -> T:
    path = wanted.data / f"{name}.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=kind)
    done = do()
    path.write_bytes(msgspec.json.encode(done))
    return done


def _begin(wanted: Wanted, apart: frozenset[str], held_out: list[Game]) -> Begun:
    begun = time.monotonic()
    made = make_base(wanted.data / "base", games(wanted.seed, apart), wanted.seed)
    seconds = time.monotonic() - begun
    return Begun(skill=_skill(wanted.data / "base", held_out), steps=made.steps, seconds=seconds)


def _learn(wanted: Wanted, dataset: str, held_out: list[Game], *, steps: int, thought: str) -> Learned:
    dials = dials_of("reason", {**DIALS, "steps": str(steps), "thought": thought})
    base = str(wanted.data / "base")
    folder = begin_run(
        wanted.data, recipe="reason", dataset=dataset, base=base, dials=dials, seed=wanted.seed, name=thought
    )
    processor = time.process_time()
    carry_out(wanted.data, folder, lambda _: None)
    points = list(folder.curve())
    return Learned(
        skill=_skill(folder.model, held_out, silent=thought == "none"),
        steps=steps,
        tokens=points[-1].tokens or 0,
        seconds=points[-1].seconds,
        processor_seconds=time.process_time() - processor,
        curve=[
            tuple(point.values.get(name, -1.0) for name in ("right", "thought_tokens", "held_out_score"))
            for point in points
        ],
    )


def _model(wanted: Wanted, thought: str) -> Path:
    return Runs(wanted.data).find(thought).model


def _loaded(folder: Path) -> tuple[Any, Any]:
    base = load_base(str(folder), folder.parent)
    return base.model, base.tokenizer


def _skill(folder: Path, held_out: list[Game], *, silent: bool = False) -> Skill:
    model, tokenizer = _loaded(folder)
    asked = at_once(held_out) if silent else free(held_out)
    greedy = answers(model, tokenizer, asked, 0.0)
    drawn = answers(model, tokenizer, asked, 1.0)
    return Skill(
        greedy=_right(greedy, held_out),
        sampled=_right(drawn, held_out),
        thinks=sum(bool(one.thought) for one in drawn) / len(drawn),
        right_thinking=share_right(model, tokenizer, held_out, opened(held_out), temperature=1.0),
        right_at_once=share_right(model, tokenizer, held_out, at_once(held_out), temperature=1.0),
        # The marks around a thought and the one that ends the answer count, too.
        tokens=sum(len(f"{one.thought} {one.answer}".split()) + (1 if silent else 3) for one in greedy)
        / len(greedy),
    )


def _right(said: list[Thinking], held_out: list[Game]) -> float:
    return sum(one.answer == game.answer for one, game in zip(said, held_out, strict=True)) / len(held_out)


def _vote(folder: Path, held_out: list[Game], votes: int) -> float:
    model, tokenizer = _loaded(folder)
    said = [answers(model, tokenizer, at_once(held_out), 1.0, seed) for seed in range(votes)]
    chosen = [Counter(one.answer for one in some).most_common(1)[0][0] for some in zip(*said, strict=True)]
    right = [one == game.answer for one, game in zip(chosen, held_out, strict=True)]
    return float(sum(right) / len(right))


def _examples(folder: Path, some: list[Game]) -> list[tuple[str, str, str]]:
    model, tokenizer = _loaded(folder)
    said = answers(model, tokenizer, free(some), 0.0)
    return [(game.question, one.thought, one.answer) for game, one in zip(some, said, strict=True)]


def _tokens_at_once(asked: list[Game]) -> float:
    """Of a question with its empty thought, and of an answer with its end, on average."""
    return sum(len(prompt.split()) for prompt in at_once(asked)) / len(asked) + 2
