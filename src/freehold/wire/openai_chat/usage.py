"""What a call used, as a client of this dialect is told."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.usage import Usage
from freehold.wire.openai_chat.names import Written

_READ = {
    "cache_read_tokens": "cached_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "input_audio_tokens": "audio_tokens",
    "input_image_tokens": "image_tokens",
    "input_video_tokens": "video_tokens",
}
_WRITTEN = {
    "reasoning_tokens": "reasoning_tokens",
    "output_audio_tokens": "audio_tokens",
    "output_image_tokens": "image_tokens",
}


def written_usage(
    usage: Usage, raw: bytes | None, losses: Losses, *, same_dialect: bool
) -> Written | msgspec.Raw | None:
    """The usage object: the provider's own within the dialect; None when nothing is known."""
    if same_dialect and raw is not None:
        return msgspec.Raw(raw)
    if usage.source == "unknown":
        return None
    if usage.input_tokens is None or usage.output_tokens is None:
        losses.add("usage", "unknown")  # the dialect demands a number: 0
    read, said = usage.input_tokens or 0, usage.output_tokens or 0
    written: Written = {"prompt_tokens": read, "completion_tokens": said, "total_tokens": read + said}
    for name, table in (("prompt_tokens_details", _READ), ("completion_tokens_details", _WRITTEN)):
        details = {
            word: count for field, word in table.items() if (count := getattr(usage, field)) is not None
        }
        if details:
            written[name] = details
    for field in ("cache_write_1h_tokens", "input_document_tokens"):
        if getattr(usage, field):
            losses.add("usage", field)
    return written
