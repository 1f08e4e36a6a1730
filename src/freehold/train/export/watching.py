"""Who follows an export while it is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Watcher(Protocol):
    """Shows what is being done."""

    def __call__(self, what: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
        """A piece of work, of so many steps; what it yields is called with the steps that are done."""


def nothing(steps: int) -> None:
    """For work that nobody watches."""


@contextmanager
def silently(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A watcher who shows nothing."""
    yield nothing
