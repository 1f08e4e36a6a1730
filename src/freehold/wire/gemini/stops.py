"""Why the model stopped, in Gemini's words and in ours."""

from __future__ import annotations

from freehold.core.answer import Stop, StopReason
from freehold.core.losses import Losses

_REASONS: dict[str, StopReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "other",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "MALFORMED_FUNCTION_CALL": "malformed_tool_call",
    "UNEXPECTED_TOOL_CALL": "malformed_tool_call",
    "TOO_MANY_TOOL_CALLS": "malformed_tool_call",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "MALFORMED_RESPONSE": "error",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_OTHER": "other",
    "NO_IMAGE": "other",
    "CONTINUATION": "pause",
    "OTHER": "other",
}
_WORDS: dict[StopReason, str] = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "length": "MAX_TOKENS",
    "context": "MAX_TOKENS",
    "tool_calls": "STOP",
    "refusal": "SAFETY",
    "content_filter": "SAFETY",
    "pause": "OTHER",
    "malformed_tool_call": "MALFORMED_FUNCTION_CALL",
    "error": "OTHER",
    "other": "OTHER",
}
_INEXACT = frozenset({"stop_sequence", "context", "refusal", "pause", "error"})
_UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"


def stop_in(word: str, *, calls: bool) -> Stop | None:
    """A `finishReason`. Gemini says STOP even when it waits for calls, which `calls` tells."""
    if word == _UNSPECIFIED:
        return None
    reason = _REASONS.get(word, "other")
    return Stop(reason="tool_calls" if calls and reason == "stop" else reason, raw=word)


def stop_out(stop: Stop, losses: Losses) -> str:
    """The `finishReason`: Gemini's own word, where it was one, else the nearest."""
    own = _REASONS.get(stop.raw or "")
    if stop.raw and own is not None and (own == stop.reason or (own, stop.reason) == ("stop", "tool_calls")):
        return stop.raw
    if stop.reason in _INEXACT:
        losses.add("stop.reason")
    return _WORDS[stop.reason]


def blocked(reason: str) -> Stop:
    """The stop of a prompt that was not let through."""
    return Stop(reason="content_filter", raw=reason)
