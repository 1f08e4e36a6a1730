"""Streams cut into frames, whatever they are framed with."""

from __future__ import annotations

from typing import Protocol

from freehold.wire.dialect import Framing
from freehold.wire.sse import EventSplitter


class Splitter(Protocol):
    """Cuts a stream of bytes into whole frames; what is not whole yet is kept for the next piece."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Every frame that `piece` completes. Raises a ValueError or FreeholdError for what is no stream."""

    def take_rest(self) -> bytes:
        """What came after the last whole frame."""


def splitter_for(framing: Framing) -> Splitter:
    """A splitter for one stream."""
    if framing == "aws-event-stream":
        from freehold.wire.bedrock.frames import AwsEventSplitter  # noqa: PLC0415 - few providers need it

        return AwsEventSplitter()
    return EventSplitter()
