"""What is to be copied, for one rollout."""

from __future__ import annotations

import msgspec

from freehold.routing.routes import Target

LEAST_PATIENCE, MOST_PATIENCE = 30.0, 600.0
"""Seconds for a copy, whatever the incumbent took."""
JUDGING_SECONDS = 300.0
"""For the judge of one pair."""


class ShadowOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Copy the calls of a route to a candidate, so many, until further notice."""

    rollout: str
    """Its id, `rollout_…`; in the ledger it stands in place of a key's id."""
    route: str
    stage: int
    """Which of the plan's stages this is, from 0."""
    candidate: Target
    calls: int
    """How many copies the stage has, over all processes and restarts."""
    budget_pico: int | None = None
    """What all copies of the rollout and the judging of them may cost together, in 1e-12 US dollars; None: no bound."""
    judge: str | None = None
    """The model, `provider/name`, that says which of two answers is better; None: nobody does."""
    paused: bool = False
    """What is on its way goes on; nothing more is copied."""
    all_turns: bool = False
    """Whether later turns of conversations are judged too. They answer what the incumbent said, so a candidate is at a
    disadvantage in them."""
