"""How long one step of training takes: computing, waiting for other devices, and what the pipeline leaves idle."""

from __future__ import annotations

import math

import msgspec

from freehold.train.planning.architecture import Architecture
from freehold.train.planning.chip import Chip, Precision
from freehold.train.planning.constants import EXPERTS, HIDDEN, KERNELS, LINKS, OVERLAP, PASSES
from freehold.train.planning.layout import Layout
from freehold.train.planning.memory import layer_activations, parameters_on
from freehold.train.planning.work import work_of

AGAIN = {"none": 1.0, "light": 1.03, "full": 4 / 3}
"""How much more is computed where activations are made again: the way forward is a third of a layer's work."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of one step, by what they go to."""

    computing: float
    memory_traffic: float
    tensor: float
    """Waiting for the other parts of matrices."""
    experts: float
    """Waiting for tokens sent to experts, beyond what computing hides."""
    sequences: float
    """Waiting for the other parts of sequences, beyond what attention hides."""
    bubble: float
    """Stages of the pipeline with nothing to do."""
    replicas: float
    """Waiting for gradients and weights of other replicas, beyond what computing hides."""
    optimizer: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return float(sum(msgspec.structs.astuple(self)))


def micro_batches(layout: Layout, batch: int, context: int) -> int:
    """How many a replica works on in each step."""
    return max(1, math.ceil(batch / context / layout.data / layout.micro))


def step_of(
    model: Architecture, chip: Chip, layout: Layout, *, batch: int, context: int, precision: Precision
) -> Step:
    """One step over `batch` tokens."""
    tokens = layout.micro * context / layout.context
    layers = model.layers / layout.pipeline
    again = AGAIN[layout.recompute]
    work = work_of(model, context)
    rate, exact = chip.attainable(precision) * KERNELS, chip.attainable("bf16") * KERNELS
    share = tokens / layout.pipeline / layout.tensor * again
    attention = work.attention * share / exact
    routed = work.routed * share / (rate * EXPERTS)
    computing = work.dense * share / rate + routed + attention
    traffic = PASSES * layer_activations(model) * tokens * layers / layout.tensor * again
    traffic /= chip.bandwidth * 1e9
    tensor = _tensor(model, chip, layout, tokens * layers * again)
    experts = max(0.0, _experts(model, chip, layout, tokens * again) - OVERLAP * computing)
    sequences = max(0.0, _sequences(model, chip, layout, tokens * layers) - attention)
    rounds = micro_batches(layout, batch, context)
    one = computing + traffic + tensor + experts + sequences
    hidden = OVERLAP * computing * (rounds if layout.zero >= 2 else 1)
    return Step(
        computing=rounds * computing,
        memory_traffic=rounds * traffic,
        tensor=rounds * tensor,
        experts=rounds * experts,
        sequences=rounds * sequences,
        bubble=one * _idle(layout, rounds),
        replicas=max(0.0, _replicas(model, chip, layout, rounds) - hidden),
        optimizer=_optimizer(model, chip, layout),
    )


def _idle(layout: Layout, rounds: int) -> float:
    """For how many micro-batches a stage waits in a step. With fewer of them than stages, parts of the model on a stage
    cannot take turns.
    """
    short = max(0, layout.pipeline - rounds)
    return short + (min(layout.pipeline, rounds) - 1) / layout.interleaved


def _tensor(model: Architecture, chip: Chip, layout: Layout, token_layers: float) -> float:
    """Forward and back, twice a layer, each token's state is put together and taken apart again, in bf16."""
    if layout.tensor == 1:
        return 0.0
    sent = 16.0 * model.width * (layout.tensor - 1) / layout.tensor * token_layers
    return (1 - HIDDEN) * sent / _between(chip, layout.tensor)


def _experts(model: Architecture, chip: Chip, layout: Layout, tokens: float) -> float:
    """Each token is sent to its experts and their answers come back, and on the way back the same again; in bf16."""
    if model.experts is None or layout.expert == 1:
        return 0.0
    token_layers = tokens / layout.tensor * model.expert_layers / layout.pipeline
    sent = 8.0 * model.width * token_layers
    met = min(model.experts.active, layout.expert)
    within = sent * met / _between(chip, min(layout.expert, max(2, chip.domain)))
    domains = math.ceil(layout.expert / chip.domain)
    if domains == 1:
        return within
    reached = min(model.experts.active, domains, model.experts.nodes or domains)
    return max(within, sent * reached / (chip.network * 1e9 * LINKS))


def _sequences(model: Architecture, chip: Chip, layout: Layout, token_layers: float) -> float:
    """Keys and values of all other parts come by, forward and twice on the way back."""
    if layout.context == 1:
        return 0.0
    sent = 3 * 2 * 2.0 * model.kept_heads * model.head / layout.tensor
    return sent * token_layers * (layout.context - 1) / _between(chip, layout.tensor * layout.context)


def _replicas(model: Architecture, chip: Chip, layout: Layout, rounds: int) -> float:
    """Gradients are added up and weights handed out, in bf16: once a step, or for each micro-batch what is split.

    Devices of one domain share what has to leave it.
    """
    if layout.data * layout.context == 1:
        return 0.0
    dense, routed = parameters_on(model, layout)
    size = {3: 6.0 * rounds, 2: 2.0 * rounds + 2.0}.get(layout.zero, 4.0)
    sent = size * (dense + routed)
    near = max(1, min(chip.domain // layout.tensor, layout.data * layout.context))
    inside = sent / (chip.link * 1e9 * LINKS) if near > 1 else 0.0
    if layout.devices <= chip.domain:
        return inside
    return max(inside, sent / near / (chip.network * 1e9 * LINKS))


def _optimizer(model: Architecture, chip: Chip, layout: Layout) -> float:
    """Reading and writing the state once."""
    dense, routed = parameters_on(model, layout)
    replicas = layout.data * layout.context if layout.zero else 1
    of_routed = max(1, replicas * layout.tensor // layout.expert) if layout.zero else 1
    return 30.0 * (dense / replicas + routed / of_routed) / (chip.bandwidth * 1e9)


def _between(chip: Chip, devices: int) -> float:
    """Bytes a second among so many devices that lie together."""
    return (chip.link if devices <= chip.domain else chip.network) * 1e9 * LINKS
