"""Usage as Cohere counts it, twice: what is billed, and all that the model read and wrote.

The second count holds Cohere's own prompt too. What is billed is what the ledger has to reconcile, so that is the
usage. The other count is kept in the raw object.
"""

from __future__ import annotations

import math

import msgspec

from freehold.core.usage import NO_USAGE, Usage


class _Counts(msgspec.Struct):
    input_tokens: float | None = None
    output_tokens: float | None = None


class _Usage(msgspec.Struct):
    billed_units: _Counts | None = None
    tokens: _Counts | None = None
    cached_tokens: float | None = None


_decode = msgspec.json.Decoder(_Usage).decode


def decode_usage(raw: bytes | None) -> Usage:
    """What is billed; what was counted, where nothing is said of bills. NO_USAGE where it is not understood.

    Takes `usage` of a chat and `meta` of embeddings.
    """
    usage = _read(raw)
    if usage is None:
        return NO_USAGE
    if usage.billed_units is not None and _says(usage.billed_units):
        return _of(usage.billed_units, _billed_from_cache(usage))
    return decode_counted(raw)


def decode_counted(raw: bytes | None) -> Usage:
    """What the model read and wrote, billed or not; NO_USAGE where it is not understood."""
    usage = _read(raw)
    if usage is None or usage.tokens is None or not _says(usage.tokens):
        return NO_USAGE
    return _of(usage.tokens, usage.cached_tokens)


def _billed_from_cache(usage: _Usage) -> float | None:
    """How many of the billed tokens came from the cache, at least: what Cohere counts there is of its own prompt too,
    which it does not bill. None when that cannot be told.
    """
    counted, billed, cached = usage.tokens, usage.billed_units, usage.cached_tokens
    if counted is None or billed is None or cached is None:
        return None
    if counted.input_tokens is None or billed.input_tokens is None:
        return None
    return max(0.0, cached - (counted.input_tokens - billed.input_tokens))


def _read(raw: bytes | None) -> _Usage | None:
    if not raw:
        return None
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _says(counts: _Counts) -> bool:
    return counts.input_tokens is not None or counts.output_tokens is not None


def _of(counts: _Counts, cached: float | None) -> Usage:
    return Usage(
        input_tokens=_whole(counts.input_tokens),
        output_tokens=_whole(counts.output_tokens),
        cache_read_tokens=_whole(cached),
        source="provider",
    )


def _whole(count: float | None) -> int | None:
    """Cohere's numbers are floating-point by their type."""
    return None if count is None or not math.isfinite(count) else int(count)
