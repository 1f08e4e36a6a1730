"""Streams of events that go on without whoever follows them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from freehold.core.errors import FreeholdError
from freehold.gateway.intake import Scope
from freehold.gateway.protocol import CONNECTION, ClientConnection
from freehold.gateway.replies import EVENT_STREAM, NO_BUFFERING, NO_CACHE, Headers, Send, unchunked

log = logging.getLogger("freehold.gateway")


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
    except FreeholdError as error:
        # The process that has the events is gone: what was sent must not look like all of it.
        log.warning("a stream that was followed broke off: %s", error)
        connection.transport.abort()
    finally:
        connection.watch(None)
