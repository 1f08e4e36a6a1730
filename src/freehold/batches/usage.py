"""What the lines of a batch have used together, as OpenAI's Batch object tells it."""

from __future__ import annotations

import msgspec

from freehold.batches.asking import FACES
from freehold.core.usage import Usage
from freehold.wire.dialects import dialect_of
from freehold.wire.openai_usage import read_usage


class _Body(msgspec.Struct):
    usage: msgspec.Raw = msgspec.Raw(b"")


class _Response(msgspec.Struct):
    body: _Body


class _Line(msgspec.Struct):
    response: _Response


_decode = msgspec.json.Decoder(_Line).decode


class Used:
    """Adds up the usage in lines of an output file. Unknown as soon as one of them does not tell it."""

    def __init__(self, endpoint: str) -> None:
        """`endpoint` is what the lines are for."""
        self._face = FACES[endpoint]
        self._read = self._written = self._cached = self._reasoned = 0
        self._known = True

    def add(self, line: bytes) -> None:
        """One more line of an answer."""
        try:
            raw = bytes(_decode(line).response.body.usage)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raw = b""
        usage = self._usage_in(raw)
        if usage.input_tokens is None or usage.output_tokens is None:
            self._known = False
            return
        self._read += usage.input_tokens
        self._written += usage.output_tokens
        self._cached += usage.cache_read_tokens or 0
        self._reasoned += usage.reasoning_tokens or 0

    def _usage_in(self, raw: bytes) -> Usage:
        if self._face.operation != "embeddings":
            return dialect_of(self._face.dialect).decode_usage(raw or None)
        usage = read_usage(raw or None, embeddings=True)
        return msgspec.structs.replace(usage, output_tokens=usage.output_tokens or 0)

    def told(self) -> str | None:
        """The usage object as JSON; None when it is not known."""
        if not self._known:
            return None
        return msgspec.json.encode(
            {
                "input_tokens": self._read,
                "input_tokens_details": {"cached_tokens": self._cached},
                "output_tokens": self._written,
                "output_tokens_details": {"reasoning_tokens": self._reasoned},
                "total_tokens": self._read + self._written,
            }
        ).decode()
