"""An answer: status, headers, the pieces of its body with the pauses between them, and all that as HTTP/1."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from http import HTTPStatus

from msgspec import Struct

from freehold.providers.simulated.observation import ReceivedRequest


class Act(Enum):
    """What is done to the connection instead of writing. Nothing is written afterwards."""

    END = auto()
    """The answer is complete and the connection not to be used again."""
    HANG = auto()
    CLOSE = auto()
    RESET = auto()
    HALF_CLOSE = auto()


class Raw(Struct, frozen=True):
    """Bytes that go out as they are, whatever the framing of the body."""

    data: bytes


Piece = bytes | float | Raw | Act
"""Bytes of the body, seconds to wait, or something rude."""

Step = bytes | float | Act
"""The same when it is framed: what a connection carries out."""


class Reply(Struct):
    """One answer."""

    status: int
    headers: list[tuple[str, str]]
    body: Iterator[Piece]
    length: int | None
    """Of the body in bytes; None: not known, as in a stream."""
    before: tuple[Piece, ...] = ()
    """Comes before the status line."""


def whole(status: int, content_type: str, body: bytes, *, wait: float = 0.0) -> Reply:
    """An answer in one piece, after `wait` seconds."""
    return Reply(status, [("content-type", content_type)], iter((body,)), len(body), (wait,) if wait else ())


_REASONS = {status.value: status.phrase for status in HTTPStatus}
_LAST_CHUNK = b"0\r\n\r\n"


def frame(
    reply: Reply, seen: ReceivedRequest, *, chunked: bool, keep_alive: bool, bodiless: bool
) -> Iterator[Step]:
    """The steps of a connection that send `reply`.

    Without a length the body is chunked, or for clients older than that (`chunked` false) ended by closing.
    `bodiless` is for HEAD.
    """
    for piece in reply.before:
        yield piece.data if isinstance(piece, Raw) else piece
    if reply.length is None and not chunked:
        keep_alive = False
    seen.status = reply.status
    yield _head(reply, chunked=chunked, keep_alive=keep_alive)
    in_chunks = reply.length is None and chunked and not bodiless
    for piece in () if bodiless else reply.body:
        if isinstance(piece, Raw):
            yield piece.data
        elif in_chunks and isinstance(piece, bytes):
            if piece:
                yield b"%x\r\n%b\r\n" % (len(piece), piece)
        else:
            yield piece
    if in_chunks:
        yield _LAST_CHUNK
    if not keep_alive:
        yield Act.END


def _head(reply: Reply, *, chunked: bool, keep_alive: bool) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if reply.length is not None:
        lines.append(f"content-length: {reply.length}")
    elif chunked:
        lines.append("transfer-encoding: chunked")
    if not keep_alive:
        lines.append("connection: close")
    return "\r\n".join((*lines, "\r\n")).encode("latin-1", "replace")
