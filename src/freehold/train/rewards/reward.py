"""What an answer is worth: right, in form, and within its budget of thought."""

from __future__ import annotations

from typing import NamedTuple

from freehold.train.rewards.thought import Thinking


class Weights(NamedTuple):
    """How much what counts. A right answer counts 1."""

    form: float = 0.1
    """For keeping to the form."""
    budget: int = 256
    """Tokens of thought that cost nothing."""
    over: float = 0.5
    """What twice the budget costs, or more; less, in proportion."""


class Reward(NamedTuple):
    """What one answer earned, by what it earned it with."""

    right: float
    form: float
    over: float
    """What was taken away for thinking too long: 0 or less."""

    @property
    def total(self) -> float:
        """All of it."""
        return self.right + self.form + self.over


def reward_of(thinking: Thinking, score: float, thought_tokens: int, weights: Weights) -> Reward:
    """The reward of one answer that a scorer gave `score`, from 0 to 1.

    A right answer is worth its score whatever its form is, but never without an answer: who only thinks earns nothing.
    """
    right = score if thinking.answer else 0.0
    excess = max(0, thought_tokens - weights.budget) / max(1, weights.budget)
    return Reward(right, weights.form * thinking.in_form, -weights.over * min(1.0, excess))
