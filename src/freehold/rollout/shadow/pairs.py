"""What came of a copied call: how both models did, and which of their answers is better."""

from __future__ import annotations

from typing import Literal

import msgspec

Basis = Literal["judge", "form", "outcome"]
"""
judge    a judge has read both answers
form     the request demands a form (a JSON Schema, arguments of tools), which can be checked
outcome  one of the two gave no answer, or neither did
"""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one model did. Milliseconds; unknown is None and never zero."""

    answered: bool
    error: str | None = None
    """Why there is no answer: a code of the error tree."""
    duration_ms: float | None = None
    """Of the attempt that answered, without waiting; of a failure, until it was given up."""
    first_ms: float | None = None
    """Until the first token of a stream."""
    cost_pico: int | None = None
    """1e-12 US dollars; None: unknown."""
    output_tokens: int | None = None
    refused: bool = False
    """The answer declines, or a filter stopped it."""
    losses: int = 0
    """What the translation could not carry over."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A call, and the copy of it that went to the candidate."""

    id: str
    rollout: str
    stage: int
    call: str
    """Id of the client's call."""
    mirror: str | None
    """Id of the copy."""
    at_us: int
    """When the copy was sent."""
    conversation: str
    """The same for all turns of one conversation, which are not independent of each other."""
    turn: int
    """1 where nothing had been answered before."""
    incumbent: Outcome
    candidate: Outcome
    difference: float | None = None
    """How much better the candidate's answer is: -1 … 1. None: nobody can say."""
    basis: Basis | None = None
    """What the difference is from."""
    why: str = ""
    """A few words of ours, where there is something to say. What was said in the calls is in the ledger alone, for as
    long as bodies are kept there."""
    judged_by: tuple[str, ...] = ()
    """Ids of the calls that the judge was asked with."""
    judging_pico: int | None = 0
    """What the judge cost; None: unknown."""
    seq: int = 0
    """Its place among the finished pairs of its rollout: a later one has a higher number."""

    @property
    def spent_pico(self) -> int | None:
        """What it cost beside the client's call; None: unknown."""
        if self.candidate.cost_pico is None or self.judging_pico is None:
            return None
        return self.candidate.cost_pico + self.judging_pico


class PairTally(msgspec.Struct, frozen=True):
    """How far a stage's copies are."""

    claimed: int = 0
    """Begun, finished or not."""
    finished: int = 0
    compared: int = 0
    """With a difference."""
    spent_pico: int = 0
    """Of all stages of the rollout. What is under way or unknown counts at its worst."""
