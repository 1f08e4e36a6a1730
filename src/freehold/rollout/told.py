"""The evidence that is kept with a transition, and shown."""

from __future__ import annotations

import msgspec

from freehold.rollout.gates.finding import Finding


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates of a rollout knew at a moment."""

    stage: str
    answered: int
    """Conversations that the candidate was given at this stage; in shadow, copies."""
    in_all: int
    """The same since the rollout began."""
    copied: bool
    """Whether shadow makes no more copies."""
    quality: bool
    """Whether anybody judged or voted."""
    may_replace: bool
    """Whether it surely is not worse than is tolerated."""
    findings: list[Finding]
