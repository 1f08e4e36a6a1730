"""What failures cost: how often something breaks, how often to keep a checkpoint, and what is left of the time."""

from __future__ import annotations

import math

import msgspec

from freehold.core.errors import BadRequest


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """What to expect of a run on so many devices."""

    between: float
    """Seconds from one interruption of the run to the next, on average."""
    checkpoint: float
    """Seconds that keeping a checkpoint takes."""
    every: float
    """Seconds from one checkpoint to the next, after Young and Daly."""
    restart: float
    """Seconds from an interruption to the next step."""
    goodput: float
    """The share of the time in which the run gets on."""


def failures_of(*, devices: int, device_hours: float, checkpoint: float, restart: float) -> Failures:
    """The interval that loses least, and what is left. Raises BadRequest where a run would hardly get on."""
    between = device_hours * 3600 / devices
    every = _interval(checkpoint, between)
    goodput = goodput_of(every, checkpoint=checkpoint, between=between, restart=restart)
    if goodput < 0.05:
        raise BadRequest(
            f"With a failure every {between / 60:.1f} minutes and {restart / 60:.0f} to begin again, {devices:,} "
            "devices would hardly get on.",
            hint="Take fewer devices, or tell a longer `--mtbf` or a shorter `--restart`.",
        )
    return Failures(between=between, checkpoint=checkpoint, every=every, restart=restart, goodput=goodput)


def _interval(checkpoint: float, between: float) -> float:
    """Daly's, of higher order than Young's, which is its first term."""
    if checkpoint >= 2 * between:
        return between
    ratio = checkpoint / (2 * between)
    return math.sqrt(2 * checkpoint * between) * (1 + math.sqrt(ratio) / 3 + ratio / 9) - checkpoint


def goodput_of(every: float, *, checkpoint: float, between: float, restart: float) -> float:
    """Daly's complete model: failures come by chance, during checkpoints and restarts, too."""
    exponent = restart / between + (every + checkpoint) / between
    if exponent > 500:
        return 0.0
    lasts = between * math.exp(restart / between) * math.expm1((every + checkpoint) / between)
    return every / lasts
