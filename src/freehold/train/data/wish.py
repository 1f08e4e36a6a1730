"""What dataset is wanted."""

from __future__ import annotations

import msgspec

from freehold.compare.case import ScorerSettings, Suite
from freehold.compare.suites.likeness import THRESHOLD
from freehold.train.data.splitting import By


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How a dataset is to be made."""

    name: str
    held_out: float = 0.1
    """The share of conversations that stays aside."""
    split_by: By = "conversation"
    alike: float = THRESHOLD
    """From which share of what they have in common (their Jaccard index) two lines are near-duplicates."""
    scorers: tuple[ScorerSettings, ...] = ()
    """How an answer is held against a row's target."""
    spared: tuple[Suite, ...] = ()
    """Suites that are not looked for: it is made of them, or somebody said so."""
    notes: tuple[str, ...] = ()
