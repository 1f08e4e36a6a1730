"""Which of several processes this one is."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from freehold.core.errors import BadRequest


class Place(msgspec.Struct, frozen=True):
    """One of the processes that train together."""

    rank: int = 0
    """From 0; that one keeps the run's folder."""
    size: int = 1
    """How many there are."""


ALONE = Place()


def place_of(environment: Mapping[str, str]) -> Place:
    """The place that `torchrun` gave to this process: `RANK` of `WORLD_SIZE`. Raises BadRequest for half of that."""
    rank, size = environment.get("RANK"), environment.get("WORLD_SIZE")
    if rank is None and size is None:
        return ALONE
    try:
        place = Place(int(rank or ""), int(size or ""))
    except ValueError:
        place = Place(-1, 0)
    if not 0 <= place.rank < place.size:
        raise BadRequest(
            f"`RANK={rank}` of `WORLD_SIZE={size}` is no place of a process.",
            hint="`torchrun` sets both; unset them to train in one process.",
        )
    return place
