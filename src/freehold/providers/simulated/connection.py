"""One client connection: requests in, steps out, and nothing that the client does not take.

It is a callback protocol without a task, so ten thousand slow streams cost little. An answer is a
generator of steps that advances only while the transport takes more: when the client's window is
full, nothing is generated.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Iterator
from typing import Protocol, cast

from freehold.core.clock import Clock, microseconds
from freehold.providers.simulated.observation import Ending, ReceivedRequest
from freehold.providers.simulated.reading import RequestReader, Unreadable
from freehold.providers.simulated.reply import Act, Step

_MOST_WAITING = 16
"""Requests that may wait behind the one being answered."""
_BURST = 64 * 1024
"""Bytes written before other connections have their turn."""
_HIGH_WATER = 4096
_SLACK = 0.0005
"""Waits shorter than this are not worth a timer; the debt is carried over."""
_LINGER_NOT = struct.pack("ii", 1, 0)


class House(Protocol):
    """What a connection needs from the provider it belongs to."""

    clock: Clock

    def opened(self, connection: Connection) -> int | None:
        """Numbers a new connection; None: it is to be reset at once."""

    def closed(self, connection: Connection, *, by_peer: bool) -> None:
        """It is gone."""

    def received(self, request: ReceivedRequest, *, chunked: bool, keep_alive: bool) -> Iterator[Step]:
        """Numbers and keeps a request, and says how it is answered."""

    def idle_limit(self) -> float | None:
        """Seconds after which an idle connection is closed."""


class Connection(asyncio.Protocol):
    """See the module."""

    __slots__ = (
        "_closing",
        "_due",
        "_house",
        "_loop",
        "_number",
        "_paused",
        "_place",
        "_reader",
        "_seen",
        "_silent",
        "_steps",
        "_timer",
        "_transport",
        "_waiting",
    )

    def __init__(self, house: House) -> None:
        self._house = house
        self._loop = asyncio.get_running_loop()
        self._reader: RequestReader | None = None
        self._transport: asyncio.Transport | None = None
        self._number = 0
        self._place = 0
        self._steps: Iterator[Step] | None = None
        self._seen: ReceivedRequest | None = None
        self._timer: asyncio.Handle | None = None
        self._due = 0.0
        self._paused = False
        self._closing = False
        self._silent = False
        self._waiting: deque[tuple[ReceivedRequest, bool, bool]] = deque()

    # What the transport tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accepted."""
        transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self._transport = transport
        number = self._house.opened(self)
        if number is None:
            self.reset()
            return
        self._number = number
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        self._reader = RequestReader(self)
        self._wait_idle()

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        if self._reader is None or self._closing or self._silent:
            return
        try:
            self._reader.feed(data)
        except Unreadable as problem:
            self._give_up(problem.status_line)

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        self._paused = True

    def resume_writing(self) -> None:
        """It reads again. Time that passed meanwhile is not made up for."""
        self._paused = False
        if self._steps is not None and self._timer is None:
            self._due = self._loop.time()
            # Not at once: asyncio loses count of a connection that breaks while it is being resumed.
            self._timer = self._loop.call_soon(self._advance)

    def eof_received(self) -> None:
        """The client sends no more. As with most servers that is taken for leaving."""
        if self._steps is not None and self._transport is not None:
            self._stop("abandoned")
            self._transport.abort()  # close() would wait for a client that may never read again

    def connection_lost(self, error: Exception | None) -> None:
        """Gone, by our doing or the client's."""
        self._cancel_timer()
        self._stop("abandoned")
        if self._reader is not None:
            self._reader.close()
        self._waiting.clear()
        self._house.closed(self, by_peer=not self._closing)

    # What the reader tells us.

    def request_began(self) -> None:
        """The connection is no longer idle."""
        if self._steps is None:
            self._cancel_timer()

    def continue_wanted(self) -> None:
        """We always want the body."""
        self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def request_came(
        self,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes,
        *,
        chunked: bool,
        keep_alive: bool,
    ) -> None:
        """Answered now, or after those before it."""
        if self._closing or self._silent:
            return
        clock = self._house.clock
        request = ReceivedRequest(
            number=-1,
            connection=self._number,
            place=self._place,
            received_at=clock.tick(),
            time_us=microseconds(clock.now()),
            method=method,
            target=target,
            headers=headers,
            body=body,
        )
        self._place += 1
        self._waiting.append((request, chunked, keep_alive))
        if self._steps is None:
            self._next()
        elif len(self._waiting) > _MOST_WAITING:
            self._give_up(b"HTTP/1.1 400 Bad Request\r\n")

    # What we do.

    def close(self) -> None:
        """Closes properly, after what is written has gone out."""
        if self._transport is not None and not self._closing:
            self._closing = True
            self._transport.close()

    def leave(self) -> None:
        """Closes: properly when idle, with RST in the middle of an answer."""
        if self._steps is None and not self._silent:
            self.close()
        else:
            self.reset()

    def reset(self) -> None:
        """Closes with RST and forgets what has not gone out."""
        if self._transport is not None:
            self._closing = True
            raw = self._transport.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            self._transport.abort()

    def _give_up(self, status_line: bytes) -> None:
        self._stop("faulted")
        self._cancel_timer()
        self._write(status_line + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.close()

    def _next(self) -> None:
        """Begins the answer to the request that waited longest."""
        self._cancel_timer()
        if not self._waiting:
            self._wait_idle()
            return
        self._seen, chunked, keep_alive = self._waiting.popleft()
        self._due = self._loop.time()
        self._steps = self._house.received(self._seen, chunked=chunked, keep_alive=keep_alive)
        self._advance()

    def _advance(self) -> None:
        """Carries out steps until there is something to wait for."""
        self._timer = None
        written = 0
        while self._steps is not None and not self._paused and not self._closing:
            step = next(self._steps, None)
            if step is None:
                self._stop("answered")
                self._next()
                return
            if isinstance(step, bytes):
                self._send(step)
                written += len(step)
                if written >= _BURST:
                    self._timer = self._loop.call_soon(self._advance)
                    return
            elif isinstance(step, float):
                self._due += step
                pause = self._due - self._loop.time()
                if pause > _SLACK:
                    self._timer = self._loop.call_later(pause, self._advance)
                    return
            else:
                self._do(step)

    def _do(self, act: Act) -> None:
        assert self._transport is not None
        self._stop("answered" if act is Act.END else "faulted")
        self._silent = True
        if act in (Act.END, Act.CLOSE):
            self.close()
        elif act is Act.HALF_CLOSE:
            self._transport.write_eof()
        elif act is Act.RESET:
            self._reset_when_sent()

    def _reset_when_sent(self) -> None:
        """RST discards what has not gone out, so it waits until that has."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size():
            self._timer = self._loop.call_later(0.001, self._reset_when_sent)
        else:
            self.reset()

    def _send(self, data: bytes) -> None:
        seen = self._seen
        if seen is not None and data:
            now = self._house.clock.tick()
            if seen.first_byte_at is None:
                seen.first_byte_at = now
            seen.last_byte_at = now
            seen.bytes_written += len(data)
            self._write(data)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _stop(self, ending: Ending) -> None:
        """No more is generated for the present request."""
        if self._seen is not None and self._seen.ending is None:
            self._seen.ending = ending
            self._seen.stopped_at = self._house.clock.tick()
        self._steps = None
        self._seen = None if ending == "answered" else self._seen

    def _wait_idle(self) -> None:
        limit = self._house.idle_limit()
        if limit:
            self._timer = self._loop.call_later(limit, self.close)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
