"""Answers as ASGI messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from freehold.core.errors import FreeholdError, ProviderRefused, Unauthorized
from freehold.wire.openai_errors import encode_error, status_of

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
NO_CACHE = (b"cache-control", b"no-cache")
NO_BUFFERING = (b"x-accel-buffering", b"no")
_CHALLENGE = (b"www-authenticate", b"Bearer")


async def send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """One complete answer."""
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, error: FreeholdError, headers: Headers) -> int:
    """The error as an answer in OpenAI's form; gives the status it was sent with."""
    status = status_of(error)
    headers.append(JSON)
    if isinstance(error, Unauthorized):
        headers.append(_CHALLENGE)
    if (
        isinstance(error, ProviderRefused)
        and error.retry_after is not None
        and error.retry_after.isprintable()
    ):
        headers.append((b"retry-after", error.retry_after.encode("latin-1", "ignore")))
    await send_whole(send, status, headers, encode_error(error))
    return status
