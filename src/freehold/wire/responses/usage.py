"""The usage object of this dialect. Its totals include their subsets already."""

from __future__ import annotations

from typing import Annotated

import msgspec

from freehold.core.losses import Losses
from freehold.core.usage import NO_USAGE, Usage
from freehold.wire.responses.vocabulary import UNREADABLE, Json

_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
"""Outside of this it is not a count of tokens, and no database could keep it."""


class _InputDetails(msgspec.Struct):
    cached_tokens: _Count | None = None
    cache_write_tokens: _Count | None = None
    audio_tokens: _Count | None = None
    image_tokens: _Count | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: _Count | None = None
    audio_tokens: _Count | None = None
    image_tokens: _Count | None = None


class _Usage(msgspec.Struct):
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


_decode = msgspec.json.Decoder(_Usage).decode
_NO_INPUT_DETAILS = _InputDetails()
_NO_OUTPUT_DETAILS = _OutputDetails()


def decode_usage(raw: bytes | None) -> Usage:
    """Tokens as the provider billed them; NO_USAGE when absent, null, or not understood."""
    if raw is None:
        return NO_USAGE
    try:
        usage = _decode(raw)
    except UNREADABLE:
        return NO_USAGE
    if usage.input_tokens is None and usage.output_tokens is None:
        return NO_USAGE
    read = usage.input_tokens_details or _NO_INPUT_DETAILS
    written = usage.output_tokens_details or _NO_OUTPUT_DETAILS
    return Usage(
        usage.input_tokens,
        usage.output_tokens,
        read.cached_tokens,
        read.cache_write_tokens,
        written.reasoning_tokens,
        read.audio_tokens,
        written.audio_tokens,
        "provider",
        input_image_tokens=read.image_tokens,
        output_image_tokens=written.image_tokens,
    )


def encode_usage(usage: Usage, losses: Losses) -> Json | None:
    """The object for a client, whose types demand every count: 0 stands for what nobody said."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    for name in (
        "cache_write_1h_tokens",
        "input_audio_tokens",
        "output_audio_tokens",
        "input_image_tokens",
        "input_video_tokens",
        "input_document_tokens",
        "output_image_tokens",
    ):
        if getattr(usage, name):
            losses.add("usage", name)
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    return {
        "input_tokens": read,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens or 0,
        },
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": read + written,
    }


_TIERS = {tier: tier for tier in ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")} | {
    "standard": "default",  # Anthropic's and Gemini's word
    "on_demand": "default",  # Groq's
}


def encode_tier(tier: str | None, losses: Losses) -> str | None:
    """The service tier in this dialect's word; a loss where it has none."""
    if tier is not None and tier not in _TIERS:
        losses.add("service_tier")
    return _TIERS.get(tier or "")
