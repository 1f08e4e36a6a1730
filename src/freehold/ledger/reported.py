"""The names by which models call themselves: when one changes, another model may answer in its place."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from freehold.ledger.record import Call

_MOST_MODELS = 10_000
"""Models that are watched: names that clients make up must not fill the memory."""


class Change(msgspec.Struct, frozen=True):
    """A model calls itself otherwise than in its last answer."""

    asked: str
    """`provider/model`, as it is asked."""
    before: str
    now: str


class ReportedModels:
    """Watches finished calls. That a name changed is no failure, so nothing is done but to count and tell it."""

    def __init__(self, tell: Callable[[Change], None]) -> None:
        """`tell` is called with each change."""
        self._tell = tell
        self._names: dict[tuple[str, str], str] = {}
        self.changes = 0
        """How many there were."""

    def observe(self, call: Call) -> None:
        """Look at one finished call."""
        now = call.reported_model
        if not now or not call.provider or not call.model or call.outcome != "answered":
            return
        asked = (call.provider, call.model)
        before = self._names.get(asked)
        if before == now or (before is None and len(self._names) >= _MOST_MODELS):
            return
        self._names[asked] = now
        if before is not None:
            self.changes += 1
            self._tell(Change(f"{call.provider}/{call.model}", before, now))
