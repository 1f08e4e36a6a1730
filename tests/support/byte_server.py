"""A server on loopback that plays scripts of bytes and writes down what it saw."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import Self


class Do(Enum):
    """What an answer may do besides sending bytes (bytes) and waiting (float, seconds)."""

    END = auto()
    """Close in the orderly way."""
    RESET = auto()
    """Break the connection: the client gets a reset."""
    HOLD = auto()
    """Wait until the client closes."""
    FLOOD = auto()
    """Send until the client closes."""
    REPEAT = auto()
    """Begin the answer again."""


Step = bytes | float | Do
Answer = Sequence[Step]

FLOOD_PIECE = 16 * 1024


@dataclass
class Seen:
    """One connection, as the server saw it."""

    requests: list[bytes] = field(default_factory=list)
    """Head and body of each."""
    ended_at: float | None = None
    """When the client closed, in the loop's time."""
    holding: bool = False
    """It came to a HOLD."""
    taken: int = 0
    """Bytes of a flood that were handed to the operating system and not left in our own buffer."""


class ByteServer:
    """Gives the first request the first answer, the second the second, and so on; the last one stays."""

    def __init__(
        self, *answers: Answer, tls: ssl.SSLContext | None = None, reads_bodies: bool = True
    ) -> None:
        self.answers = list(answers)
        self.connections: list[Seen] = []
        self.port = 0
        self._tls = tls
        self._reads_bodies = reads_bodies
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """What a provider's `base_url` would be."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    @property
    def requests(self) -> list[bytes]:
        """Every request of every connection, in the order of the connections."""
        return [request for seen in self.connections for request in seen.requests]

    @property
    def open(self) -> int:
        """Connections that are not over."""
        return len(self._tasks)

    async def all_ended(self, limit: float = 2.0) -> None:
        """Returns when every connection is over. Raises TimeoutError."""
        async with asyncio.timeout(limit):
            while self._tasks:
                await asyncio.sleep(0.002)

    async def holds(self, limit: float = 5.0) -> None:
        """Returns when a connection came to a HOLD, and what it sent before is there. Raises TimeoutError."""
        async with asyncio.timeout(limit):
            while not any(seen.holding for seen in self.connections):
                await asyncio.sleep(0.002)
        await asyncio.sleep(0.02)

    def answer_to(self, request: bytes) -> Answer:
        """What the next request is answered with."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        seen = Seen()
        self.connections.append(seen)
        loop = asyncio.get_running_loop()
        try:
            while (request := await self._read_request(reader)) is not None:
                seen.requests.append(request)
                if not await _play(self.answer_to(request), reader, writer, seen):
                    break
            seen.ended_at = loop.time()
        except (ConnectionError, asyncio.IncompleteReadError):
            seen.ended_at = loop.time()
        except asyncio.CancelledError:  # asyncio would log it as an error of the callback
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _read_request(self, reader: asyncio.StreamReader) -> bytes | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        lengths = [
            int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        return head + await reader.readexactly(lengths[0]) if lengths and self._reads_bodies else head


async def _play(
    answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen
) -> bool:
    """Whether another request may follow."""
    for step in _repeated(answer):
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
        elif isinstance(step, float):
            await asyncio.sleep(step)
        elif step is Do.RESET:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        elif step is Do.FLOOD:
            await _flood(reader, writer, seen)
            return False
        else:
            if step is Do.HOLD:
                seen.holding = True
                await reader.read()
            return False
    return True


def _repeated(answer: Answer) -> Iterator[Step]:
    if Do.REPEAT in answer:
        return itertools.cycle(answer[: answer.index(Do.REPEAT)])
    return iter(answer)


async def _flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
    writer.transport.set_write_buffer_limits(high=0)
    over = asyncio.ensure_future(reader.read())
    piece = b"x" * FLOOD_PIECE
    try:
        while not over.done() and not writer.transport.is_closing():
            writer.write(piece)
            drained = asyncio.ensure_future(writer.drain())
            await asyncio.wait((drained, over), return_when=asyncio.FIRST_COMPLETED)
            if not drained.done():
                drained.cancel()
                break
            drained.result()
            seen.taken += FLOOD_PIECE
    finally:
        over.cancel()
        await asyncio.gather(over, return_exceptions=True)


def whole(
    body: bytes, *headers: bytes, status: bytes = b"200 OK", content_type: bytes = b"application/json"
) -> bytes:
    """An answer with a length."""
    lines = [
        b"HTTP/1.1 " + status,
        b"content-type: " + content_type,
        b"content-length: %d" % len(body),
        *headers,
    ]
    return b"\r\n".join([*lines, b"", body])


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
"""The head of a stream; `chunk`s and LAST_CHUNK follow."""

LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
