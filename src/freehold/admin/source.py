"""What an answer of unknown length is made from, piece by piece, in threads."""

from __future__ import annotations

import threading
from collections.abc import Generator


class Source:
    """A generator that is asked and ended by different threads: nobody ends it in the middle of a piece."""

    def __init__(self, pieces: Generator[bytes, None, None]) -> None:
        self._pieces = pieces
        self._lock = threading.Lock()

    def next(self) -> bytes | None:
        """The next piece; None at the end."""
        with self._lock:
            return next(self._pieces, None)

    def close(self) -> None:
        """Let go of what it reads, after the piece that is being made."""
        with self._lock:
            self._pieces.close()
