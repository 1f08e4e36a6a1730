"""The trace that a call is part of, as W3C's Trace Context names it."""

from __future__ import annotations

import msgspec

SAMPLED = 0x01
"""The flag of whoever records."""
RANDOM = 0x02
"""The flag that says that the right half of the trace's id is random."""


class Caller(msgspec.Struct, frozen=True, gc=False):
    """What a client's headers say about the trace that its request belongs to."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """Of the client's span: 16 hexadecimal digits."""
    flags: int
    state: str = ""
    """`tracestate`: what tracing systems tell each other."""


class Trace(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where a call belongs."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """Of the call's own span, or of the client's where the call has none: 16 hexadecimal digits."""
    flags: int
    parent_id: str = ""
    """Of the client's span; empty when the trace begins here."""
    state: str = ""
    recorded: bool = False
    """Whether the call and its attempts become spans."""
    told: bool = False
    """Whether providers are told of it."""

    def parent_of(self, span: int) -> bytes:
        """The header `traceparent` for whoever is asked within `span`; 0: within the call itself."""
        within = f"{span:016x}" if span else self.span_id
        return f"00-{self.trace_id}-{within}-{self.flags:02x}".encode()
