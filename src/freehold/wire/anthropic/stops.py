"""Why a model stopped."""

from __future__ import annotations

from freehold.core.answer import Stop, StopReason
from freehold.core.losses import Losses

_REASONS: dict[str, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "context",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
    "compaction": "pause",
}
_WORDS: dict[StopReason, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "context": "model_context_window_exceeded",
    "tool_calls": "tool_use",
    "refusal": "refusal",
    "content_filter": "refusal",
    "pause": "pause_turn",
}


def decode_stop(word: str | None, sequence: str | None) -> Stop | None:
    """The reason; None when there is none yet."""
    if word is None:
        return None
    return Stop(reason=_REASONS.get(word, "other"), raw=word, sequence=sequence)


def encode_stop(stop: Stop | None, losses: Losses, *, same: bool, declined: bool) -> str | None:
    """The word for a client. `declined`: the answer holds a refusal, which is told here and nowhere else."""
    if stop is None:
        return None
    if stop.raw is not None and _REASONS.get(stop.raw, "other" if same else None) == stop.reason:
        return stop.raw
    if stop.reason == "stop" and declined:
        return "refusal"
    word = _WORDS.get(stop.reason)
    if word is None or stop.reason == "content_filter":
        losses.add("stop.reason")
    return word or "end_turn"
