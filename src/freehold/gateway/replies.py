"""Answers as ASGI messages."""

from __future__ import annotations

import math
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from freehold.core.errors import FreeholdError, LimitReached, ProviderRefused, Unauthorized
from freehold.gateway.joining import JoiningTransport
from freehold.wire.dialect import DialectName
from freehold.wire.errors import encode_error_in
from freehold.wire.openai_errors import status_of

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
NO_CACHE = (b"cache-control", b"no-cache")
NO_BUFFERING = (b"x-accel-buffering", b"no")
_LF, _CR = 0x0A, 0x0D
"""As numbers, which are found in bytes in a fraction of the time that bytes are."""
_CHALLENGE = (b"www-authenticate", b"Bearer")


async def send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """One complete answer."""
    cycle = getattr(send, "__self__", None)
    if isinstance(cycle, RequestResponseCycle) and not cycle.response_started:
        _write_whole(cycle, status, headers, body)
        return
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _write_whole(cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> None:
    """The same, straight to uvicorn's transport: in one write, and without a look for each header at what
    only we put there. A tenth of what an answer costs.
    """
    if cycle.disconnected:
        return
    parts = [STATUS_LINE[status]]
    for name, value in (*cycle.default_headers, *headers):
        if _LF in value or _CR in value:
            raise ValueError(f"the header {name!r} would break out of its line")
        parts += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive:
        parts.append(b"connection: close\r\n")
    parts.append(b"content-length: %d\r\n\r\n" % len(body))
    if cycle.scope["method"] != "HEAD":
        parts.append(body)
    cycle.response_started = True
    cycle.response_complete = True
    transport = cycle.transport
    write = transport.write_now if isinstance(transport, JoiningTransport) else transport.write
    write(b"".join(parts))
    cycle.message_event.set()
    if not cycle.keep_alive:
        transport.close()
    cycle.on_response()


async def send_error(
    send: Send, error: FreeholdError, headers: Headers, dialect: DialectName = "openai-chat"
) -> int:
    """The error as an answer in the client's dialect; gives the status it was sent with."""
    status = status_of(error)
    headers.append(JSON)
    if isinstance(error, Unauthorized):
        headers.append(_CHALLENGE)
    if isinstance(error, LimitReached):
        headers += _headers_of(error)
    if (
        isinstance(error, ProviderRefused)
        and error.retry_after is not None
        and error.retry_after.isprintable()
    ):
        headers.append((b"retry-after", error.retry_after.encode("latin-1", "ignore")))
    await send_whole(send, status, headers, encode_error_in(dialect, error))
    return status


def unchunked(send: Send) -> Send:
    """For a client that knows no chunks (HTTP/1.0): the end of the connection ends the stream."""
    cycle = getattr(send, "__self__", None)
    assert isinstance(cycle, RequestResponseCycle)

    async def sendunchunked(message: Message) -> None:
        # uvicorn counts down the length that was announced; none is, so it is given one that never runs out.
        if message["type"] == "http.response.start":
            cycle.chunked_encoding = False
            cycle.expected_content_length = sys.maxsize
        elif not message.get("more_body", False):
            cycle.expected_content_length = len(message["body"])
        await send(message)

    return sendunchunked


def _headers_of(error: LimitReached) -> Headers:
    """Which limit it is, and when to come again."""
    said = [
        error.limit,
        f"measure={error.measure}",
        f"limit={error.bound}",
        f"used={error.used}",
        f"reset={error.until or 'never'}",
    ]
    headers = [(b"x-freehold-limit", "; ".join(said).encode("ascii", "replace"))]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % math.ceil(error.retry_after)))
    return headers
