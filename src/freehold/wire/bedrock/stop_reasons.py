"""Why a model stopped, in Converse's words."""

from __future__ import annotations

from freehold.core.answer import Stop, StopReason

_REASONS: dict[str, StopReason] = {
    "content_filtered": "content_filter",
    "end_turn": "stop",
    "guardrail_intervened": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "malformed_tool_call",
    "max_tokens": "length",
    "model_context_window_exceeded": "context",
    "pause_turn": "pause",
    "refusal": "refusal",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
}
"""`pause_turn` and `refusal` are words of Claude that are passed through for some of its versions."""


def stop_of(word: str, sequence: str | None = None) -> Stop:
    """`word` is the provider's; `sequence` the stop sequence that was met, where it is told."""
    return Stop(reason=_REASONS.get(word, "other"), raw=word, sequence=sequence)
