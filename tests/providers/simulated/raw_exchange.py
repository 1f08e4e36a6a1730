"""A client with bare hands: it sees what is on the wire, whole or broken."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

End = Literal["fin", "reset", "open"]

_AFTERWARDS = 0.03
"""Seconds to listen on after a complete answer, for an end of the connection or a surplus."""


@dataclass
class Received:
    """Everything that came on a connection until it ended or the limit passed."""

    data: bytes
    end: End
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    """Seconds since the request was sent, and what was read then."""

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        head = self.data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return dict(line.split(": ", 1) for line in head)

    @property
    def raw_body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def body(self) -> bytes:
        """Without the framing of chunks, as far as it came."""
        if self.headers.get("transfer-encoding") != "chunked":
            return self.raw_body
        rest, body = self.raw_body, b""
        while b"\r\n" in rest:
            size, _, rest = rest.partition(b"\r\n")
            body += rest[: int(size, 16)]
            rest = rest[int(size, 16) + 2 :]
        return body

    @property
    def finished(self) -> bool:
        """Whether the chunked body was ended as HTTP wants it."""
        return self.raw_body.endswith(b"0\r\n\r\n")

    @property
    def complete(self) -> bool:
        """Whether, by what the head says, nothing more is to come."""
        if b"\r\n\r\n" not in self.data:
            return False
        length = self.headers.get("content-length")
        return self.finished if length is None else len(self.raw_body) >= int(length)

    @property
    def events(self) -> list[str]:
        """The data of every complete event."""
        return [one[6:] for one in self.body.decode().split("\n\n")[:-1]]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def chat(model: str = "m", *, stream: bool = False, say: str = "hello", **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": say}], "stream": stream, **more}


def request_bytes(
    body: object = None,
    *,
    path: str = "/v1/chat/completions",
    method: str = "POST",
    headers: Sequence[str] = (),
    version: str = "1.1",
) -> bytes:
    """`body` as JSON, or as it is when it is bytes already."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"{method} {path} HTTP/{version}",
        "host: simulated",
        "content-type: application/json",
        f"content-length: {len(content)}",
        *headers,
    ]
    return "\r\n".join((*lines, "\r\n")).encode() + content


async def read_on(reader: asyncio.StreamReader, limit: float) -> Received:
    """Reads until the connection ends, for `limit` seconds, or to just after the end of a whole answer."""
    began = time.perf_counter()
    received = Received(b"", "open")
    try:
        while (left := limit + began - time.perf_counter()) > 0:
            async with asyncio.timeout(min(left, _AFTERWARDS) if received.complete else left):
                data = await reader.read(65536)
            if not data:
                received.end = "fin"
                break
            received.pieces.append((time.perf_counter() - began, data))
            received.data += data
    except TimeoutError:
        pass
    except ConnectionError:
        received.end = "reset"
    return received


async def exchange(port: int, *requests: bytes, limit: float = 1.0) -> Received:
    """Sends everything on a connection of its own and reads until it ends, or for `limit` seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"".join(requests))
        return await read_on(reader, limit)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ask(port: int, body: object, *, limit: float = 5.0, **how: Any) -> Received:
    """One exchange that the provider ends, because it is asked to close."""
    headers = [*how.pop("headers", ()), "connection: close"]
    return await exchange(port, request_bytes(body, headers=headers, **how), limit=limit)
