"""What sample of a route's calls is wanted."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What sample is wanted."""

    route: str
    since_us: int
    n: int
    """Cases, at most."""
    least: int = 5
    """Cases of each class, at least, as far as there are so many."""
    all_turns: bool = False
    """Later turns of conversations, too, with what was said before as it was."""
    answers: bool = False
    """Keep what was answered as the target."""
    corrected: bool = False
    """Only calls whose answers were corrected by feedback, with the correction as the target."""
    masked: bool = True
    by_meaning: bool = False
    """Find classes by embeddings of the local model, which takes long, and not by words."""
    head: Path | None = None
    """Go by the classes of this head, and find none."""
    seed: int = 0
