"""Errors in OpenAI's form."""

from __future__ import annotations

import msgspec

from freehold.core.errors import ClientError, FreeholdError, ProviderError, ProviderRefused
from freehold.core.secret import without_our_keys

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}

_TEXT_LIMIT = 2000


class _Error(msgspec.Struct):
    message: str
    type: str
    param: str | None
    code: str | None


class _Body(msgspec.Struct):
    error: _Error


class _Envelope(msgspec.Struct):
    error: msgspec.Raw


_encode = msgspec.json.Encoder().encode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def error_type(status: int) -> str:
    """OpenAI's word for the kind of error."""
    if status in _TYPES:
        return _TYPES[status]
    return "invalid_request_error" if status < 500 else "api_error"


def status_of(error: FreeholdError) -> int:
    """The HTTP status the client is told.

    A provider's refusal keeps its own status when it is about the request. When it is about our
    credentials or account (401, 402, 403), or is no error status at all, the client is not at
    fault: 502. A provider's other server errors become 502 as well, but 503, 504 and 529 (overloaded) stay.
    """
    if isinstance(error, ProviderRefused):
        status = error.provider_status
        if status in (401, 402, 403) or not 400 <= status < 600:
            return 502
        return status if status < 500 or status in (503, 504, 529) else 502
    return error.status


def message_of(error: FreeholdError) -> str:
    """What a client is told in words."""
    told = isinstance(error, (ClientError, ProviderError)) or status_of(error) == 503
    return (str(error) if told else error.message)[:_TEXT_LIMIT]


def encode_error(error: FreeholdError) -> bytes:
    """The error as a response body. A provider's own error object is passed on when the request was at fault."""
    status = status_of(error)
    if isinstance(error, ProviderRefused) and status < 500:
        try:
            error.body.decode()
            if bytes(_decode_envelope(error.body).error).startswith(b"{"):
                return without_our_keys(error.body)
        except (ValueError, RecursionError):
            pass  # not an error of this dialect: ours stands in for it
    param = error.param if isinstance(error, ClientError) else None
    body = _encode(_Body(_Error(message_of(error), error_type(status), param, error.code)))
    return without_our_keys(body)  # what a client put where it does not belong is in the text


def encode_error_event(error: FreeholdError) -> bytes:
    """The error as the last event of a stream that broke. No `[DONE]` follows it: the answer is not done."""
    # Line ends are white space between JSON values, but the end of the data in an event.
    return b"data: " + encode_error(error).translate(None, b"\r\n") + b"\n\n"
