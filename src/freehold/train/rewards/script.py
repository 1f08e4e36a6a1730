"""How a model's tokens become a thought and an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from freehold.train.rewards.thought import Thinking, take_apart


class Script(NamedTuple):
    """What one has to know to read what a model wrote."""

    tokenizer: Any
    opening: str
    """What stands at the beginning of every answer, before the model says anything."""
    most: int
    """Tokens of a thought and its answer."""

    def read(self, tokens: Sequence[int]) -> Thinking:
        """What was written, taken apart."""
        return take_apart(self.opening + self.tokenizer.decode(tokens))

    def length(self, thought: str) -> int:
        """How many tokens a thought has."""
        return len(self.tokenizer(thought, add_special_tokens=False)["input_ids"])
