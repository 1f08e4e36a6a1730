"""Why an answer stopped: its status, and what is said beside it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freehold.core.answer import Stop, StopReason
from freehold.core.losses import Losses
from freehold.core.parts import Part, Refusal, ToolCall
from freehold.wire.responses.vocabulary import Json

_INCOMPLETE: dict[str | None, StopReason] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}
_UNFINISHED = ("queued", "in_progress", "cancelled")
"""Statuses of answers that are worked on in the background, or were."""


class IncompleteDetails(msgspec.Struct):
    """Why an answer is incomplete."""

    reason: str | None = None


def stop_of(status: str | None, details: IncompleteDetails | None, parts: Sequence[Part]) -> Stop:
    """The reason. An answer without a status has come to its end.

    A refusal is an ordinary end as well: the words of it are a part of their own.
    """
    if status == "incomplete":
        reason = None if details is None else details.reason
        return Stop(reason=_INCOMPLETE.get(reason, "other"), raw=reason or status)
    if status == "failed":
        return Stop(reason="error", raw=status)
    if status in _UNFINISHED:
        return Stop(reason="other", raw=status)
    called = any(isinstance(part, ToolCall) for part in parts)
    return Stop(reason="tool_calls" if called else "stop", raw=status or "completed")


class Ending(msgspec.Struct):
    """How the answer is said to have ended."""

    status: str
    incomplete_details: Json | None = None
    error: Json | None = None

    @property
    def event(self) -> str:
        """Of the stream's last event."""
        return (
            f"response.{self.status if self.status in ('completed', 'incomplete', 'failed') else 'completed'}"
        )


def _incomplete(reason: str) -> Ending:
    return Ending("incomplete", incomplete_details={"reason": reason})


def _failed(message: str) -> Ending:
    return Ending("failed", error={"code": "server_error", "message": message})


_EXACT: dict[StopReason, Ending] = {
    "stop": Ending("completed"),
    "tool_calls": Ending("completed"),
    "length": _incomplete("max_output_tokens"),
    "content_filter": _incomplete("content_filter"),
    "error": _failed("The provider failed while it wrote the answer."),
}
_NEAREST: dict[StopReason, Ending] = {
    "stop_sequence": Ending("completed"),
    "context": _incomplete("max_output_tokens"),
    # A turn that was interrupted is not complete, and this is the one reason that calls for going on.
    "pause": _incomplete("max_output_tokens"),
    "refusal": _incomplete("content_filter"),
    "malformed_tool_call": _failed("The model wrote a tool call that could not be read."),
    "other": Ending("completed"),
}


def ending_of(stop: Stop | None, parts: Sequence[Part], losses: Losses) -> Ending:
    """What a client is told. The nearest there is, and a loss where the difference matters."""
    if stop is None:
        return Ending("completed")
    if stop.reason in _EXACT:
        return _EXACT[stop.reason]
    if stop.reason == "other" and stop.raw in _UNFINISHED:
        return Ending(stop.raw)
    if stop.reason != "refusal" or not any(isinstance(part, Refusal) for part in parts):
        losses.add("stop.reason")
        return _NEAREST[stop.reason]
    return Ending("completed")
