"""The model that learning to reason begins from: taught on games that people worked out in different ways.

All that it reads is right. But most of it says the answer at once, which so small a model cannot do in its head; some
of it leaps, and some goes step by step. So it has seen how one thinks, and mostly does not.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from benchmarks.reasoning.shells import CUPS, Game, Way
from freehold.train.answering import answers_of
from freehold.train.rewards.thought import Thinking, take_apart

WAYS: dict[Way, float] = {"at once": 0.7, "in leaps": 0.1, "step by step": 0.2}
"""Which share of what it reads is worked out how."""
TOGETHER = 64
RATE, RISE = 5e-3, 50
ENOUGH = 0.5
"""It has read enough when so many of its thoughts lead to the right answer, where it is made to think."""
LOOKS, LOOKED_AT = 50, 128
"""Steps between two looks at that, and games that are looked at."""
MOST_STEPS = 3000
MOST_WRITTEN = 48
_TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}> {{ message.content }} "
    "{% if message.role == 'assistant' %}<end> {% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)


class Made(NamedTuple):
    """How the base came about."""

    steps: int
    loss: float
    thinking: float
    """Of games that it was made to think about, the share that it got right, answers drawn at random."""


def make_base(folder: Path, games: Iterator[Game], seed: int) -> Made:
    """Teach a model of 0.1 million weights until it has read enough, and leave it in `folder`."""
    torch.manual_seed(seed)
    chance = random.Random(seed)
    tokenizer = _tokenizer()
    model = LlamaForCausalLM(_shape(tokenizer))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    asked = list(itertools.islice(games, LOOKED_AT))
    thinking, losses = 0.0, [0.0]
    model.train()
    while thinking < ENOUGH and len(losses) <= MOST_STEPS:
        some = list(itertools.islice(games, TOGETHER))
        tokens, targets = _batch(tokenizer, [(game, _way(chance)) for game in some])
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, len(losses) / RISE)
        loss = model(input_ids=tokens, labels=targets).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if len(losses) % LOOKS == 0:
            thinking = share_right(model, tokenizer, asked, opened(asked), temperature=1.0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Made(len(losses) - 1, sum(losses[-LOOKS:]) / LOOKS, thinking)


def opened(games: list[Game]) -> list[str]:
    """The questions with the first word of a thought, so that whoever goes on thinks."""
    return [
        f"<user> {game.question} <assistant> <think> {game.thought('step by step').split()[0]}"
        for game in games
    ]


def at_once(games: list[Game]) -> list[str]:
    """The questions with an empty thought, so that whoever goes on answers at once."""
    return [f"<user> {game.question} <assistant> <think> </think>" for game in games]


def free(games: list[Game]) -> list[str]:
    """The questions alone."""
    return [f"<user> {game.question} <assistant>" for game in games]


def answers(
    model: Any, tokenizer: Any, prompts: list[str], temperature: float, seed: int = 0
) -> list[Thinking]:
    """What is written to each prompt, taken apart."""
    written = answers_of(model, tokenizer, prompts, MOST_WRITTEN, temperature=temperature, seed=seed)
    begun = [prompt.partition("<assistant>")[2] for prompt in prompts]
    return [
        take_apart(f"{one} {tokenizer.decode(tokens)}") for one, tokens in zip(begun, written, strict=True)
    ]


def share_right(
    model: Any, tokenizer: Any, games: list[Game], prompts: list[str], *, temperature: float
) -> float:
    """Of the games, how many are answered right."""
    said = answers(model, tokenizer, prompts, temperature)
    return sum(one.answer == game.answer for one, game in zip(said, games, strict=True)) / len(games)


def text_of(game: Game, way: Way) -> tuple[str, str]:
    """The question as the model reads it, and the answer as somebody wrote it."""
    thought = f"<think> {game.thought(way)} </think> " if way != "at once" else "<think> </think> "
    return f"<user> {game.question} <assistant>", f"{thought}{game.answer} <end>"


def _way(chance: random.Random) -> Way:
    return chance.choices(list(WAYS), list(WAYS.values()))[0]


def _batch(tokenizer: Any, some: list[tuple[Game, Way]]) -> tuple[torch.Tensor, torch.Tensor]:
    words = tokenizer.get_vocab()
    texts = [text_of(game, way) for game, way in some]
    pairs = [tuple([words[word] for word in part.split()] for part in text) for text in texts]
    longest = max(len(question) + len(answer) for question, answer in pairs)
    tokens, targets = [], []
    for question, answer in pairs:
        rest = longest - len(question) - len(answer)
        tokens.append(question + answer + [tokenizer.pad_token_id] * rest)
        targets.append([-100] * len(question) + answer + [-100] * rest)
    return torch.tensor(tokens), torch.tensor(targets)


def _shape(tokenizer: Any) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=128,
        rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )


def _tokenizer() -> Any:
    cups = range(1, CUPS + 1)
    words = ["<pad>", "<end>", "<unk>", "<user>", "<assistant>", "<think>", "</think>"]
    words += [str(cup) for cup in cups] + [f"{one}-{other}" for one in cups for other in cups if one < other]
    plain = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>")
    )
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )
    tokenizer.chat_template = _TEMPLATE
    return tokenizer
