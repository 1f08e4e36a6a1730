"""What is to be certified of a router."""

from __future__ import annotations

import msgspec


class Promise(msgspec.Struct, frozen=True):
    """See the module."""

    risk: float
    """The share of all answers that may be worse than the incumbent's."""
    confidence: float = 0.95
    tolerance: float = 0.0
    """By how much an answer's score may be below the incumbent's without being worse."""

    @property
    def doubt(self) -> float:
        """The chance that the promise does not hold."""
        return 1.0 - self.confidence
