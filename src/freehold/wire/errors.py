"""Our errors and providers' refusals, told in the dialect of the client."""

from __future__ import annotations

import math
import re

from freehold.core.errors import ClientError, FreeholdError, LimitReached, ProviderRefused
from freehold.core.events import ErrorSeen
from freehold.core.secret import without_our_keys
from freehold.wire.dialect import DialectName, WireError
from freehold.wire.dialects import NAMES, dialect_of
from freehold.wire.openai_errors import encode_error, error_type, message_of, status_of

_OPENAI = ("openai-chat", "openai-responses")
_A_DAY = 86_400.0
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def encode_error_in(dialect: DialectName, error: FreeholdError) -> bytes:
    """The error as a body. A provider's own words are passed on when the request was at fault: as they came
    where it speaks the client's dialect, else translated.
    """
    if isinstance(error, ProviderRefused):
        spoken = error.dialect or "openai-chat"
        same = spoken == dialect or (spoken in _OPENAI and dialect in _OPENAI)
        if not same and status_of(error) < 500 and _is_json(error.body):
            return without_our_keys(dialect_of(dialect).encode_error(_read(error, spoken)))
        if same and dialect not in _OPENAI and status_of(error) < 500 and _is_object(error.body):
            return without_our_keys(error.body)
    if dialect in _OPENAI:
        return encode_error(error)
    return without_our_keys(dialect_of(dialect).encode_error(wire_error_of(error)))


def wire_error_of(error: FreeholdError) -> WireError:
    """One of our errors, free of any dialect."""
    status = status_of(error)
    return WireError(
        status=status,
        message=message_of(error),
        kind=error_type(status),
        code=error.code,
        param=error.param if isinstance(error, ClientError) else None,
        retry_after=_wait(error),
    )


def _wait(error: FreeholdError) -> float | None:
    """Seconds until it may be tried again, as far as the error says."""
    if isinstance(error, LimitReached):
        return None if error.retry_after is None else math.ceil(error.retry_after)
    return _seconds(error.retry_after) if isinstance(error, ProviderRefused) else None


def retry_after_in(dialect: DialectName, status: int, body: bytes) -> str | None:
    """How long to wait before the next try, in seconds, for providers that say it in the body (Gemini)."""
    told = dialect_of(dialect).decode_error(status, body).retry_after
    return None if told is None or not 0 <= told <= _A_DAY else str(math.ceil(told))


def error_event_of(error: FreeholdError) -> ErrorSeen:
    """One of our errors as the end of a stream."""
    told = wire_error_of(error)
    return ErrorSeen(raw=b"", message=told.message, kind=told.code, status=told.status)


def _read(error: ProviderRefused, spoken: str) -> WireError:
    status = status_of(error)
    name = next(name for name in NAMES if name == spoken)
    told = dialect_of(name).decode_error(error.provider_status, error.body)
    return WireError(
        status=status,
        message=told.message,
        kind=error_type(status),
        code=told.code,
        param=told.param,
        retry_after=_seconds(error.retry_after) if told.retry_after is None else told.retry_after,
    )


def _seconds(retry_after: str | None) -> float | None:
    """The value of a `retry-after` header; None for a date."""
    return float(retry_after) if retry_after is not None and _NUMBER.fullmatch(retry_after) else None


def _is_json(body: bytes) -> bool:
    """Whether it may be an error in some dialect: what else comes is a page of whatever stands before the provider."""
    return body.lstrip()[:1] in (b"{", b"[")


def _is_object(body: bytes) -> bool:
    return body.lstrip()[:1] == b"{"
