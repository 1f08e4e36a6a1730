"""What the processes of one training tell each other, through PyTorch's gloo. Alone, all of it does nothing.

Gradients are added up in one piece after each step, not while they are computed: on processors there is no second
engine that could carry them meanwhile, and one sum in one order is the same sum each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import distributed

from freehold.train.spreading.place import ALONE, Place

_PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others before it gives up: one of them is gone then."""


@contextmanager
def joined(wanted: Place) -> Iterator[None]:
    """Work together with the others until it is left. Where they meet is in the environment, as `torchrun` sets it."""
    if wanted.size == 1:
        yield
        return
    distributed.init_process_group("gloo", rank=wanted.rank, world_size=wanted.size, timeout=_PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def place() -> Place:
    """Which of the processes this one is."""
    return Place(distributed.get_rank(), distributed.get_world_size()) if _together() else ALONE


@contextmanager
def first_alone() -> Iterator[None]:
    """What is inside is done by the first process, and by the others once it is through: they find what it made."""
    if place().rank > 0:
        distributed.barrier()
    yield
    if place().rank == 0 and _together():
        distributed.barrier()


def shared(value: Any) -> Any:
    """What the first process has."""
    if not _together():
        return value
    box = [value]
    distributed.broadcast_object_list(box)
    return box[0]


def sum_gradients(weights: Sequence[torch.Tensor]) -> None:
    """Let every process have the sum of all gradients."""
    if not _together():
        return
    gradients = [one.grad if one.grad is not None else torch.zeros_like(one) for one in weights]
    together = torch.cat([one.flatten() for one in gradients])
    distributed.all_reduce(together)
    for one, whole in zip(weights, together.split([one.numel() for one in weights]), strict=True):
        one.grad = whole.view_as(one)


def sum_of(*values: float) -> tuple[float, ...]:
    """Each of these numbers, summed over all processes."""
    if not _together():
        return values
    sums = torch.tensor(values, dtype=torch.float64)
    distributed.all_reduce(sums)
    return tuple(sums.tolist())


def _together() -> bool:
    return bool(distributed.is_available() and distributed.is_initialized())
