"""A worker's HTTP face: who may come in, what is read of a request, and what becomes of errors."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any

import uvicorn

from freehold.core.errors import (
    BadRequest,
    BodyTooLarge,
    FreeholdError,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    Unauthorized,
)
from freehold.wire.openai_errors import encode_error, encode_error_event, status_of

log = logging.getLogger("freehold.local")

CHAT_PATH = "/v1/chat/completions"
EMBEDDINGS_PATH = "/v1/embeddings"

_LIMIT_BYTES = 32 * 1024 * 1024
_IN_FLIGHT = 128
"""Requests taken in at once; most of them wait for a slot. More are told to come back."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Answer:
    """What is sent back, whole or in pieces."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        """Whether the status has gone out."""

    async def whole(
        self, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send everything at once, as JSON."""
        length = {"content-length": str(len(body))}
        await self._begin(status, {"content-type": "application/json", **length, **(headers or {})})
        await self._send({"type": "http.response.body", "body": body})

    async def stream(self, headers: Mapping[str, str] | None = None) -> None:
        """Begin a stream of events; `piece` and `end` follow."""
        await self._begin(200, {"content-type": "text/event-stream", **(headers or {})})

    async def piece(self, body: bytes) -> None:
        """Send a piece of the stream. Waits while the reader is slow."""
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        """The stream is complete."""
        await self._send({"type": "http.response.body", "body": b""})

    async def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.begun = True
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": lines})


Handler = Callable[[bytes, Answer], Awaitable[None]]
"""Answers one request body. It is cancelled when the client hangs up."""


def refuse(message: str, hint: str) -> Handler:
    """A handler for what the model cannot do at all: the request is wrong, whatever it says."""

    async def answer(_body: bytes, _answer: Answer) -> None:
        raise BadRequest(message, hint=hint, param="model")

    return answer


class Door:
    """The ASGI application of a worker: POST to a few paths, behind a bearer token."""

    def __init__(self, paths: Mapping[str, Handler], token: str, tell: Callable[[], None]) -> None:
        """`tell` is called when the first request comes in, and when the last one is done."""
        self.leaving = False
        """Whether the process is to end when the last request is done."""
        self._tell = tell
        self._paths = paths
        self._credentials = f"Bearer {token}".encode()
        self._in_flight = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        answer = Answer(send)
        self._count(1)
        try:
            handler = self._admit(scope)
            body = await _read(receive)
            if body is not None:
                await _unless_gone(handler(body, answer), receive)
        except FreeholdError as error:
            await _refuse(answer, error)
        except Exception:
            log.exception("a request failed")
            await _refuse(answer, FreeholdError("The model's worker failed; its log says why."))
        finally:
            self._count(-1)

    @property
    def busy(self) -> bool:
        """Whether somebody waits for an answer."""
        return self._in_flight > 0

    def _count(self, change: int) -> None:
        was_busy = self.busy
        self._in_flight += change
        if self.busy != was_busy:
            self._tell()

    def _admit(self, scope: Message) -> Handler:
        shown = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if not hmac.compare_digest(shown, self._credentials):
            raise Unauthorized("This worker answers only the endpoint that started it.")
        handler = self._paths.get(scope["path"])
        if handler is None:
            raise NotFound(f"`{scope['path']}` is not served here.")
        if scope["method"] != "POST":
            raise MethodNotAllowed(f"`{scope['path']}` takes POST.")
        if self._in_flight > _IN_FLIGHT:
            raise Overloaded("The model has as many requests waiting as it takes.", hint="Try again.")
        return handler


async def _read(receive: Receive) -> bytes | None:
    """The request's body; None when the client hung up before it was complete."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > _LIMIT_BYTES:
            raise BodyTooLarge(f"The request body is over {_LIMIT_BYTES} bytes.")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _unless_gone(work: Awaitable[None], receive: Receive) -> None:
    """Do the work; give it up when the client hangs up."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(receive())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _refuse(answer: Answer, error: FreeholdError) -> None:
    if answer.begun:
        await answer.piece(encode_error_event(error))
        await answer.end()
        return
    headers = {"retry-after": "1"} if isinstance(error, Overloaded) else None
    await answer.whole(encode_error(error), status=status_of(error), headers=headers)


async def listen(door: Door, listener: socket.socket) -> None:
    """Serve until the process ends."""
    config = uvicorn.Config(
        door,
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Longer than the endpoint keeps an idle connection, so that it is never closed under a request.
        timeout_keep_alive=120,
    )
    await _Server(config).serve([listener])


class _Server(uvicorn.Server):
    """uvicorn's server without its hold on signals, which this process ignores."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
