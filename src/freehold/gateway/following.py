"""Streams of events that go on without whoever follows them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from freehold.gateway.intake import Scope
from freehold.gateway.protocol import CONNECTION, ClientConnection
from freehold.gateway.replies import EVENT_STREAM, NO_BUFFERING, NO_CACHE, Headers, Send, unchunked


async def send_events(scope: Scope, send: Send, headers: Headers, events: AsyncIterator[bytes]) -> None:
    """Send them as they come, until there are no more or the client hangs up."""
    connection: ClientConnection = scope[CONNECTION]
    task = asyncio.current_task()
    assert task is not None
    if scope["http_version"] == "1.0":
        send = unchunked(send)
    connection.watch(task)
    try:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [*headers, EVENT_STREAM, NO_CACHE, NO_BUFFERING],
            }
        )
        async for piece in events:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except asyncio.CancelledError:
        task.uncancel()
        connection.transport.abort()
    finally:
        connection.watch(None)
