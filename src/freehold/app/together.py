"""The processes that `torchrun` started to train together: each runs the same command, and the first leads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from freehold.train.catalogue import check_spread
from freehold.train.spreading.place import place_of

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.train.run import RunFolder

# ruff: noqa: PLC0415 - PyTorch is imported where there are several processes


def assisted(settings: Settings) -> bool:
    """Whether this process is one of several and not the first: then its part of the run is done, too."""
    place = place_of(os.environ)
    if place.rank == 0:
        return False
    from freehold.train.run import Runs
    from freehold.train.spreading.group import joined, shared
    from freehold.train.spreading.member import assist

    with joined(place):
        run, resume = shared(None)
        assist(settings.data, Runs(settings.data).find(run), resume=resume)
    return True


def check_together(recipe: str) -> None:
    """Raises BadRequest where `torchrun` started several processes that cannot share the steps of this recipe."""
    if place_of(os.environ).size > 1:
        check_spread(recipe)


@contextmanager
def leading(folder: RunFolder, *, resume: bool) -> Iterator[None]:
    """Let the other processes, where there are any, take part in this run. Raises BadRequest where they cannot."""
    check_together(folder.read().recipe)
    place = place_of(os.environ)
    if place.size == 1:
        yield
        return
    from freehold.train.spreading.group import joined, shared

    with joined(place):
        shared((folder.folder.name, resume))
        yield
