"""What a route's configuration says about its policy."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.routing.routes import Target

Confidence = Literal["logprobs", "schema", "agreement", "learned"]
"""
logprobs   the mean probability of the answer's tokens
schema     whether the answer is in the form that was asked for, and calls of tools are as the tools want them
agreement  how much of what a model says it says again, when it is asked again
learned    how likely the route's router finds it, by what is asked, that a model answers no worse than the incumbent
"""

PolicyKind = Literal["weighted", "cheapest", "fastest", "cascade", "learned"]


class PolicySettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One `[routes.NAME.policy]`, with models that exist."""

    kind: PolicyKind
    weights: dict[str, int] = {}
    """By `provider/model`: its part of the conversations."""
    among: tuple[Target, ...] = ()
    """What is chosen from, beside the incumbent; empty: the route's fallbacks."""
    brings: tuple[Target, ...] = ()
    """Models that it may choose and that are not on the route."""
    unproven: bool = False
    """Whether models without a standing verdict are chosen, too."""
    models: tuple[Target, ...] = ()
    """Of a cascade, the cheapest first."""
    confidence: Confidence | None = None
    threshold: float = 0.0
    """The score from which on an answer is good enough."""
    samples: int = 3
    """Answers that are compared for agreement."""
