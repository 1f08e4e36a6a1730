"""What one of several processes does for a run: the first carries it out, all compute their part of each step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from freehold.train.catalogue import fitted, module_of
from freehold.train.order import Stopped
from freehold.train.run import RunFolder, Runs
from freehold.train.running.following import Seen
from freehold.train.running.interruption import interruptible
from freehold.train.running.runner import carry_out, order_of
from freehold.train.spreading.group import joined
from freehold.train.spreading.place import Place


class Silent:
    """A progress that nobody follows: the first process tells of both."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping

    def begin(self, steps: int, *, done: int = 0) -> None:
        """The first process tells."""

    def step(self, step: int, *, tokens: int | None = None, **values: float) -> None:
        """The first process tells."""

    @property
    def stopping(self) -> bool:
        """Whether somebody wants this process to stop; then all do."""
        return self._stopping()


def assist(data: Path, folder: RunFolder, *, resume: bool) -> None:
    """Compute this process's part of the run, until the first process is through with it."""
    run = folder.read()
    order = order_of(data, folder, resume=resume)
    with interruptible() as interruption:
        try:
            module_of(run.recipe).train(
                order, fitted(run.recipe, run.dials), Silent(lambda: interruption.wanted)
            )
        except Stopped:
            return


def take_part(
    data: Path, run: str, place: Place, meeting: str, tell: Callable[[Seen], None], *, resume: bool
) -> None:
    """Train as the process of that place. `meeting`: `HOST:PORT` of the first, which the others reach."""
    with joined(place, meeting):
        folder = Runs(data).find(run)
        if place.rank == 0:
            carry_out(data, folder, tell, resume=resume)
        else:
            assist(data, folder, resume=resume)
