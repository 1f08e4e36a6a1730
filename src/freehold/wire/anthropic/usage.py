"""Usage: here the counts of the input exclude what the cache gave and took; in the internal form totals include it."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.usage import NO_USAGE, Usage


class _Details(msgspec.Struct):
    thinking_tokens: int | None = None


class _ByLifetime(msgspec.Struct):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _ByLifetime | None = None
    output_tokens_details: _Details | None = None


_decode = msgspec.json.Decoder(_Usage).decode
_TIERS = {"standard": "standard", "default": "standard", "priority": "priority", "batch": "batch"}
"""Tiers that an answer of this dialect may name."""
_DETAILS = (
    "input_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "input_video_tokens",
    "input_document_tokens",
    "output_image_tokens",
)


def decode_usage(raw: bytes | None) -> Usage:
    """The usage object; NO_USAGE where it is not understood.

    What other models did within the call (`iterations`) is left to the raw object, as the provider's own
    totals leave it out too.
    """
    if raw is None:
        return NO_USAGE
    try:
        told = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NO_USAGE
    lifetimes, details = told.cache_creation, told.output_tokens_details
    written = told.cache_creation_input_tokens
    if written is None and lifetimes is not None:
        written = _sum(lifetimes.ephemeral_5m_input_tokens, lifetimes.ephemeral_1h_input_tokens)
    usage = Usage(
        input_tokens=_sum(told.input_tokens, told.cache_read_input_tokens, written),
        output_tokens=told.output_tokens,
        cache_read_tokens=told.cache_read_input_tokens,
        cache_write_tokens=written,
        cache_write_1h_tokens=lifetimes.ephemeral_1h_input_tokens if lifetimes is not None else None,
        reasoning_tokens=details.thinking_tokens if details is not None else None,
    )
    return usage if usage == NO_USAGE else msgspec.structs.replace(usage, source="provider")


def _sum(*counts: int | None) -> int | None:
    """Of the counts that were given; None when none was."""
    given = [count for count in counts if count is not None]
    return sum(given) if given else None


def encode_usage(
    usage: Usage, raw: bytes | None, tier: str | None, losses: Losses, *, same: bool
) -> msgspec.Raw | dict[str, object]:
    """The usage object for a client. `same`: `raw` is of this dialect, and goes as it came if it still holds."""
    if same and raw is not None and decode_usage(raw) == usage:
        return msgspec.Raw(raw)
    read, written, hour = usage.cache_read_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens
    if usage.input_tokens is None or usage.output_tokens is None:
        losses.add("usage", "unknown")  # the dialect demands a number: 0
    if (read or 0) + (written or 0) > (usage.input_tokens or 0):
        # They overlap, as some providers count: here every token is told once.
        read = None if read is None else min(read, usage.input_tokens or 0)
        written = None if written is None else (usage.input_tokens or 0) - (read or 0)
        hour = None if hour is None else min(hour, written or 0)
        losses.add("usage", "cache_write_tokens")
    fresh = max(0, (usage.input_tokens or 0) - (read or 0) - (written or 0))
    fields: dict[str, object] = {"input_tokens": fresh, "output_tokens": usage.output_tokens or 0}
    if read is not None:
        fields["cache_read_input_tokens"] = read
    if written is not None:
        fields["cache_creation_input_tokens"] = written
    if hour is not None:
        short = max(0, (written or 0) - hour)
        fields["cache_creation"] = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": hour}
    if usage.reasoning_tokens is not None:
        fields["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    fields.update(encode_tier(tier, losses))
    for name in _DETAILS:
        if getattr(usage, name):
            losses.add("usage", name)
    return fields


def encode_tier(tier: str | None, losses: Losses) -> dict[str, str]:
    """The service tier as a field of the usage; a loss where the dialect has no word for it."""
    if tier is None:
        return {}
    if tier not in _TIERS:
        losses.add("service_tier")
        return {}
    return {"service_tier": _TIERS[tier]}
