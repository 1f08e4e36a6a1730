"""What a call used, normalised across dialects. Absent is not zero: a count nobody gave is None."""

from __future__ import annotations

from typing import Literal

import msgspec

UsageSource = Literal["provider", "counted", "unknown"]


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one call. Subsets are included in their totals, whatever the dialect's habit."""

    input_tokens: int | None = None
    """Everything read, cached tokens included."""
    output_tokens: int | None = None
    """Everything written, reasoning included."""
    cache_read_tokens: int | None = None
    """Part of the input that came from the provider's cache."""
    cache_write_tokens: int | None = None
    """Part of the input that was written to the provider's cache."""
    reasoning_tokens: int | None = None
    """Part of the output that was reasoning."""
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    source: UsageSource = "unknown"
    """`provider`: billed so. `counted`: it ended early; what had come is counted, and what was read is estimated.
    `unknown`."""
    cache_write_1h_tokens: int | None = None
    """Part of the tokens written to the cache that is kept for an hour, and costs more."""
    input_image_tokens: int | None = None
    input_video_tokens: int | None = None
    input_document_tokens: int | None = None
    output_image_tokens: int | None = None


NO_USAGE = Usage()


def total(one: Usage, other: Usage) -> Usage:
    """What two answers used together: unknown where either does not tell, and counted where either was."""
    counts = {}
    for name in Usage.__struct_fields__:
        first, second = getattr(one, name), getattr(other, name)
        if name != "source":
            counts[name] = None if first is None or second is None else first + second
    sources = {one.source, other.source}
    source: UsageSource = one.source
    if len(sources) > 1:
        source = "unknown" if "unknown" in sources else "counted"
    return Usage(**counts, source=source)
