"""How many floating-point operations a token costs."""

from __future__ import annotations

import msgspec

from freehold.train.planning.architecture import Architecture

FORWARD_AND_BACK = 3
"""The way back costs twice the way forward."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """FLOPs of one token in training, without anything made again."""

    dense: float
    """Products with weights that every token meets."""
    routed: float
    """Products with the experts that it is sent to."""
    attention: float
    """Looking at the tokens before it; of a sequence's pairs of tokens half."""

    @property
    def total(self) -> float:
        """All of it."""
        return self.dense + self.routed + self.attention


def work_of(model: Architecture, context: int) -> Work:
    """6 FLOPs for each parameter that works on a token, and attention."""
    return Work(
        dense=2.0 * FORWARD_AND_BACK * (model.worked - model.routed_active),
        routed=2.0 * FORWARD_AND_BACK * model.routed_active,
        attention=FORWARD_AND_BACK * model.attention_flops(context),
    )


def six_n_d(model: Architecture, tokens: float) -> float:
    """The figure that most reports print: 6 FLOPs for each active parameter and token, attention left out."""
    return 6.0 * model.active * tokens
