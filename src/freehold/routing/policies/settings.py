"""What a route's configuration says about its policy."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.routing.routes import Target

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
