"""One kept-alive connection: writes a request, reads the answer as it comes, holds back when nobody reads."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable

import httptools

HIGH_WATER = 64 * 1024
"""Unread bytes of an answer above which the provider is made to wait."""

MAX_HEADER_BYTES = 64 * 1024
"""An answer whose head, interim answers included, is larger than this is refused."""

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
        "_gone",
        "_head_bytes",
        "_incoming",
        "_keep",
        "_loop",
        "_parser",
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

    def __init__(
        self, loop: asyncio.AbstractEventLoop, gone: Callable[[Connection], None] = lambda _: None
    ) -> None:
        """`gone` is told when the connection is no more."""
        self._loop = loop
        self._gone = gone
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._incoming: select.poll | None = None
        """Tells whether the socket holds bytes that were not handed over yet."""
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
        self._head_bytes = 0
        self._wants_parts = False
        self.headers: list[tuple[bytes, bytes]] = []
        self.status = 0
        self.complete = False
        self.touched = False

    # Exchange

    def send(self, head: bytes, body: bytes) -> None:
        """Write one request. `head` ends where the body's length belongs. Raises BrokenAnswer."""
        self._begin()
        self.used += 1
        if self._transport is None:
            raise BrokenAnswer("the connection was closed")
        self._transport.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))

    async def read_status(self) -> int:
        """Wait for the answer's head. Raises BrokenAnswer or what `expire` was given."""
        while not self.status:
            await self._wait()
        return self.status

    async def wait_for_more(self, limit: int) -> None:
        """Wait until more of the body came. Raises BrokenAnswer when it is cut or passes `limit` bytes."""
        await self._wait()
        if self._unread > limit:
            raise BrokenAnswer(f"the answer passed {limit} bytes")

    async def read_some(self) -> bytes:
        """What has come of the body since the last call; empty at its end. Raises as `read_status`."""
        self._wants_parts = True
        while not self._body and not self.complete:
            await self._wait()
        if self._reading_paused:
            self._reading_paused = False
            if self._transport is not None:  # it may be gone, and then this is the last piece
                self._transport.resume_reading()
        return self.take()

    def take(self) -> bytes:
        """What has come of the body and was not taken yet."""
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
        self._waiter = waiter = self._loop.create_future()
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
        transport = self._transport
        return (
            self.complete
            and self._keep
            and not self.closed
            and self._failure is None
            and transport is not None
            # An answer may come before its request was read; what is still to be sent would be in the way.
            and not transport.get_write_buffer_size()
        )

    def is_quiet(self) -> bool:
        """Whether nothing waits to be read, neither bytes nor the connection's end. About 1 us.

        What waits before anything was asked is not the answer to the next request.
        """
        return self._incoming is None or not self._incoming.poll(0)

    def abort(self) -> None:
        """Close at once. The provider sees it and can stop working."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is none of asyncio's classes
        raw = transport.get_extra_info("socket")
        if raw is not None:  # a transport need not stand on a socket
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
            self._incoming = select.poll()
            self._incoming.register(raw.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self.complete:
            # Nothing was asked: the provider is out of step, so nothing it says can be trusted.
            self.abort()
            return
        self.touched = True
        before = self._unread
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._misread(_reason_of(error))
            return
        if self._unread != before:
            self._head_bytes = 0
        elif not self.complete:
            # A head, or the trailers behind a body. The parser hands their lines over only when they are
            # whole, so the bytes are counted here.
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEADER_BYTES:
                self._misread(f"its head is over {MAX_HEADER_BYTES} bytes")
                return
        if (self._body if self._wants_parts else self.status) or self.complete:
            self._wake()
        if self._unread > HIGH_WATER and self._wants_parts and not self._reading_paused and not self.complete:
            self._reading_paused = True
            assert self._transport is not None
            self._transport.pause_reading()

    def _misread(self, reason: str) -> None:
        """What came cannot be read on. An answer that is complete stays good, the connection does not."""
        if not self.complete:
            self._fail(BrokenAnswer(f"the answer is not understood: {reason}"))
        self.abort()
        self._wake()

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
                how = "the connection broke" if self.touched else "the connection was closed"
                self._fail(BrokenAnswer(how))
        self._gone(self)
        self._transport = None

    # httptools

    def on_message_begin(self) -> None:
        """An answer begins."""
        if self.complete:  # a second answer in the same bytes
            raise BrokenAnswer("more came than was asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line of the answer."""
        if self.status:
            return  # a trailer: nothing that we act on comes there
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


def _reason_of(error: Exception) -> str:
    return "it changes the protocol" if isinstance(error, httptools.HttpParserUpgrade) else str(error)
