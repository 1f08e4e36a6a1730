"""Errors as Cohere tells them: a message, and no kind beside the status."""

from __future__ import annotations

import msgspec

from freehold.wire.dialect import WireError


class _Body(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None


_decode = msgspec.json.Decoder(_Body).decode


def decode_error(status: int, body: bytes) -> WireError:
    """What a provider said. Never raises."""
    try:
        read = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        read = _Body(message=body.decode(errors="replace").strip())
    return WireError(
        status=status,
        message=read.message or "No reason was given.",
        kind=read.type,
        code=None if read.code is None else str(read.code),
    )
