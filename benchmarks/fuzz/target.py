"""What is read, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .damage import Frames

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "data" / "wire"
"""Where recorded exchanges are looked for; without them there are only inputs of our own."""
LARGEST_SEED = 30_000
"""Bytes of a recorded body."""


class Wrong(Exception):
    """What was read or written is not as it must be."""


@dataclass(frozen=True)
class Target:
    """One thing that reads what comes from outside."""

    name: str
    seeds: list[Frames]
    """Good inputs, to be damaged."""
    read: Callable[[Frames], None]
    """Raises BadRequest or NotAnAnswer for what it refuses. Anything else is a finding."""
