"""Why the model stopped: the words of OpenAI and of the servers that imitate it."""

from __future__ import annotations

from collections.abc import Iterable

from freehold.core.answer import Stop, StopReason
from freehold.core.losses import Losses
from freehold.core.parts import Part, ToolCall

_REASONS: dict[str, StopReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "complete": "stop",
    "completed": "stop",
    "stop_sequence": "stop_sequence",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "context",
    "model_context_window_exceeded": "context",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "refusal": "refusal",
    "pause_turn": "pause",
    "malformed_function_call": "malformed_tool_call",
    "error": "error",
    "abort": "error",
    "network_error": "error",
    "insufficient_system_resource": "error",
}

_WORDS: dict[StopReason, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "context": "length",
    "tool_calls": "tool_calls",
    "refusal": "content_filter",
    "content_filter": "content_filter",
    "pause": "length",
    "malformed_tool_call": "stop",
    "error": "length",
    "other": "stop",
}
"""The nearest of OpenAI's words. What broke off is told as `length`: nobody should take it for finished."""

_EXACT = frozenset(("stop", "length", "tool_calls", "content_filter"))
_OWN = frozenset((*_EXACT, "function_call"))


def stop_of(word: str | None, parts: Iterable[Part], sequence: str | None = None) -> Stop:
    """The provider's word understood. Some never say why, and some say `stop` although there are calls."""
    name, _, detail = (word or "").lower().partition(":")
    reason = _REASONS.get(name.strip(), "other") if name else "stop"
    if "malformed" in detail:
        reason = "malformed_tool_call"
    if reason == "stop":
        if any(isinstance(part, ToolCall) for part in parts):
            reason = "tool_calls"
        elif sequence is not None:
            reason = "stop_sequence"
    return Stop(reason=reason, raw=word or None, sequence=sequence)


def word_of(stop: Stop, losses: Losses, *, same_dialect: bool, legacy: bool) -> str:
    """OpenAI's word for it."""
    if same_dialect and stop.raw in _OWN:
        return stop.raw
    if stop.reason not in _EXACT:
        losses.add("stop.reason")
    word = _WORDS[stop.reason]
    return "function_call" if legacy and word == "tool_calls" else word
