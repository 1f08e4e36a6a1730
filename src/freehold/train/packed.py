"""What a model says to examples that stand side by side in one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from freehold.train.conversations import Example
from freehold.train.packing import Pack, packs


def answer_logits(model: Any, one: Pack, precision: str) -> torch.Tensor:
    """The logits of each token of the answers, a row each, and of no other token: most of the head's work is spared."""
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        logits: torch.Tensor = model(
            input_ids=torch.tensor([one.tokens]),
            position_ids=torch.tensor([one.positions]),
            attention_mask=who_sees_whom(one),
            logits_to_keep=torch.tensor(one.predicting),
            use_cache=False,
        ).logits[0]
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


def who_sees_whom(one: Pack) -> torch.Tensor:
    """A token sees those before it of its own example, and of the beginning that all share."""
    owner = torch.tensor(one.owner)
    mine = (owner[:, None] == owner[None, :]) | (owner[None, :] == 0)
    return torch.tril(mine)[None, None]
