"""Answers whose usage is said by the script, so that it does not depend on how a request is laid out."""

from __future__ import annotations

from typing import Any

from freehold.providers.simulated import Behaviour
from freehold.providers.simulated.script import UsageNumbers

NUMBERS = UsageNumbers(input_tokens=120, output_tokens=30, cache_read_tokens=0, reasoning_tokens=0)


def answering(text: str | None = "Understood.", **more: Any) -> Behaviour:
    """A model that says `text`."""
    return Behaviour(**{"text": text, "usage": NUMBERS, **more})


MARK = "Mark0city"
"""In the answers of a first turn: put there anew for each run, so that the provider tells their answers apart."""
