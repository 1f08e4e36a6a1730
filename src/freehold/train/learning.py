"""What every way of teaching by examples has in common: who learns, how fast, and what is said of left-out rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from freehold.train.conversations import Unusable


def with_lora(model: Any, rank: int) -> Any:
    """The model with small matrices beside those of each layer; only they learn."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - a second, and only this way needs it

    return get_peft_model(
        model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    )


def rise_and_fall(step: int, steps: int, warmup: float) -> float:
    """The share of the highest learning rate at a step: up in a line, then down to nothing in a line."""
    rising = math.ceil(steps * warmup)
    return (step + 1) / rising if step < rising else (steps - step) / max(steps - rising, 1)


def told(unusable: Sequence[Unusable], usable: int) -> tuple[str, ...]:
    """What is to be said of rows that nothing was learned from, a sentence for each reason."""
    reasons = Counter(one.reason for one in unusable)
    of = len(unusable) + usable
    return tuple(
        f"{count:,} of {of:,} rows were left out: {reason}." for reason, count in sorted(reasons.items())
    )
