"""Errors."""

from __future__ import annotations

import msgspec

from freehold.wire.dialect import WireError

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TEXT_LIMIT = 2000
_THREADS = "thread_unsupported_request"


class _Error(msgspec.Struct):
    type: str | None = None
    message: str | None = None


class _Envelope(msgspec.Struct):
    error: _Error | str | None = None
    message: str | None = None
    capital_message: str | None = msgspec.field(default=None, name="Message")
    """As Amazon's check of signatures spells it."""


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_error = msgspec.json.Decoder(_Error).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def kind_of(status: int) -> str:
    """The dialect's word for a status."""
    return _KINDS.get(status) or ("invalid_request_error" if 400 <= status < 500 else "api_error")


def status_of(kind: str | None) -> int | None:
    """The status that the dialect's word amounts to."""
    return _STATUSES.get(kind or "")


def decode_error(status: int, body: bytes) -> WireError:
    """What a provider said. Never raises."""
    try:
        told = _decode_envelope(body)
    except _UNREADABLE:
        text = body.decode("utf-8", "replace").strip()
        return WireError(status=status, message=text[:_TEXT_LIMIT] or f"HTTP {status}")
    error = told.error if isinstance(told.error, _Error) else _Error(message=told.error)
    message = error.message or told.message or told.capital_message or f"HTTP {status}"
    return WireError(status=status, message=message, kind=error.type)


def read_error(raw: bytes) -> tuple[str, str | None]:
    """Message and kind of an error object within a stream."""
    try:
        error = _decode_error(raw)
    except _UNREADABLE:
        return raw.decode("utf-8", "replace")[:_TEXT_LIMIT], None
    return error.message or error.type or "The stream ended with an error.", error.type


def encode_error(error: WireError) -> bytes:
    """The error as a body for a client. `param` and `code` have no place but the message, which names them."""
    kind = error.kind
    if kind is None or (status_of(kind) or 0) // 100 != error.status // 100:
        kind = kind_of(error.status)
    told: dict[str, object] = {"type": kind, "message": error.message}
    if error.code == _THREADS:
        told["details"] = {"error_code": _THREADS, "unsupported": ["thread"]}
    return msgspec.json.encode({"type": "error", "error": told, "request_id": None})
