"""How much a piece of evidence counts: by its age, and by how many requests it was seen on."""

from __future__ import annotations

import math
from typing import NamedTuple

DAY_US = 86_400_000_000
Z = 1.6448536269514722
"""Of a one-sided bound at 95 %."""
SAMPLE = 100
"""Calls of a route that are looked at."""


class Ageing(NamedTuple):
    """Evidence counts in full for a while, then half as much after each half-life, and in the end not at all."""

    full: int
    """Days."""
    half_life: int
    none_after: int

    def weight(self, age_us: int) -> float:
        """Of evidence of this age, 0 … 1."""
        days = max(0.0, age_us / DAY_US)
        if days > self.none_after:
            return 0.0
        return 1.0 if days <= self.full else math.exp2(-(days - self.full) / self.half_life)


OF_VERDICTS = Ageing(full=30, half_life=60, none_after=365)
OF_SUITES = Ageing(full=60, half_life=120, none_after=730)


def share_at_least(good: int, of: int) -> float:
    """The lower end of Wilson's interval for a share, one-sided at 95 %; 0 where nothing was seen."""
    if of <= 0:
        return 0.0
    share, square = good / of, Z * Z
    middle = share + square / (2 * of)
    spread = Z * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, (middle - spread) / (1 + square / of))
