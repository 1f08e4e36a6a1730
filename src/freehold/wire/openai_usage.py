"""The `usage` object of the OpenAI dialects, normalised."""

from __future__ import annotations

from typing import Annotated

import msgspec

from freehold.core.usage import NO_USAGE, Usage

_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
"""Outside of this it is not a count of tokens, and no database could keep it."""


class _InputDetails(msgspec.Struct):
    cached_tokens: _Count | None = None
    cache_write_tokens: _Count | None = None
    audio_tokens: _Count | None = None
    image_tokens: _Count | None = None
    video_tokens: _Count | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: _Count | None = None
    audio_tokens: _Count | None = None
    image_tokens: _Count | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    total_tokens: _Count | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    prompt_cache_hit_tokens: _Count | None = None
    """DeepSeek's name for the cached part of the input."""
    num_cached_tokens: _Count | None = None
    """Mistral's."""
    cached_tokens: _Count | None = None
    """Moonshot's and Together's."""


UNREADABLE = (ValueError, RecursionError)
"""What decoding raises for bytes it cannot read: msgspec's errors and UnicodeDecodeError are ValueErrors."""

_decode = msgspec.json.Decoder(_Usage).decode
_NO_INPUT_DETAILS = _InputDetails()
_NO_OUTPUT_DETAILS = _OutputDetails()


def read_usage(raw: bytes | msgspec.Raw | None, *, embeddings: bool = False) -> Usage:
    """Tokens as the provider billed them; NO_USAGE when absent, null, or not understood.

    `prompt_tokens` includes cached tokens and `completion_tokens` includes reasoning in this
    dialect, or is made to. Embeddings write nothing, so their output is a known 0.
    """
    if raw is None:
        return NO_USAGE
    try:
        usage = _decode(raw)
    except UNREADABLE:
        return NO_USAGE
    if embeddings:
        # Voyage gives the total alone.
        read_tokens = usage.prompt_tokens if usage.prompt_tokens is not None else usage.total_tokens
        return (
            NO_USAGE
            if read_tokens is None
            else Usage(read_tokens, usage.completion_tokens or 0, source="provider")
        )
    if usage.prompt_tokens is None and usage.completion_tokens is None:
        return NO_USAGE
    read = usage.prompt_tokens_details or _NO_INPUT_DETAILS
    written = usage.completion_tokens_details or _NO_OUTPUT_DETAILS
    cached = read.cached_tokens
    if cached is None:
        cached = _first(usage.prompt_cache_hit_tokens, usage.num_cached_tokens, usage.cached_tokens)
    return Usage(
        usage.prompt_tokens,
        _output_of(usage, written.reasoning_tokens, cached),
        cached,
        read.cache_write_tokens,
        written.reasoning_tokens,
        read.audio_tokens,
        written.audio_tokens,
        "provider",
        input_image_tokens=read.image_tokens,
        input_video_tokens=read.video_tokens,
        output_image_tokens=written.image_tokens,
    )


def _output_of(usage: _Usage, reasoning: int | None, cached: int | None) -> int | None:
    """What was written, with the reasoning that some count beside the completion: the total tells.

    xAI names that reasoning. Gemini does not, so there the difference is taken for it, unless a
    cache is mentioned, which the difference could be as well.
    """
    output = usage.completion_tokens
    if output is None or usage.total_tokens is None:
        return output
    beside = usage.total_tokens - (usage.prompt_tokens or 0) - output
    if beside > 0 and (beside == reasoning or (reasoning is None and not cached)):
        return output + beside
    return output


def _first(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)
