"""Sees that a model goes on working for all while one request has it keep to a form.

A grammar of forty lines can take llama.cpp longer to work out than anybody lives, and it is worked out in the one
thread that every request waits for. Who hangs up does not end it: only the end of the process does, and whoever watches
over the worker starts another one.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("freehold.local")

PATIENCE_SECONDS = 120.0
"""Longer than it takes to read a batch of a prompt, which it does in one go, too."""
STUCK = 70
"""Status that the process ends with."""
_EVERY_SECONDS = 1.0


class Watch:
    """See the module."""

    def __init__(self, goes_on: Callable[[float], bool], patience: float = PATIENCE_SECONDS) -> None:
        """`goes_on`: whether it took something in within so many seconds; it may wait as long as that."""
        self._goes_on = goes_on
        self._patience = patience
        self._kept_to = 0
        """Forms that answers are written in now."""
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def over_form(self) -> Iterator[None]:
        """While a request with a form is answered."""
        self._kept_to += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        try:
            yield
        finally:
            self._kept_to -= 1

    async def _look(self) -> None:
        """Until after the last of them is done: it may be stuck although nobody waits any more."""
        is_last = False
        while not is_last:
            await asyncio.sleep(_EVERY_SECONDS)
            is_last = self._kept_to == 0
            if not await asyncio.to_thread(self._goes_on, self._patience):
                log.error(
                    "a form took longer than %g s to work out; another worker takes over", self._patience
                )
                os._exit(STUCK)
