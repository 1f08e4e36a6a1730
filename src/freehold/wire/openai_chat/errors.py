"""Errors: OpenAI's form, and what the compatible servers make of it."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.core.events import ErrorSeen
from freehold.wire.dialect import WireError

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_STATUSES = {
    "invalid_request_error": 400,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "requests": 429,
    "tokens": 429,
    "overloaded_error": 529,
    "server_error": 500,
    "api_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
}
_LONGEST = 2000

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def decode_error(status: int, body: bytes) -> WireError:
    """What a provider said; text that is no JSON is its message."""
    try:
        said = _decode(body)
    except (ValueError, RecursionError):
        said = body.decode(errors="replace").strip()
    return _error(status, said)


def _error(status: int, said: Any) -> WireError:
    if isinstance(said, list) and said:
        said = said[0]  # Gemini's compatible endpoint
    held = said
    if isinstance(said, dict):
        held = said.get("error") or said.get("errors") or said
        if isinstance(held, list) and held:
            held = held[0]
        if isinstance(held, str):
            held = {**said, "message": held}
    if not isinstance(held, dict):
        return WireError(
            status=status,
            message=(_text(held) if held else "")[:_LONGEST]
            or f"The provider answered with status {status}.",
        )
    code = held.get("code")
    metadata = held.get("metadata")
    detail = metadata.get("raw") if isinstance(metadata, dict) else None
    message = _text(held.get("message") or held.get("detail") or held.get("msg") or held)
    if isinstance(detail, str) and detail not in message:
        message = f"{message}: {detail}"  # OpenRouter's own words say nothing
    return WireError(
        status=status,
        message=message[:_LONGEST],
        kind=_word(held.get("type")) or _word(held.get("status")) or _word(held.get("error_type")),
        code=None if code is None or code == status else str(code),
        param=_word(held.get("param")),
        retry_after=_retry_after(held.get("details")),
    )


def _text(said: Any) -> str:
    if isinstance(said, dict) and isinstance(said.get("detail"), list | str):
        said = said["detail"]
    return said if isinstance(said, str) else _encode(said).decode()


def _word(said: Any) -> str | None:
    return said if isinstance(said, str) and said else None


def _retry_after(details: Any) -> float | None:
    """Google's RetryInfo."""
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and delay.endswith("s"):
            try:
                return float(delay[:-1])
            except ValueError:
                continue
    return None


def encode_error(error: WireError) -> bytes:
    """The error in OpenAI's form. The provider's own word stays as the code where it has no other."""
    return _encode({"error": _held(error)})


def _held(error: WireError) -> dict[str, str | None]:
    kind = _TYPES.get(error.status) or ("invalid_request_error" if error.status < 500 else "api_error")
    code = error.code or (error.kind if error.kind != kind else None)
    return {"message": error.message, "type": kind, "param": error.param, "code": code}


def error_seen(raw: bytes) -> ErrorSeen:
    """An error in the middle of a stream: `raw` is the field `error`, or the event that is one."""
    error = decode_error(0, raw)
    status = _STATUSES.get(error.kind or "") or _STATUSES.get(error.code or "")
    if error.code is not None and error.code.isdigit() and 400 <= int(error.code) < 600:
        status = int(error.code)
    return ErrorSeen(raw, error.message, error.kind or error.code, status)


def written_error(error: ErrorSeen) -> bytes:
    """The same for a client."""
    status = error.status or 500
    return encode_error(WireError(status=status, message=error.message, kind=error.kind))
