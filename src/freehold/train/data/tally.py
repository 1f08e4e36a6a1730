"""Counts what becomes of lines on their way into a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal

Stage = Literal["source", "terms", "near-duplicates", "contamination"]


class Tally:
    """What was looked at, and what was left out at each stage, by reason."""

    def __init__(self, looked: Callable[[int], None] = lambda n: None) -> None:
        """`looked` is told how many more lines or calls were looked at."""
        self._looked = looked
        self.looked_at = 0
        """Lines of files, calls, cases."""
        self.left_out: Counter[tuple[Stage, str]] = Counter()
        self.losses: Counter[str] = Counter()
        """What the translation to `openai-chat` could not carry over, in lines that were taken."""
        self.notes: list[str] = []
        """What has to be known of the sources, one sentence each."""

    def look(self, many: int = 1) -> None:
        """So many more were looked at."""
        self.looked_at += many
        self._looked(many)

    def leave_out(self, stage: Stage, why: str, many: int = 1) -> None:
        """So many were left out; `why` goes on from "Left out, as they …"."""
        if many:
            self.left_out[stage, why] += many

    def note(self, sentence: str) -> None:
        """Say something once."""
        if sentence not in self.notes:
            self.notes.append(sentence)
