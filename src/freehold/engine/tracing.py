"""Which trace a call belongs to, and whether it is recorded there."""

from __future__ import annotations

import random

import msgspec

from freehold.core.trace import RANDOM, SAMPLED, Caller, Trace

_ids = random.Random()  # seeded by the system; ids name things, they do not protect them
_draw = _ids.getrandbits
_RANDOM_DIGITS = 14
"""The right half of a trace's id, of which its share is taken, has 56 random bits."""


class Tracing(msgspec.Struct, frozen=True):
    """What becomes of the traces of calls."""

    records: bool = False
    """Whether calls become spans. If not, a client's trace is only passed on."""
    share: float = 1.0
    """Of the traces that begin here, how many are recorded. Those of clients are recorded when the client says so."""
    tells: bool = True
    """Whether providers are told of the trace."""

    def begin(self, call_id: str, caller: Caller | None) -> Trace | None:
        """The trace of a new call; None when it has none."""
        if not self.records:
            if caller is None or not self.tells:
                return None
            return Trace(caller.trace_id, caller.span_id, caller.flags, told=True)
        span_id = f"{_draw(64) or 1:016x}"
        if caller is None:
            trace_id = call_id[-32:]  # so whoever has the call's id has the trace's
            recorded = self.share >= 1.0 or int(trace_id[-_RANDOM_DIGITS:], 16) < self.share * 2**56
            flags = RANDOM | SAMPLED if recorded else RANDOM
            return Trace(trace_id, span_id, flags, recorded=recorded, told=self.tells)
        recorded = bool(caller.flags & SAMPLED)
        return Trace(
            caller.trace_id,
            span_id if recorded else caller.span_id,
            caller.flags,
            parent_id=caller.span_id,
            state=caller.state,
            recorded=recorded,
            told=self.tells,
        )


def new_span() -> int:
    """A fresh span's id."""
    return _draw(64) or 1
