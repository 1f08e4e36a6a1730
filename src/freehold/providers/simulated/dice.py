"""Chance that repeats: the same names always throw the same numbers, on every Python version."""

from __future__ import annotations

import math
from hashlib import blake2b
from statistics import NormalDist
from typing import Annotated

from msgspec import Meta, Struct

_MASK = (1 << 64) - 1


class Dice:
    """A small deterministic generator (SplitMix64). It holds one number: ten thousand cost little."""

    __slots__ = ("_state",)

    def __init__(self, *names: object) -> None:
        """What is thrown depends on `names` alone: a seed, a model, the number of the call."""
        digest = blake2b("\x1f".join(map(str, names)).encode(), digest_size=8).digest()
        self._state = int.from_bytes(digest, "big")

    def bits(self) -> int:
        """The next 64 bits."""
        self._state = value = (self._state + 0x9E3779B97F4A7C15) & _MASK
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
        return value ^ (value >> 31)

    def share(self) -> float:
        """A number from 0 up to, but without, 1."""
        return (self.bits() >> 11) / 9007199254740992.0

    def below(self, limit: int) -> int:
        """A whole number from 0 up to, but without, `limit`."""
        return self.bits() % limit

    def garbage(self, size: int) -> bytes:
        """`size` bytes without meaning."""
        return b"".join(self.bits().to_bytes(8, "big") for _ in range(-(-size // 8)))[:size]


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
