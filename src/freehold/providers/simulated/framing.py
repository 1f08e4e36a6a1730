"""From a reply to the bytes of HTTP/1."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from freehold.providers.simulated.observation import ReceivedRequest
from freehold.providers.simulated.reply import Act, Raw, Reply, Step

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
