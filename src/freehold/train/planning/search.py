"""Which layouts there are, and which of those that fit is the fastest."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from freehold.train.planning.architecture import Architecture
from freehold.train.planning.chip import Chip, Precision
from freehold.train.planning.constants import MOST_INTERLEAVED
from freehold.train.planning.layout import RECOMPUTE, Layout, Zero
from freehold.train.planning.memory import Memory, memory_of, usable
from freehold.train.planning.step import Step, step_of

_MOST_TENSOR = 16
_MOST_PIPELINE = 128
_MOST_CONTEXT = 64
_LEAST_EXPERT = 8
"""Devices among which experts are spread, where they are."""
_MICRO = (1, 2, 4, 8)
_WHOLE_CONTEXT = 16_384
"""Up to here a sequence stays on one device, or is split as matrices are."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be learned with what."""

    model: Architecture
    chip: Chip
    count: int
    """Devices that are paid for."""
    batch: int
    """Tokens of a step."""
    context: int
    """Tokens of a sequence."""
    precision: Precision


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A layout with what it takes."""

    layout: Layout
    memory: Memory
    step: Step
    fits: bool

    @property
    def seconds(self) -> float:
        """Of a step."""
        return self.step.seconds


def judge(order: Order, layout: Layout) -> Candidate:
    """What this layout takes."""
    memory = memory_of(order.model, layout, order.context, order.precision)
    return Candidate(
        layout=layout,
        memory=memory,
        fits=memory.total <= usable(order.chip),
        step=step_of(
            order.model,
            order.chip,
            layout,
            batch=order.batch,
            context=order.context,
            precision=order.precision,
        ),
    )


def candidates(order: Order) -> list[Candidate]:
    """All that make sense, the best first: those that fit by their speed, then the others by what they hold."""
    judged = [one for spread in _spreads(order) for one in _variants(order, spread)]
    judged.sort(key=lambda one: (not one.fits, one.seconds if one.fits else one.memory.total))
    return judged


def anything_fits(order: Order) -> bool:
    """Whether there is a layout that fits."""
    room = usable(order.chip)
    return any(
        memory_of(order.model, _least(spread), order.context, order.precision).total <= room
        for spread in _spreads(order)
    )


def families(judged: list[Candidate]) -> list[Candidate]:
    """The best of each kind of layout, in the order they came: what somebody who decides wants to compare."""
    seen: dict[tuple[object, ...], Candidate] = {}
    for one in judged:
        layout = one.layout
        kind = (layout.tensor > 1, layout.pipeline > 1, layout.context > 1, layout.expert > 1, layout.zero)
        seen.setdefault(kind, one)
    return list(seen.values())


def _spreads(order: Order) -> Iterator[Layout]:
    """How devices may be shared among the kinds of parallelism, in powers of two."""
    model, sequences = order.model, max(1, order.batch // order.context)
    for tensor in _powers(min(_MOST_TENSOR, order.chip.domain, model.heads)):
        for pipeline in _powers(min(_MOST_PIPELINE, model.layers)):
            for context in _powers(max(1, min(_MOST_CONTEXT, order.context // _WHOLE_CONTEXT * 2))):
                data = min(order.count // (tensor * pipeline * context), sequences)
                if data < 1:
                    continue
                for size in {data, 1 << data.bit_length() - 1}:  # experts want a power of two
                    for expert in _expert_sizes(model, size * tensor * context):
                        yield Layout(
                            data=size,
                            tensor=tensor,
                            context=context,
                            pipeline=pipeline,
                            expert=expert,
                            interleaved=_interleaved(model, pipeline),
                        )


def _variants(order: Order, spread: Layout) -> Iterator[Candidate]:
    """What can be done with a spread: of what is made again, the least with which it fits, as more is only slower."""
    least = judge(order, _least(spread))
    if not least.fits:
        yield least
        return
    for zero in _stages(spread):
        for micro in _MICRO:
            for recompute in RECOMPUTE:
                one = judge(
                    order, msgspec.structs.replace(spread, zero=zero, micro=micro, recompute=recompute)
                )
                if one.fits or recompute == RECOMPUTE[-1]:
                    yield one
                if one.fits:
                    break


def _least(spread: Layout) -> Layout:
    """The variant that holds least."""
    return msgspec.structs.replace(spread, zero=_stages(spread)[-1], micro=1, recompute=RECOMPUTE[-1])


def _stages(spread: Layout) -> tuple[Zero, ...]:
    """With several stages weights are not split: they would travel for each micro-batch of each stage."""
    if spread.data * spread.context == 1:
        return (0,)
    return (1, 2) if spread.pipeline > 1 else (1, 3)


def _interleaved(model: Architecture, pipeline: int) -> int:
    return 1 if pipeline == 1 else max(1, min(MOST_INTERLEAVED, model.layers // pipeline))


def _expert_sizes(model: Architecture, devices: int) -> list[int]:
    if model.experts is None:
        return [1]
    sizes = [1, *(size for size in _powers(model.experts.count) if size >= _LEAST_EXPERT)]
    return [size for size in sizes if devices % size == 0]


def _powers(most: int) -> list[int]:
    """1, 2, 4 …"""
    return [2**power for power in range(max(1, most).bit_length())]
