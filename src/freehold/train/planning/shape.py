"""A model of so many parameters, built as models of that size are."""

from __future__ import annotations

import math

import msgspec

from freehold.core.errors import BadRequest
from freehold.train.planning.architecture import Architecture, Experts

_LEAST, _MOST = 10**6, 10**15
_CHOSEN, _SHARED = 8, 1
"""Routed experts that work on a token, and those that always do; as in DeepSeek-V3."""


def shape_for(parameters: int, active: int | None = None) -> Architecture:
    """A model of about so many parameters: Llama's form, and its proportions.

    A layer has about 128 of width where it is large (Llama 3: 128, 102, 130) and fewer where it is small (SmolLM2 of
    135M: 19). With fewer `active` ones, the feed-forward parts are experts. Raises BadRequest.
    """
    if not _LEAST <= parameters <= _MOST:
        raise BadRequest(
            f"A model of {parameters:,} parameters is none that could be planned for.",
            hint="From `1M` to `1000T`.",
        )
    if active is not None and not _LEAST <= active <= parameters:
        raise BadRequest(
            f"Of {parameters:,} parameters, {active:,} cannot be active.", hint="From `1M` to all of them."
        )
    shape = _dense(active or parameters)
    if active is None or active == parameters:
        return shape
    return _with_experts(shape, parameters, active)


def _dense(parameters: int) -> Architecture:
    proportion = min(128.0, 20 * (parameters / 1.35e8) ** 0.45)
    fitting = [_of_width(width, parameters) for width in _widths(parameters)]
    return min(fitting, key=lambda one: _distance(one, parameters, proportion))


def _widths(parameters: int) -> range:
    """Those around the one with which layers would be 12 width² each and as many as their proportion wants."""
    around = (parameters * 64 / 12) ** (1 / 3)
    step = 1024 if around >= 4096 else 512 if around >= 2048 else 64
    return range(step, math.ceil(around * 3 / step) * step + 1, step)


def _of_width(width: int, parameters: int) -> Architecture:
    heads = max(1, width // (128 if width >= 2048 else 64))
    vocabulary = 128_256 if parameters >= 1e9 else 32_000 if parameters >= 2e7 else 4_096
    shape = Architecture(
        name="made up",
        layers=1,
        width=width,
        heads=heads,
        kept_heads=math.gcd(heads, 8),
        head=width // heads,
        inner=max(64, round(3.25 * width / 64) * 64),
        vocabulary=vocabulary,
        tied=parameters < 4e9,
    )
    outside = vocabulary * width * (1 if shape.tied else 2)
    layers = max(1, round((parameters - outside) / (shape.parameters - outside)))
    return msgspec.structs.replace(shape, layers=layers)


def _distance(shape: Architecture, parameters: int, proportion: float) -> float:
    """How far it is from what was wanted; the number of parameters counts most."""
    off = abs(math.log(shape.parameters / parameters))
    return 20 * off + abs(math.log(shape.width / shape.layers / proportion))


def _with_experts(shape: Architecture, parameters: int, active: int) -> Architecture:
    """The feed-forward parts become experts of which nine work on a token, and there are as many as the rest makes."""
    inner = max(64, shape.inner // (_CHOSEN + _SHARED) // 64 * 64)
    each = shape.layers * shape.matrices * shape.width * inner
    count = max(_CHOSEN, _CHOSEN + round((parameters - active) / each))
    experts = Experts(count=count, active=_CHOSEN, shared=_SHARED, inner=inner)
    return msgspec.structs.replace(shape, experts=experts)
