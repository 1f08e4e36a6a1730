"""The pace of a stream: one that drips is as good as silent, though something comes all the time."""

from __future__ import annotations

_OVER = 2
"""Events over which the time between them is averaged: few, so that a drip is noticed while there is time left."""


class Pace:
    """Watches the events of one stream. Only the time spent waiting for the provider counts, not a slow client's."""

    __slots__ = ("_came", "_limit", "_waited")

    def __init__(self, between: float) -> None:
        """`between`: the most seconds between two events, on average."""
        self._limit = between * _OVER
        self._came = 0
        self._waited = 0.0

    def is_too_slow(self, waited: float, *, came: bool) -> bool:
        """Whether it is, after `waited` more seconds, at the end of which an event `came` or only a part of one."""
        self._came += came
        self._waited += waited
        if self._came >= _OVER:
            self._came, self._waited = 0, 0.0
            return False
        return self._waited > self._limit
