"""`usageMetadata`: thoughts come beside the candidates' tokens, what tools read beside the prompt's."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from freehold.core.losses import Losses
from freehold.core.usage import NO_USAGE, Usage
from freehold.wire.gemini.fields import Json


class _Detail(msgspec.Struct, gc=False):
    modality: str = ""
    tokenCount: int = 0  # noqa: N815


class UsageMetadata(msgspec.Struct, rename="camel", gc=False):
    """The object, as far as it counts."""

    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[_Detail] | None = None
    candidates_tokens_details: list[_Detail] | None = None
    tool_use_prompt_tokens_details: list[_Detail] | None = None
    service_tier: str | None = None
    traffic_type: str | None = None


decode_metadata = msgspec.json.Decoder(UsageMetadata).decode
_TRAFFIC = {"ON_DEMAND": "standard", "ON_DEMAND_FLEX": "flex", "ON_DEMAND_PRIORITY": "priority"}


def decode_usage(raw: bytes | msgspec.Raw | None) -> Usage:
    """The object as it came; NO_USAGE where it is not understood."""
    found = metadata_of(raw)
    return NO_USAGE if found is None else usage_in(found)


def metadata_of(raw: bytes | msgspec.Raw | None) -> UsageMetadata | None:
    """The object; None where it is not understood."""
    if raw is None:
        return None
    try:
        return decode_metadata(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def usage_in(found: UsageMetadata) -> Usage:
    """What was used. A count that is not there is None: Gemini leaves zeros out, but other counts too."""
    tool = found.tool_use_prompt_token_count
    thoughts = found.thoughts_token_count
    read, written = found.prompt_token_count, found.candidates_token_count
    if tool is not None:
        read = tool + (read or 0)
    if thoughts is not None:
        written = thoughts + (written or 0)
    if read is None and written is None:
        return NO_USAGE
    reads = _counts(found.prompt_tokens_details, found.tool_use_prompt_tokens_details)
    writes = _counts(found.candidates_tokens_details)
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cache_read_tokens=found.cached_content_token_count,
        reasoning_tokens=thoughts,
        input_audio_tokens=reads.get("AUDIO"),
        output_audio_tokens=writes.get("AUDIO"),
        source="provider",
        input_image_tokens=reads.get("IMAGE"),
        input_video_tokens=reads.get("VIDEO"),
        input_document_tokens=reads.get("DOCUMENT"),
        output_image_tokens=writes.get("IMAGE"),
    )


def tier_in(found: UsageMetadata | None) -> str | None:
    """The service tier, which stands here: by its name, or as Vertex AI's kind of traffic."""
    if found is None:
        return None
    if found.service_tier:
        return found.service_tier.lower()
    return _TRAFFIC.get(found.traffic_type, found.traffic_type.lower()) if found.traffic_type else None


_TIERS = {
    "default": "standard",
    "auto": "standard",
    "on_demand": "standard",
    "standard": "standard",
    "flex": "flex",
    "priority": "priority",
}
"""The words of other dialects in this one's."""


def usage_out(usage: Usage, tier: str | None, losses: Losses) -> Json:
    """The object; empty when nothing is known."""
    result: Json = {}
    read, written, thoughts = usage.input_tokens, usage.output_tokens, usage.reasoning_tokens
    if read is not None:
        result["promptTokenCount"] = read
    if usage.cache_read_tokens is not None:
        result["cachedContentTokenCount"] = usage.cache_read_tokens
    if written is not None:
        result["candidatesTokenCount"] = max(written - (thoughts or 0), 0)
    if thoughts is not None:
        result["thoughtsTokenCount"] = thoughts
    if read is not None or written is not None:
        result["totalTokenCount"] = (read or 0) + (written or 0)
    reads = {
        "AUDIO": usage.input_audio_tokens,
        "IMAGE": usage.input_image_tokens,
        "VIDEO": usage.input_video_tokens,
        "DOCUMENT": usage.input_document_tokens,
    }
    writes = {"AUDIO": usage.output_audio_tokens, "IMAGE": usage.output_image_tokens}
    _details(result, "promptTokensDetails", read, reads)
    _details(result, "candidatesTokensDetails", result.get("candidatesTokenCount"), writes)
    if tier and tier not in _TIERS:
        losses.add("service_tier")
    elif tier and result:
        result["serviceTier"] = _TIERS[tier]
    for name in ("cache_write_tokens", "cache_write_1h_tokens"):
        if getattr(usage, name):
            losses.add("usage", name)
    return result


def _details(result: Json, name: str, total: int | None, counts: dict[str, int | None]) -> None:
    known = {modality: count for modality, count in counts.items() if count is not None}
    if not known or total is None:
        return
    text = total - sum(known.values())
    if text > 0:
        known = {"TEXT": text, **known}
    result[name] = [{"modality": modality, "tokenCount": count} for modality, count in known.items()]


def _counts(*lists: Iterable[_Detail] | None) -> dict[str, int]:
    counts: dict[str, int] = {}
    for details in lists:
        for detail in details or ():
            counts[detail.modality] = counts.get(detail.modality, 0) + detail.tokenCount
    return counts
