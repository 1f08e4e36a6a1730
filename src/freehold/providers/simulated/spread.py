"""Numbers that vary: a constant, or a distribution from which each use draws."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Annotated

from msgspec import Meta, Struct

from freehold.providers.simulated.dice import Dice

NotNegative = Annotated[float, Meta(ge=0)]
_NORMAL = NormalDist()


class Uniform(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="uniform"):
    """Every number between `low` and `high` alike."""

    low: NotNegative
    high: NotNegative


class Lognormal(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="lognormal"):
    """Half below the median, with a long tail above: how real waiting times look."""

    median: NotNegative
    sigma: NotNegative = 0.5
    """Width of the tail; at 0.5 one in a hundred is above 3.2 medians."""


Spread = NotNegative | Uniform | Lognormal
"""A plain number is a constant."""


def draw(spread: float | Uniform | Lognormal, dice: Dice) -> float:
    """One number. A constant throws no dice."""
    if isinstance(spread, Uniform):
        return spread.low + (spread.high - spread.low) * dice.share()
    if isinstance(spread, Lognormal):
        share = max(dice.share(), 1e-12)
        return spread.median * math.exp(spread.sigma * _NORMAL.inv_cdf(share))
    return float(spread)
