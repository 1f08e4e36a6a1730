"""How grave each loss is for whoever moves: whether the call still does what it was for."""

from __future__ import annotations

from typing import Literal

Gravity = Literal["breaks", "weakens", "harmless"]
"""
breaks    the call cannot do what it was for: a picture, a tool or a second answer is missing
weakens   it is answered, and less exactly as it was asked for: the seed, the schema, a penalty
harmless  nobody who reads the answer notices
"""

_BREAKS = (
    "audio", "context", "conversation", "document", "embeddings", "field.prompt", "file", "image", "logprobs",
    "modalities", "n", "part", "refused", "tool", "tool_choice", "tool_result.media", "video",
)  # fmt: skip
_HARMLESS = (
    "answer", "cache", "embeddings.title", "image.detail", "message.blank", "metadata", "prediction", "reasoning.shown",
    "safety_settings", "service_tier", "stop.reason", "store", "tool.custom", "usage", "user",
)  # fmt: skip

BEYOND: dict[str, str] = {
    "context": "tokens beyond the target's context window",
    "refused": "the whole request: nothing sensible can be sent to the target",
}
"""Losses that no translation declares, as they are found beside it."""


def gravity_of(loss: str) -> Gravity:
    """Of a loss by its name, `tool.web_search` as `tool`; what goes on after a dot may have one of its own."""
    for name in (loss, loss.partition(".")[0]):
        if name in _HARMLESS:
            return "harmless"
        if name in _BREAKS:
            return "breaks"
    return "weakens"
