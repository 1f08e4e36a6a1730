"""What whoever exports and the process that serves the file tell each other, one line of JSON each way over pipes."""

from __future__ import annotations

import msgspec


class Order(msgspec.Struct, frozen=True):
    """What to serve."""

    weights: str
    """Path of the GGUF file."""
    context: int
    """Tokens of question and answer together, for each slot."""
    slots: int
    folder: str
    """For what the process needs besides."""


class Ready(msgspec.Struct, frozen=True):
    """Where it answers, or why it does not."""

    address: str = ""
    key: str = ""
    """Every request must carry it."""
    error: str | None = None
    """Why the file cannot be loaded."""
