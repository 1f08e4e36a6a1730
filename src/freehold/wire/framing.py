"""Streams cut into frames, whatever they are framed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from freehold.wire.dialect import Framing
from freehold.wire.sse import EventSplitter

if TYPE_CHECKING:
    from freehold.wire.anthropic.invoked import InvokedSplitter


class Splitter(Protocol):
    """Cuts a stream of bytes into whole frames; what is not whole yet is kept for the next piece."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Every frame that `piece` completes. Raises a ValueError or FreeholdError for what is no stream."""

    def take_rest(self) -> bytes:
        """What came after the last whole frame. Raises as `feed`."""


def splitter_for(framing: Framing) -> Splitter:
    """A splitter for one stream."""
    if framing == "aws-event-stream":
        from freehold.wire.aws_frames import AwsEventSplitter  # noqa: PLC0415 - few providers need it

        return AwsEventSplitter()
    return event_splitter_for(framing)


def event_splitter_for(framing: Framing) -> EventSplitter | InvokedSplitter:
    """A splitter for one stream whose frames are server-sent events, or would be if they were not wrapped."""
    if framing == "aws-invoked":
        from freehold.wire.anthropic.invoked import InvokedSplitter  # noqa: PLC0415 - few providers need it

        return InvokedSplitter()
    return EventSplitter()
