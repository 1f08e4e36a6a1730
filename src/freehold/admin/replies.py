"""Answers: JSON, problems as RFC 9457 has them, and streams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

import msgspec

from freehold.core.errors import ClientError, FreeholdError, StoreError, Unauthorized

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_ALWAYS: Headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
PROBLEM = "application/problem+json"


class Problem(msgspec.Struct, kw_only=True):
    """What went wrong, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    """For programs; it never changes."""
    hint: str | None = None
    """The next step."""
    param: str | None = None
    """The field or parameter that it is about."""


async def send_bytes(send: Send, status: int, media: str, body: bytes, more: Headers | None = None) -> None:
    """One whole answer."""
    headers: Headers = [*_ALWAYS, *(more or [])]
    if status != HTTPStatus.NO_CONTENT:
        headers += [(b"content-type", media.encode()), (b"content-length", b"%d" % len(body))]
    if media == "text/html":
        # It holds what models wrote: whatever it may do, it does as a page of nobody's.
        headers.append((b"content-security-policy", b"sandbox allow-scripts"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_stream(send: Send, media: str, pieces: AsyncIterator[bytes]) -> None:
    """An answer of unknown length. The first piece is waited for before anything is said."""
    first = await anext(pieces, b"")
    headers: Headers = [*_ALWAYS, (b"content-type", media.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": first, "more_body": True})
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_problem(send: Send, error: FreeholdError, more: Headers | None = None) -> None:
    """An error."""
    status = 503 if isinstance(error, StoreError) else error.status
    headers = list(more or [])
    if isinstance(error, Unauthorized):
        headers.append((b"www-authenticate", b"Bearer"))
    if status in (429, 503):
        headers.append((b"retry-after", b"1"))
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        param=error.param if isinstance(error, ClientError) else None,
    )
    await send_bytes(send, status, PROBLEM, msgspec.json.encode(problem), headers)
