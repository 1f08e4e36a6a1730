"""Why a model stopped, in Cohere's words."""

from __future__ import annotations

from freehold.core.answer import Stop, StopReason

_REASONS: dict[str, StopReason] = {
    "COMPLETE": "stop",
    "ERROR": "error",
    "ERROR_LIMIT": "context",
    "ERROR_TOXIC": "content_filter",
    "MAX_TOKENS": "length",
    "STOP_SEQUENCE": "stop_sequence",
    "TIMEOUT": "error",
    "TOOL_CALL": "tool_calls",
}


def stop_of(word: str) -> Stop:
    """`word` is the provider's."""
    return Stop(reason=_REASONS.get(word, "other"), raw=word)
