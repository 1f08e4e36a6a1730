"""Telling of something that goes wrong with every call, without a line for every call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from freehold.core.clock import Clock

log = logging.getLogger("freehold.engine")

BETWEEN_S = 30.0


class Seldom:
    """Writes the first such thing into the log, then one in `BETWEEN_S` seconds, with how many were passed over."""

    def __init__(self, clock: Clock) -> None:
        self._tick: Callable[[], float] = clock.tick
        self._next: float | None = None
        self._passed_over = 0

    def tell(self, what: str, named: Mapping[str, str]) -> None:
        """The exception being handled, under `what`; `named`: the call it is about."""
        now = self._tick()
        if self._next is not None and now < self._next:
            self._passed_over += 1
            return
        more = f" ({self._passed_over} more since the last time)" if self._passed_over else ""
        self._next, self._passed_over = now + BETWEEN_S, 0
        log.exception("%s%s", what, more, extra=dict(named))
