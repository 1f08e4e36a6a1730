"""Who follows an export while it is under way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Watcher(Protocol):
    """Shows what is being done."""

    def __call__(self, what: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
        """A piece of work, of so many steps; what it yields is called with the steps that are done."""


def nothing(steps: int) -> None:
    """For work that nobody watches."""
