"""How long the books have said nothing although this process listened."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

LOST_S = 3.0
"""Without a word from the books for so long, they are lost, and each process goes by its share of what remained."""
_LOOK_S = 0.1
"""Between two looks at how long they have been silent. A look that is later counts for two at the most: a process that
was too busy to listen has not heard silence.
"""


class Silence:
    """Counted while an answer is awaited. In the event loop's thread."""

    def __init__(self, awaited: Callable[[], bool]) -> None:
        """`awaited`: whether the books have something to say."""
        self._awaited = awaited
        self._seconds = math.inf
        self._looked_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def lost(self) -> bool:
        """Whether the books are lost, or have never been heard of."""
        return self._seconds >= LOST_S

    def heard(self) -> None:
        """They said something."""
        self._seconds = 0.0

    def listen(self) -> None:
        """From now on an answer is awaited."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._looked_at = loop.time()
            self._timer = loop.call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._seconds += min(now - self._looked_at, 2 * _LOOK_S)
        self._looked_at, self._timer = now, None
        if self._awaited():
            self._timer = loop.call_later(_LOOK_S, self._look)

    def close(self) -> None:
        """Listen no more."""
        if self._timer is not None:
            self._timer.cancel()
