"""A power law through the first part of a curve, and what it foretells of the rest. Numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np


class Law(msgspec.Struct, frozen=True, kw_only=True):
    """L(t) = floor + scale · t^-exponent, t in thousands of tokens."""

    floor: float
    scale: float
    exponent: float

    def at(self, tokens: float) -> float:
        """The loss after so many tokens."""
        return self.floor + self.scale * (tokens / 1000) ** -self.exponent


def fit(tokens: Sequence[float], losses: Sequence[float]) -> Law:
    """The law that is nearest to these points in squares: the floor is at least 0."""
    t, losses_ = np.asarray(tokens, dtype=float) / 1000, np.asarray(losses, dtype=float)
    best: tuple[float, Law] | None = None
    for exponent in np.linspace(0.02, 1.5, 149):
        falling = t**-exponent
        design = np.stack([np.ones_like(t), falling], axis=1)
        (floor, scale), *_ = np.linalg.lstsq(design, losses_, rcond=None)
        if floor < 0:
            floor, scale = 0.0, float(falling @ losses_ / (falling @ falling))
        off = float(((floor + scale * falling - losses_) ** 2).sum())
        if best is None or off < best[0]:
            best = off, Law(floor=float(floor), scale=float(scale), exponent=float(exponent))
    assert best is not None
    return best[1]
