"""The `usage` object of the OpenAI dialects, normalised."""

from __future__ import annotations

import msgspec

from freehold.core.usage import NO_USAGE, Usage


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's name for the cached part of the input."""


UNREADABLE = (ValueError, RecursionError)
"""What decoding raises for bytes it cannot read: msgspec's errors and UnicodeDecodeError are ValueErrors."""

_decode = msgspec.json.Decoder(_Usage).decode
_NO_INPUT_DETAILS = _InputDetails()
_NO_OUTPUT_DETAILS = _OutputDetails()


def read_usage(raw: bytes | msgspec.Raw | None, *, embeddings: bool = False) -> Usage:
    """Tokens as the provider billed them; NO_USAGE when absent, null, or not understood.

    `prompt_tokens` includes cached tokens and `completion_tokens` includes reasoning in this
    dialect, which is what Usage wants. Embeddings write nothing, so their output is a known 0.
    """
    if raw is None:
        return NO_USAGE
    try:
        usage = _decode(raw)
    except UNREADABLE:
        return NO_USAGE
    if usage.prompt_tokens is None and usage.completion_tokens is None:
        return NO_USAGE
    read = usage.prompt_tokens_details or _NO_INPUT_DETAILS
    written = usage.completion_tokens_details or _NO_OUTPUT_DETAILS
    cached = read.cached_tokens if read.cached_tokens is not None else usage.prompt_cache_hit_tokens
    output = usage.completion_tokens
    if output is not None and written.reasoning_tokens and usage.total_tokens is not None:
        # xAI counts reasoning beside what it calls completion; the total tells.
        beside = usage.total_tokens - (usage.prompt_tokens or 0) - output
        if beside == written.reasoning_tokens:
            output += beside
    return Usage(
        usage.prompt_tokens,
        0 if output is None and embeddings else output,
        cached,
        read.cache_write_tokens,
        written.reasoning_tokens,
        read.audio_tokens,
        written.audio_tokens,
        "provider",
    )
