"""A proxy that does the least: check the key, forward, read the usage. The environment tells how."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from .clients import CLIENTS, Client

_JSON = [(b"content-type", b"application/json")]
_EVENTS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
_UNAUTHORIZED = b'{"error":{"message":"unknown key","type":"invalid_request_error","code":"invalid_api_key"}}'
_KEY = f"Bearer {os.environ['CLIENT_KEY']}".encode()

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


class _Request(msgspec.Struct):
    model: str
    stream: bool = False


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int


class _Answer(msgspec.Struct):
    usage: _Usage | None = None


_read_request = msgspec.json.Decoder(_Request).decode
_read_answer = msgspec.json.Decoder(_Answer).decode
_client: Client | None = None


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """One request: check the key, read the model, forward, read the usage."""
    global _client  # noqa: PLW0603 - made on the event loop it will run on
    if _client is None:
        _client = CLIENTS[os.environ["CLIENT"]](os.environ["UPSTREAM_URL"], os.environ["UPSTREAM_KEY"])
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if dict(scope["headers"]).get(b"authorization") != _KEY:
        await _send_whole(send, 401, _UNAUTHORIZED)
        return
    if _read_request(body).stream:
        await _send_stream(send, _client, body)
        return
    answer = await _client.whole(body)
    _read_answer(answer)
    await _send_whole(send, 200, answer)


async def _send_whole(send: Send, status: int, body: bytes) -> None:
    headers = [*_JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_stream(send: Send, client: Client, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _EVENTS})
    rest = b""
    async for piece in client.stream(body):
        *events, rest = (rest + piece).split(b"\n\n")
        for event in events:
            if event.startswith(b"data: {"):
                _read_answer(event[6:])
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
