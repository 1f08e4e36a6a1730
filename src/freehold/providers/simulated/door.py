"""A port that can be closed and opened again without anybody else taking it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

_BACKLOG = 4096
_AT_ONCE = 64
"""Connections accepted before those that stand have their turn. Both event loops' own servers do worse
when thousands of streams are running: uvloop accepts one in each round of the loop, asyncio all there are."""


class Door:
    """Closed, the kernel refuses connections; the number stays ours."""

    def __init__(
        self, host: str, port: int, factory: Callable[[], asyncio.Protocol], *, send_buffer: int
    ) -> None:
        """Reserves the port; 0 is any free one. Raises OSError when it is taken."""
        self._host = host
        self._factory = factory
        self._send_buffer = send_buffer
        self._listener: socket.socket | None = None
        self._arriving: set[asyncio.Task[None]] = set()
        # A socket that is bound but never listens keeps the number for us while the listening one is gone.
        self._reservation = self._bound(port)
        self.port: int = self._reservation.getsockname()[1]

    def open(self) -> None:
        """Accepts connections. Raises OSError when somebody else listens there."""
        if self._listener is None:
            listener = self._bound(self.port)
            try:
                listener.listen(_BACKLOG)
            except OSError:
                listener.close()
                raise
            self._listener = listener
            asyncio.get_running_loop().add_reader(listener.fileno(), self._accept, listener)

    def close(self) -> None:
        """Refuses connections. Those that stand are not touched."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None

    async def abandon(self) -> None:
        """Gives the port back. Returns when all that were accepted have become connections."""
        self.close()
        self._reservation.close()
        if self._arriving:
            await asyncio.wait(self._arriving)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                arrived, _address = listener.accept()
            except BlockingIOError:
                return
            arrived.setblocking(False)
            arrival = asyncio.ensure_future(self._welcome(arrived))
            self._arriving.add(arrival)
            arrival.add_done_callback(self._arriving.discard)

    async def _welcome(self, arrived: socket.socket) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(self._factory, arrived)

    def _bound(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # With the protocol named, the event loops switch off Nagle's delay on what is accepted.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            bound.setblocking(False)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer)
            bound.bind((self._host, port))
        except OSError:
            bound.close()
            raise
        return bound
