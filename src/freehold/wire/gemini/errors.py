"""Errors: google.rpc.Status, alone or in a list of one."""

from __future__ import annotations

import re

import msgspec

from freehold.wire.dialect import WireError
from freehold.wire.gemini.fields import Json, encode

_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_STATUSES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_TYPES = "type.googleapis.com/google.rpc."
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")
_IN_WORDS = re.compile(r"retry in (\d+(?:\.\d+)?)s", re.IGNORECASE)


class _Violation(msgspec.Struct):
    field: str | None = None


class _Detail(msgspec.Struct):
    type: str = msgspec.field(default="", name="@type")
    retryDelay: str | None = None  # noqa: N815
    reason: str | None = None
    fieldViolations: list[_Violation] = []  # noqa: N815


class _Status(msgspec.Struct):
    code: int | None = None
    message: str | None = None
    status: str | None = None
    details: list[msgspec.Raw] = []


class _Body(msgspec.Struct):
    error: _Status


_decode = msgspec.json.Decoder(_Body | list[_Body]).decode
_decode_status = msgspec.json.Decoder(_Status).decode
_decode_detail = msgspec.json.Decoder(_Detail).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_error(status: int, body: bytes) -> WireError:
    """What a provider said. What is no such object is the message itself."""
    try:
        found = _decode(body)
    except _UNREADABLE:
        return WireError(status=status, message=body[:2000].decode(errors="replace").strip())
    if isinstance(found, list):
        if not found:
            return WireError(status=status, message="")
        found = found[0]
    return _error_in(found.error, status)


def status_in(raw: bytes) -> WireError:
    """The error object of a stream, whose HTTP status was sent long ago."""
    try:
        found = _decode_status(raw)
    except _UNREADABLE:
        return WireError(status=500, message=raw[:2000].decode(errors="replace"))
    code = found.code if found.code is not None and 400 <= found.code <= 599 else None
    return _error_in(found, code or _STATUSES.get(found.status or "", 500))


def _error_in(found: _Status, status: int) -> WireError:
    code = param = None
    retry_after = None
    for raw in found.details:
        try:
            detail = _decode_detail(raw)
        except _UNREADABLE:
            continue
        code = code or detail.reason
        if detail.fieldViolations:
            param = param or detail.fieldViolations[0].field
        if detail.retryDelay and (delay := _DELAY.fullmatch(detail.retryDelay)):
            retry_after = float(delay[1])
    message = found.message or ""
    if retry_after is None and (delay := _IN_WORDS.search(message)):
        retry_after = float(delay[1])
    return WireError(
        status=status, message=message, kind=found.status, code=code, param=param, retry_after=retry_after
    )


def encode_error(error: WireError) -> bytes:
    """The error as a body."""
    return encode({"error": status_out(error)})


def status_out(error: WireError) -> Json:
    """The error object."""
    result: Json = {"code": error.status, "message": error.message, "status": _word(error)}
    details: list[Json] = []
    if error.retry_after is not None:
        details.append({"@type": _TYPES + "RetryInfo", "retryDelay": f"{error.retry_after:.9g}s"})
    if error.code:
        details.append({"@type": _TYPES + "ErrorInfo", "reason": error.code, "domain": "googleapis.com"})
    if error.param:
        violation = {"field": error.param, "description": error.message}
        details.append({"@type": _TYPES + "BadRequest", "fieldViolations": [violation]})
    if details:
        result["details"] = details
    return result


def _word(error: WireError) -> str:
    if error.kind in _STATUSES:
        return error.kind
    word = _WORDS.get(error.status)
    if word is not None:
        return word
    return (
        "INVALID_ARGUMENT"
        if 400 <= error.status < 500
        else "UNAVAILABLE"
        if error.status == 502
        else "INTERNAL"
    )
