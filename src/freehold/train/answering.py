"""Answers of a model that is in memory, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

TOGETHER = 64
"""Questions that are answered at a time."""


def answers_of(
    model: Any, tokenizer: Any, prompts: Sequence[str], most: int, *, temperature: float = 0.0, seed: int = 0
) -> list[list[int]]:
    """The tokens that follow each prompt, `most` at the most, without those that end them.

    At temperature 0 always the likeliest token is taken. Nothing else that is drawn at random is disturbed.
    """
    from transformers import GenerationConfig  # noqa: PLC0415 - seconds

    ends = ends_of(model, tokenizer)
    how = GenerationConfig(
        max_new_tokens=most,
        do_sample=temperature > 0,
        **({"temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature > 0 else {}),
        eos_token_id=sorted(ends),
        pad_token_id=tokenizer.pad_token_id,
        use_cache=True,
    )
    training = model.training
    model.eval()
    found: list[list[int]] = []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for at in range(0, len(prompts), TOGETHER):
            asked = tokenizer(
                list(prompts[at : at + TOGETHER]),
                return_tensors="pt",
                padding=True,
                padding_side="left",
                add_special_tokens=False,
                return_token_type_ids=False,
            )
            written = model.generate(**asked, generation_config=how)
            found += [until_end(row, ends) for row in written[:, asked["input_ids"].shape[1] :].tolist()]
    model.train(training)
    return found


def ends_of(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer."""
    told = model.generation_config.eos_token_id
    ends = told if isinstance(told, list) else [told]
    return frozenset(one for one in (*ends, tokenizer.eos_token_id) if one is not None)


def until_end(tokens: Sequence[int], ends: frozenset[int]) -> list[int]:
    """The tokens up to the first that ends an answer, without it."""
    at = next((at for at, token in enumerate(tokens) if token in ends), len(tokens))
    return list(tokens[:at])
