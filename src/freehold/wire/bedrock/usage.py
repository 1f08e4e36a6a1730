"""Usage as Converse counts it: the input excludes what was read from the cache and written to it."""

from __future__ import annotations

import msgspec

from freehold.core.usage import NO_USAGE, Usage


class _CacheDetail(msgspec.Struct):
    ttl: str | None = None
    input_tokens: int | None = msgspec.field(default=None, name="inputTokens")


class _Counts(msgspec.Struct, rename="camel"):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    cache_read_input_token_count: int | None = None
    cache_write_input_token_count: int | None = None
    """The two names with `Count` are those of some models; where both are there they say the same."""
    cache_details: list[_CacheDetail] | None = None


_decode = msgspec.json.Decoder(_Counts).decode


def decode_usage(raw: bytes | None) -> Usage:
    """The usage object; NO_USAGE where it is not understood."""
    if not raw:
        return NO_USAGE
    try:
        counts = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NO_USAGE
    read = _either(counts.cache_read_input_tokens, counts.cache_read_input_token_count)
    written = _either(counts.cache_write_input_tokens, counts.cache_write_input_token_count)
    if counts.input_tokens is None and counts.output_tokens is None and read is None and written is None:
        return NO_USAGE
    fresh = counts.input_tokens
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        output_tokens=counts.output_tokens,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=_for_an_hour(counts.cache_details),
        source="provider",
    )


def _either(first: int | None, second: int | None) -> int | None:
    return second if first is None else first


def _for_an_hour(details: list[_CacheDetail] | None) -> int | None:
    if details is None:
        return None
    return sum(detail.input_tokens or 0 for detail in details if detail.ttl == "1h")
