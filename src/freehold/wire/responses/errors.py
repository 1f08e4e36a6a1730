"""Errors: as a body of their own, and as the end of a stream or of an answer."""

from __future__ import annotations

import msgspec

from freehold.core.events import ErrorSeen
from freehold.wire.dialect import WireError
from freehold.wire.reading import without_halves
from freehold.wire.responses.vocabulary import UNREADABLE, Json, encode

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_STATUSES = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "tokens": 429,
    "requests": 429,
    "invalid_prompt": 400,
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
}
"""What the words of an error inside a stream, which has no status, amount to."""
_BAD_INPUT = ("invalid_", "image_", "empty_image", "unsupported_image", "failed_to_download")
"""How the codes begin that find fault with the request."""
_CODES = frozenset(
    {
        "bio_policy",
        "data_residency_mismatch",
        "empty_image_file",
        "failed_to_download_image",
        "image_content_policy_violation",
        "image_file_not_found",
        "image_file_too_large",
        "image_parse_error",
        "image_too_large",
        "image_too_small",
        "invalid_base64_image",
        "invalid_image",
        "invalid_image_format",
        "invalid_image_mode",
        "invalid_image_url",
        "invalid_prompt",
        "misalignment_policy_violation",
        "rate_limit_exceeded",
        "server_error",
        "unsupported_image_media_type",
        "vector_store_timeout",
    }
)
"""The codes that a failed answer may have."""
_LONGEST = 2000
"""Characters of what is shown of a body that is no error of this dialect."""


class _Error(msgspec.Struct):
    message: object = None
    type: object = None
    code: object = None
    param: object = None


class _Body(msgspec.Struct):
    error: _Error | str | None = None
    message: object = None
    detail: object = None


_decode = msgspec.json.Decoder(_Body).decode
_decode_error = msgspec.json.Decoder(_Error).decode


def decode_error(status: int, body: bytes) -> WireError:
    """What a provider said. Never raises."""
    try:
        read = _decode(without_halves(body))
    except UNREADABLE:
        return WireError(status=status, message=_shown(body) or f"HTTP status {status}")
    if isinstance(read.error, _Error):
        error = read.error
        return WireError(
            status=status,
            message=_word(error.message) or _shown(body),
            kind=_word(error.type),
            code=_word(error.code),
            param=_word(error.param),
        )
    words = read.error or _word(read.message) or _word(read.detail)
    return WireError(status=status, message=words or _shown(body) or f"HTTP status {status}")


def _shown(body: bytes) -> str:
    return body[:_LONGEST].decode("utf-8", "replace").strip()


def _word(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value)[:_LONGEST]


def _type_of(status: int) -> str:
    if status in _TYPES:
        return _TYPES[status]
    return "invalid_request_error" if 400 <= status < 500 else "server_error"


def encode_error(error: WireError) -> bytes:
    """The error as a body for a client."""
    return encode(
        {
            "error": {
                "message": error.message,
                "type": _type_of(error.status),
                "param": error.param,
                "code": error.code,
            }
        }
    )


def read_stream_error(raw: bytes) -> ErrorSeen:
    """The error object of a stream or of a failed answer. Raises one of UNREADABLE."""
    try:
        error = _decode_error(raw)
    except msgspec.ValidationError:
        error = _Error(message=_shown(raw))
    kind, code = _word(error.type), _word(error.code)
    kind = None if kind == "error" else kind
    return ErrorSeen(
        raw=raw,
        message=_word(error.message) or "The provider gave no reason.",
        kind=code or kind,
        status=_status_of(code, kind),
    )


def _status_of(code: str | None, kind: str | None) -> int:
    for word in (code, kind):
        if word in _STATUSES:
            return _STATUSES[word]
        if word is not None and word.startswith(_BAD_INPUT):
            return 400
    return 500


def failure_of(error: ErrorSeen) -> Json:
    """The error as a failed answer has it: with a code of this dialect."""
    status = error.status or 500
    code = error.kind
    if code not in _CODES:
        code = (
            "rate_limit_exceeded" if status == 429 else "server_error" if status >= 500 else "invalid_prompt"
        )
    return {"code": code, "message": error.message}


def event_of(error: ErrorSeen) -> Json:
    """The error as an event: its fields twice, as the documents have it and as OpenAI and its SDKs do."""
    failure = failure_of(error)
    fields = {"code": error.kind or failure["code"], "message": error.message, "param": None}
    return {**fields, "error": {"type": _type_of(error.status or 500), **fields}}
