"""The line between the supervisor and a worker: a pair of connected sockets, with questions and news both ways."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Literal

import msgspec

from freehold.core.errors import FreeholdError

log = logging.getLogger("freehold.workers")

_LENGTH = 4


class LineError(FreeholdError):
    """The other end is gone, or could not answer."""


class Frame(msgspec.Struct, array_like=True):
    """What goes over the line."""

    kind: Literal["tell", "ask", "piece", "end", "error", "enough"]
    """`enough`: whoever asked wants no more pieces."""
    number: int
    """Of the question that it belongs to; 0 for news."""
    topic: str = ""
    body: bytes = b""


Hear = Callable[[bytes], None]
"""What is done with news."""
Answer = Callable[[bytes], AsyncIterator[bytes]]
"""Answers a question in pieces."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Frame).decode


class Line:
    """One end. What the other end tells or asks is looked up by its topic; `run` it for as long as it is there."""

    def __init__(self, end: socket.socket, *, hear: Mapping[str, Hear], answer: Mapping[str, Answer]) -> None:
        self._end = end
        self._hear = hear
        self._answer = answer
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Queue[Frame]] = {}
        self._answering: dict[int, asyncio.Task[None]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._early: list[bytes] = []
        self.broken = False
        """Whether the other end is gone."""

    async def run(self) -> None:
        """Take in what comes, until the other end is gone."""
        reader, self._writer = await asyncio.open_unix_connection(sock=self._end)
        for data in self._early:
            self._writer.write(data)
        self._early.clear()
        try:
            while not self.broken:  # it may have been hung up before this began
                size = int.from_bytes(await reader.readexactly(_LENGTH), "big")
                self._take(_decode(await reader.readexactly(size)))
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError):
            return
        finally:
            self._break()

    def tell(self, topic: str, body: bytes = b"") -> None:
        """News that nobody answers. Nothing when the other end is gone."""
        self._send(Frame("tell", 0, topic, body))

    async def ask(self, topic: str, body: bytes = b"") -> AsyncGenerator[bytes, None]:
        """The pieces of the answer, as they come. Raises LineError."""
        if self.broken:
            raise LineError("The other process is gone.")
        number = next(self._numbers)
        queue = self._asked[number] = asyncio.Queue()
        ended = False
        try:
            self._send(Frame("ask", number, topic, body))
            while True:
                frame = await queue.get()
                if frame.kind == "piece":
                    yield frame.body
                    continue
                ended = True
                if frame.kind == "error":
                    raise LineError(frame.body.decode())
                return
        finally:
            del self._asked[number]
            if not ended:
                self._send(Frame("enough", number))

    async def ask_whole(self, topic: str, body: bytes = b"", *, patience: float) -> bytes:
        """All of the answer, within `patience` seconds. Raises LineError."""
        try:
            async with asyncio.timeout(patience), aclosing(self.ask(topic, body)) as pieces:
                return b"".join([piece async for piece in pieces])
        except TimeoutError:
            raise LineError(f"No answer within {patience:g} s.") from None

    async def drain(self) -> None:
        """Wait, though not for long, until what was sent is out of our hands."""
        for _ in range(50):
            is_out = self._writer is not None and not self._writer.transport.get_write_buffer_size()
            if self.broken or (is_out and not self._answering):
                return
            await asyncio.sleep(0.01)

    def close(self) -> None:
        """Hang up."""
        self._break()

    def _send(self, frame: Frame) -> None:
        if self.broken:
            return
        data = _encode(frame)
        data = len(data).to_bytes(_LENGTH, "big") + data
        if self._writer is None:
            self._early.append(data)
        else:
            self._writer.write(data)

    def _take(self, frame: Frame) -> None:
        if frame.kind == "tell":
            hear = self._hear.get(frame.topic)
            if hear is not None:
                try:
                    hear(frame.body)
                except Exception:  # news that cannot be used must not end the line
                    log.exception("the news `%s` could not be used", frame.topic)
        elif frame.kind == "ask":
            task = asyncio.create_task(self._reply(frame))
            self._answering[frame.number] = task
            task.add_done_callback(lambda _: self._answering.pop(frame.number, None))
        elif frame.kind == "enough":
            task_of = self._answering.get(frame.number)
            if task_of is not None:
                task_of.cancel()
        elif frame.number in self._asked:
            self._asked[frame.number].put_nowait(frame)

    async def _reply(self, frame: Frame) -> None:
        number = frame.number
        try:
            answer = self._answer.get(frame.topic)
            if answer is None:
                raise LineError(f"Nothing is known of `{frame.topic}`.")
            async for piece in answer(frame.body):
                self._send(Frame("piece", number, body=piece))
                if self._writer is not None:
                    await self._writer.drain()
        except FreeholdError as error:
            self._send(Frame("error", number, body=error.message.encode()))
        except ConnectionError:
            pass
        except Exception:  # whoever asks must hear that there is no answer
            log.exception("the question `%s` could not be answered", frame.topic)
            self._send(Frame("error", number, body=b"An error of ours."))
        else:
            self._send(Frame("end", number))

    def _break(self) -> None:
        self.broken = True
        for queue in self._asked.values():
            queue.put_nowait(Frame("error", 0, body=b"The other process is gone."))
        for task in list(self._answering.values()):
            task.cancel()
        if self._writer is not None:
            with suppress(OSError, RuntimeError):
                self._writer.close()


def whole(give: Callable[[bytes], Awaitable[bytes]]) -> Answer:
    """An answer in one piece."""

    async def answer(body: bytes) -> AsyncIterator[bytes]:
        yield await give(body)

    return answer
