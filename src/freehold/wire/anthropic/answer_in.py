"""Whole answers of providers."""

from __future__ import annotations

import msgspec

from freehold.core.answer import Answer, Choice
from freehold.wire.anthropic.content_in import decode_content
from freehold.wire.anthropic.naming import NAME
from freehold.wire.anthropic.stops import decode_stop
from freehold.wire.anthropic.usage import decode_usage
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.reading import Object, Unreadable, need_utf8


def decode_answer(body: bytes) -> Answer:
    """Raises NotAnAnswer."""
    try:
        return _decode(Object(need_utf8(body)))
    except Unreadable as error:
        raise NotAnAnswer(str(error)) from None


def _decode(body: Object) -> Answer:
    kind = body.take("type", str)
    if kind not in ("message", None) or not body.has("content"):
        raise NotAnAnswer(f"The body is of type `{str(kind)[:40]}`, which is not a message.")
    body.drop("role")  # always assistant
    parts, _ = decode_content(body, sealed=False)
    stop = decode_stop(body.take("stop_reason", str), body.take("stop_sequence", str))
    details = body.take_raw("stop_details")
    usage = body.take_raw("usage")
    return Answer(
        id=body.take("id", str),
        model=body.take("model", str),
        choices=[
            Choice(parts=parts, stop=stop, extra={"stop_details": msgspec.Raw(details)} if details else {})
        ],
        usage=decode_usage(usage),
        raw_usage=usage,
        service_tier=tier_of(usage),
        dialect=NAME,
        extra=body.rest(),
    )


class _Tier(msgspec.Struct):
    service_tier: str | None = None


_decode_tier = msgspec.json.Decoder(_Tier).decode


def tier_of(usage: bytes | None) -> str | None:
    """The service tier, which is told among the usage."""
    try:
        return _decode_tier(usage or b"{}").service_tier
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
