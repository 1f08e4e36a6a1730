"""Errors as Bedrock tells them: in bodies, and in messages of a stream."""

from __future__ import annotations

import msgspec

from freehold.core.events import ErrorSeen
from freehold.wire.aws_frames import Message
from freehold.wire.dialect import WireError

_STATUSES = {
    "accessDeniedException": 403,
    "internalServerException": 500,
    "modelErrorException": 424,
    "modelNotReadyException": 429,
    "modelStreamErrorException": 424,
    "modelTimeoutException": 408,
    "resourceNotFoundException": 404,
    "serviceQuotaExceededException": 400,
    "serviceUnavailableException": 503,
    "throttlingException": 429,
    "validationException": 400,
}
"""Of the exceptions that the runtime names."""
_KINDS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
"""The kind of an error is in a header of the response; the body seldom has it, so the status stands in."""


class _Body(msgspec.Struct):
    message: str | None = None
    capital_message: str | None = msgspec.field(default=None, name="Message")
    """As the signature's check spells it."""
    type_: str | None = msgspec.field(default=None, name="__type")
    code: str | int | None = None
    original_status: int | None = msgspec.field(default=None, name="originalStatusCode")
    original_message: str | None = msgspec.field(default=None, name="originalMessage")


_decode = msgspec.json.Decoder(_Body).decode


def _body(raw: bytes) -> _Body | None:
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def decode_error(status: int, body: bytes) -> WireError:
    """What a provider said. Never raises."""
    read = _body(body)
    kind = _KINDS.get(status)
    if read is None:
        return WireError(
            status=status, message=body.decode(errors="replace").strip() or "No reason was given.", kind=kind
        )
    if read.type_:
        kind = read.type_.rsplit("#", 1)[-1]
    return WireError(
        status=status,
        message=read.message or read.capital_message or "No reason was given.",
        kind=kind,
        code=None if read.code is None else str(read.code),
    )


def failure_of(message: Message) -> ErrorSeen:
    """What a message that tells of a failure says. Never raises."""
    word = message.kind
    status = _STATUSES.get(word[:1].lower() + word[1:])
    told = message.headers.get(":error-message")
    read = _body(message.payload)
    if read is None:
        text = told if isinstance(told, str) else message.payload.decode(errors="replace").strip()
        raw = msgspec.json.encode({"message": text})
    else:
        text = (
            read.message
            or read.capital_message
            or read.original_message
            or (told if isinstance(told, str) else "")
        )
        raw = message.payload
        if read.original_status is not None:
            # The model's own status says more than that it failed.
            status = read.original_status
    return ErrorSeen(raw=raw, message=text or "No reason was given.", kind=word or None, status=status)
