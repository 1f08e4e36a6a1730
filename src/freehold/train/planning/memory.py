"""What one device has to hold while a model is trained."""

from __future__ import annotations

import msgspec

from freehold.train.planning.architecture import Architecture
from freehold.train.planning.chip import Chip, Precision
from freehold.train.planning.constants import RESERVED_BYTES, RESERVED_SHARE
from freehold.train.planning.layout import Layout

WEIGHT, GRADIENT, STATE = 2, 4, 12
"""Bytes a parameter: weights in bf16, gradients added up in fp32, AdamW's fp32 copy and two moments."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of the device that holds the most."""

    weights: float
    gradients: float
    optimizer: float
    activations: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.activations


def usable(chip: Chip) -> float:
    """Bytes of a chip's memory that a plan may fill."""
    return max(0.0, chip.memory * 1e9 * (1 - RESERVED_SHARE) - RESERVED_BYTES)


def parameters_on(model: Architecture, layout: Layout) -> tuple[float, float]:
    """Parameters of one device before replicas split them: those of all tokens, and those of routed experts."""
    routed = model.parameters - model.dense_parameters
    return model.dense_parameters / (layout.tensor * layout.pipeline), routed / (
        layout.expert * layout.pipeline
    )


def memory_of(model: Architecture, layout: Layout, context: int, precision: Precision = "bf16") -> Memory:
    """What the fullest device holds."""
    dense, routed = parameters_on(model, layout)
    replicas = layout.data * layout.context
    routed_replicas = max(1, replicas * layout.tensor // layout.expert)

    def held(size: int, split: bool) -> float:
        if not split:
            return size * (dense + routed)
        return size * (dense / replicas + routed / routed_replicas)

    return Memory(
        weights=held(WEIGHT, layout.zero >= 3) + _gathered(model, layout),
        gradients=held(GRADIENT, layout.zero >= 2),
        optimizer=held(STATE, layout.zero >= 1),
        activations=_activations(model, layout, context, precision),
    )


def layer_activations(model: Architecture) -> float:
    """Bytes that a layer keeps of one token for the way back, in bf16; the square of attention is not kept."""
    mixed = (model.heads * 2 + model.kept_heads * 2) * model.head
    return 2.0 * (4 * model.width + mixed + 3 * _inner(model) + 2 * _dispatched(model))


def lighter_activations(model: Architecture, precision: Precision) -> float:
    """The same where cheap parts are made again; what goes into products is kept in the products' precision."""
    mixed = (model.heads * 2 + model.kept_heads * 2) * model.head
    if (latent := model.latent) is not None:
        mixed = latent.query + latent.kept + latent.turned + model.heads * latent.value
    size = 1.0 if precision == "fp8" else 2.0
    return 2.0 * (2 * model.width + mixed) + size * (2 * _inner(model) + _dispatched(model))


def _inner(model: Architecture) -> float:
    """Width within the feed-forward part, as one token meets it on average."""
    if model.experts is None:
        return float(model.inner)
    share = model.expert_layers / model.layers
    met = (model.experts.active + model.experts.shared) * model.experts.inner
    return share * met + (1 - share) * model.inner


def _dispatched(model: Architecture) -> float:
    """Copies of a token that are sent to its experts."""
    if model.experts is None:
        return 0.0
    return model.experts.active * model.width * model.expert_layers / model.layers


def _gathered(model: Architecture, layout: Layout) -> float:
    """With weights split among replicas, two layers of them are whole at a time."""
    if layout.zero < 3:
        return 0.0
    dense, routed = parameters_on(model, layout)
    return 2 * WEIGHT * (dense + routed) * layout.pipeline / model.layers


def _activations(model: Architecture, layout: Layout, context: int, precision: Precision) -> float:
    tokens = layout.micro * context / layout.context
    under_way = model.layers / layout.pipeline
    if layout.pipeline > 1:  # the first stage has begun as many micro-batches as there are stages
        under_way = float(model.layers)
        if layout.interleaved > 1:
            under_way *= 1 + (layout.pipeline - 1) / (layout.pipeline * layout.interleaved)
    whole = layer_activations(model) / layout.tensor
    light = lighter_activations(model, precision) / layout.tensor
    kept = {
        "none": under_way * whole,
        "light": under_way * light,
        "full": under_way * 2.0 * model.width / layout.tensor + whole,
    }[layout.recompute]
    words = 6.0 * model.vocabulary / layout.tensor
    return tokens * (kept + words)
