"""A transport that sends the head of a stream together with its first events.

uvicorn writes head and body one after the other, and uvloop hands each write to the kernel at once: two
system calls and often two packets where one will do.
"""

from __future__ import annotations

import asyncio
from typing import Any


class JoiningTransport(asyncio.Transport):
    """Passes everything on to the transport under it, but holds a head back until the next write or turn."""

    __slots__ = ("_held", "_loop", "_transport", "_write", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._write = transport.write
        self._held: bytes | None = None
        self.is_closing = transport.is_closing  # type: ignore[method-assign]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`; what begins like a head waits for the rest, until the loop's next turn at most."""
        held = self._held
        if held is not None:
            self._held = None
            self._write(held + data)
        elif data[:9] == b"HTTP/1.1 ":
            self._held = bytes(data)
            self._loop.call_soon(self._send_held)
        else:
            self._write(data)

    def write_now(self, data: bytes) -> None:
        """Send `data`, which is complete, with nothing held back."""
        self._send_held()
        self._write(data)

    def _send_held(self) -> None:
        held = self._held
        if held is not None:
            self._held = None
            self._write(held)

    def close(self) -> None:
        """Send what is held back and close."""
        self._send_held()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._held = None
        self._transport.abort()

    # The rest is the transport's own.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As the transport under it."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """As the transport under it."""
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """As the transport under it."""
        return self._transport.get_protocol()

    def pause_reading(self) -> None:
        """As the transport under it."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """As the transport under it."""
        self._transport.resume_reading()

    def is_reading(self) -> bool:
        """As the transport under it."""
        return self._transport.is_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As the transport under it."""
        self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """As the transport under it, and what is held back."""
        return self._transport.get_write_buffer_size() + len(self._held or b"")

    def can_write_eof(self) -> bool:
        """As the transport under it."""
        return self._transport.can_write_eof()
