"""What a model says to examples that stand side by side in one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from freehold.train.attending import NAME, places_of
from freehold.train.conversations import Example
from freehold.train.packing import Pack, packs

_NO_MASK = torch.ones(1, 1, 1, 1, dtype=torch.bool)
"""One that is there, so that none is made; who sees whom is told by the places."""


def answer_logits(model: Any, one: Pack, precision: str) -> torch.Tensor:
    """The logits of each token of the answers, a row each, and of no other token: most of the head's work is spared."""
    usual = model.config._attn_implementation
    model.config._attn_implementation = NAME
    try:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits: torch.Tensor = model(
                input_ids=torch.tensor([one.tokens]),
                position_ids=torch.tensor([one.positions]),
                attention_mask=_NO_MASK,
                logits_to_keep=torch.tensor(one.predicting),
                use_cache=False,
                places=places_of(one),
            ).logits[0]
    finally:
        model.config._attn_implementation = usual
    return logits.float()


def loss_of(model: Any, one: Pack, precision: str) -> torch.Tensor:
    """The sum of what foretelling each token of the answers costs, in nats."""
    logits = answer_logits(model, one, precision)
    return torch.nn.functional.cross_entropy(logits, torch.tensor(one.targets), reduction="sum")


def mean_loss(model: Any, examples: Sequence[Example], longest: int, precision: str) -> float:
    """What foretelling a token of these answers costs on average, in nats."""
    training = model.training
    model.eval()
    with torch.inference_mode():
        together = packs(examples, longest)
        loss = sum(float(loss_of(model, one, precision)) for one in together)
    model.train(training)
    return loss / sum(len(one.targets) for one in together)
