"""One kept-alive connection: writes a request, reads the answer as it comes, holds back when nobody reads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httptools

if TYPE_CHECKING:
    from freehold.providers.http.pool import Pool

HIGH_WATER = 64 * 1024
"""Unread bytes of an answer above which the provider is made to wait."""

_MAX_HEADER_BYTES = 64 * 1024
_SIZED_BY = frozenset({b"content-length", b"transfer-encoding"})


class BrokenAnswer(ConnectionError):
    """The connection ended or the bytes were not HTTP before the answer was complete."""


class Connection(asyncio.Protocol):
    """A connection serves one exchange at a time; `Pool` lends it out.

    `deadline` is when the pool's watch calls `expire`; the exchange moves it on as the answer comes.
    """

    __slots__ = (
        "_body",
        "_failure",
        "_header_bytes",
        "_keep",
        "_parser",
        "_pool",
        "_reading_paused",
        "_sized",
        "_transport",
        "_unread",
        "_waiter",
        "_wants_parts",
        "closed",
        "complete",
        "deadline",
        "headers",
        "idle_since",
        "phase",
        "status",
        "touched",
        "used",
    )

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self._reading_paused = False
        self.closed = False
        self.deadline = 0.0
        self.phase = "first_token"
        self.idle_since = 0.0
        self.used = 0
        self._begin()
        self.complete = True

    def _begin(self) -> None:
        self._body: list[bytes] = []
        self._unread = 0
        self._keep = False
        self._sized = False
        self._header_bytes = 0
        self._wants_parts = False
        self.headers: list[tuple[bytes, bytes]] = []
        self.status = 0
        self.complete = False
        self.touched = False

    # Exchange

    def send(self, head: bytes, body: bytes) -> None:
        """Write one request. `head` ends where the body's length belongs."""
        self._begin()
        self.used += 1
        assert self._transport is not None
        self._transport.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))

    async def read_status(self) -> int:
        """Wait for the answer's head. Raises BrokenAnswer or what `expire` was given."""
        while not self.status:
            await self._wait()
        return self.status

    async def read_all(self, limit: int) -> bytes:
        """The whole body. Raises BrokenAnswer when it is cut or passes `limit` bytes."""
        while not self.complete:
            await self._wait()
            if self._unread > limit:
                raise BrokenAnswer(f"the answer passed {limit} bytes")
        return self._take()

    async def read_some(self) -> bytes:
        """What has come of the body since the last call; empty at its end. Raises as `read_status`."""
        self._wants_parts = True
        while not self._body and not self.complete:
            await self._wait()
        if self._reading_paused:
            self._reading_paused = False
            assert self._transport is not None
            self._transport.resume_reading()
        return self._take()

    def _take(self) -> bytes:
        body = self._body
        self._unread = 0
        if len(body) == 1:
            part = body[0]
            self._body = []
            return part
        self._body = []
        return b"".join(body)

    async def _wait(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = waiter = self._pool.loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None
        if self._failure is not None:
            raise self._failure

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def expire(self, failure: BaseException) -> None:
        """A time limit passed: whoever waits gets `failure`, and the connection is gone."""
        self._fail(failure)
        self.abort()

    def _fail(self, failure: BaseException) -> None:
        if self._failure is None:
            self._failure = failure
        self._wake()

    @property
    def unread(self) -> int:
        """Bytes that came and were not read yet."""
        return self._unread

    @property
    def reusable(self) -> bool:
        """Whether another request may follow on this connection."""
        return self.complete and self._keep and not self.closed and self._failure is None

    def abort(self) -> None:
        """Close at once. The provider sees it and can stop working."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self.complete:
            # Nothing was asked: the provider is out of step, so nothing it says can be trusted.
            self.abort()
            return
        self.touched = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(BrokenAnswer(f"the answer is not HTTP: {error}"))
            self.abort()
            return
        if self.complete or (self._wants_parts and self._body) or (self.status and not self._wants_parts):
            self._wake()
        if self._unread > HIGH_WATER and self._wants_parts and not self._reading_paused and not self.complete:
            self._reading_paused = True
            assert self._transport is not None
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """The provider has nothing more to say; the transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.closed = True
        if not self.complete:
            if self.status and not self._sized and exc is None and self._failure is None:
                self.complete = True  # no length was given: the end of the connection ends the body
                self._wake()
            else:
                self._fail(BrokenAnswer("the connection broke" if self.touched else "the connection was closed"))
        self._pool.forget(self)
        self._transport = None

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line of the answer."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _MAX_HEADER_BYTES:
            raise BrokenAnswer("the answer's headers are too large")
        name = name.lower()
        if name in _SIZED_BY:
            self._sized = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is complete; an interim answer (1xx) is passed over."""
        status = self._parser.get_status_code()
        if status < 200:
            self.headers = []
            self._sized = False
            return
        self.status = status

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body.append(body)
        self._unread += len(body)

    def on_message_complete(self) -> None:
        """The answer is complete. Asking for keep-alive is valid only here: the parser resets itself next."""
        if self.status:
            self._keep = self._parser.should_keep_alive()
            self.complete = True
