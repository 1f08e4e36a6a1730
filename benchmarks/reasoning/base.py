"""The model that learning to reason begins from: taught on games that people worked out in different ways.

All that it reads is right. But most of it says the answer at once, which so small a model cannot do in its head; some
of it leaps, and some goes step by step. So it has seen how one thinks, and mostly does not.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from benchmarks.reasoning.shells import CUPS, Game, Way

WAYS: dict[Way, float] = {"at once": 0.7, "in leaps": 0.1, "step by step": 0.2}
"""Which share of what it reads is worked out how."""
STEPS, TOGETHER = 1000, 64
RATE = 5e-3
_TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}> {{ message.content }} "
    "{% if message.role == 'assistant' %}<end> {% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)


def make_base(folder: Path, games: Iterator[Game], seed: int) -> float:
    """Teach a model of 0.1 million weights, leave it in `folder`, and return its loss at the end."""
    torch.manual_seed(seed)
    chance = random.Random(seed)
    tokenizer = _tokenizer()
    model = LlamaForCausalLM(
        LlamaConfig(
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
    )
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    model.train()
    losses: list[float] = []
    for step in range(STEPS):
        some = list(itertools.islice(games, TOGETHER))
        tokens, targets = _batch(tokenizer, [(game, _way(chance)) for game in some])
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 50) * (1 - 0.9 * step / STEPS)
        loss = model(input_ids=tokens, labels=targets).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return sum(losses[-50:]) / 50


def text_of(game: Game, way: Way) -> tuple[str, str]:
    """The question as the model reads it, and the answer as somebody wrote it."""
    thought = f"<think> {game.thought(way)} </think> " if way != "at once" else "<think> </think> "
    return f"<user> {game.question} <assistant>", f"{thought}{game.places[-1]} <end>"


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
