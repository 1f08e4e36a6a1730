"""Faults done to a reply. None of this knows a dialect but for the words of an error."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from freehold.providers.simulated import faults
from freehold.providers.simulated.dialect import Dialect
from freehold.providers.simulated.dice import Dice, draw
from freehold.providers.simulated.happenings import STAND_IN
from freehold.providers.simulated.reply import Act, Piece, Raw, Reply, Step, whole
from freehold.providers.simulated.words import lorem_bytes

_MARK = STAND_IN.encode()
_ENDS = {"close": Act.CLOSE, "reset": Act.RESET, "half_close": Act.HALF_CLOSE}


def spoil(reply: Reply, fault: faults.AnyFault | None, dialect: Dialect, dice: Dice, *, used: bool) -> Reply:  # noqa: PLR0911, PLR0912 - one row for each fault
    """`reply` as `fault` leaves it. `used`: its connection has answered before."""
    match fault:
        case faults.Hang():
            return _hang(reply, fault, dice)
        case faults.Cut():
            return _cut(reply, fault)
        case faults.Malformed():
            return _malformed(reply, fault)
        case faults.ErrorEvent():
            return _error_event(reply, fault, dialect)
        case faults.Empty():
            return Reply(200, reply.headers, iter(()), 0, reply.before)
        case faults.Page(status=status, text=text):
            page = whole(status, "text/html; charset=utf-8", text.encode())
            page.before = reply.before
            return page
        case faults.ContentType(value=value):
            reply.headers = [(name, value if name == "content-type" else old) for name, old in reply.headers]
        case faults.Endless() | faults.Huge():
            _fill(reply, fault.bytes if isinstance(fault, faults.Huge) else None, dice)
        case faults.Garbage():
            return _garbage(reply, fault, dice)
        case faults.WrongLength(by=by):
            _wrong_length(reply, by)
        case faults.Gzip():
            _gzip(reply)
        case faults.Stale() if used:
            reply.before = (Act.CLOSE,)
        case _:  # Drip works on framed steps, Refused comes from the dialect
            pass
    return reply


def drip(steps: Iterator[Step], fault: faults.Drip, dice: Dice) -> Iterator[Step]:
    """The same bytes, a few at a time. The head is the first that is written."""
    part = "head"
    for step in steps:
        if not isinstance(step, bytes) or fault.part not in (part, "all"):
            yield step
        else:
            for start in range(0, len(step), fault.bytes):
                yield step[start : start + fault.bytes]
                yield draw(fault.every_s, dice)
        if isinstance(step, bytes):
            part = "body"


def _at(reply: Reply, after: int, change: Callable[[Iterator[Piece]], Iterator[Piece]]) -> Reply:
    """Lets `after` chunks pass and hands the rest to `change`. A whole answer is halved first."""
    if reply.length is not None:
        reply.body = _halves(reply.body)
        after = min(after, 1)

    def body(pieces: Iterator[Piece]) -> Iterator[Piece]:
        passed = 0
        while passed < after:
            piece = next(pieces, None)
            if piece is None:
                return
            yield piece
            passed += isinstance(piece, bytes)
        yield from change(pieces)

    reply.body = body(reply.body)
    return reply


def _halves(pieces: Iterator[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        if isinstance(piece, bytes):
            middle = len(piece) // 2
            yield piece[:middle]
            yield piece[middle:]
        else:
            yield piece


def _hang(reply: Reply, fault: faults.Hang, dice: Dice) -> Reply:
    pause: Piece = Act.HANG if fault.for_s is None else draw(fault.for_s, dice)
    if fault.after is None:
        reply.before = (*reply.before, pause)
        return reply

    def hang(pieces: Iterator[Piece]) -> Iterator[Piece]:
        yield pause
        yield from pieces

    return _at(reply, fault.after, hang)


def _cut(reply: Reply, fault: faults.Cut) -> Reply:
    end = _ENDS.get(fault.how)
    if fault.after is None:
        reply.before = (*reply.before, end or Act.CLOSE)
        return reply

    def cut(pieces: Iterator[Piece]) -> Iterator[Piece]:
        if fault.inside:
            piece = next((piece for piece in pieces if isinstance(piece, bytes)), b"")
            yield piece[: len(piece) // 2]
        if end is not None:
            yield end

    cut_reply = _at(reply, fault.after, cut)
    if end is None:
        cut_reply.length = None
    return cut_reply


def _malformed(reply: Reply, fault: faults.Malformed) -> Reply:
    binary = any("eventstream" in value for name, value in reply.headers if name == "content-type")
    if reply.length is not None:
        reply.body = (piece[:-2] + b",]" if isinstance(piece, bytes) else piece for piece in reply.body)
        return reply

    def break_one(pieces: Iterator[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if isinstance(piece, bytes):
                text = piece.rstrip()
                # A frame without a text to break has its checksum broken.
                yield (piece[:-1] + bytes((piece[-1] ^ 0xFF,)) if binary else text[:-2] + piece[len(text) :])
                break
            yield piece
        yield from pieces

    return _at(reply, fault.after, break_one)


def _error_event(reply: Reply, fault: faults.ErrorEvent, dialect: Dialect) -> Reply:
    if reply.length is not None:
        body = dialect.error_body(fault)
        return Reply(reply.status, reply.headers, iter((body,)), len(body), reply.before)
    return _at(reply, fault.after, lambda _: iter((dialect.error_event(fault),)))


def _fill(reply: Reply, size: int | None, dice: Dice) -> None:
    """Puts long text where its stand-in is."""

    def filled(pieces: Iterator[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if isinstance(piece, bytes) and _MARK in piece:
                head, _, tail = piece.partition(_MARK)
                yield head
                yield from lorem_bytes(size, dice)
                yield tail
            else:
                yield piece

    reply.body = filled(reply.body)
    if reply.length is not None:
        reply.length = None if size is None else reply.length - len(_MARK) + size


def _garbage(reply: Reply, fault: faults.Garbage, dice: Dice) -> Reply:
    rubbish = Raw(b"\xff" + dice.garbage(fault.bytes - 1))
    if fault.after is None:
        reply.before = (*reply.before, rubbish, Act.CLOSE)
        return reply
    return _at(reply, fault.after, lambda _: iter((rubbish, Act.CLOSE)))


def _wrong_length(reply: Reply, by: int) -> None:
    """A stream's length is not known: it is then promised too much or too little by far."""
    if reply.length is None:
        reply.length = 1 << 30 if by > 0 else 10
    else:
        reply.length = max(0, reply.length + by)
    if by > 0:
        body = reply.body

        def broken() -> Iterator[Piece]:
            yield from body
            yield Act.CLOSE

        reply.body = broken()


def _gzip(reply: Reply) -> None:
    packer = zlib.compressobj(wbits=31)
    reply.headers = [*reply.headers, ("content-encoding", "gzip")]
    if reply.length is not None:
        packed = (
            b"".join(packer.compress(piece) for piece in reply.body if isinstance(piece, bytes))
            + packer.flush()
        )
        reply.body, reply.length = iter((packed,)), len(packed)
        return

    def packing(pieces: Iterator[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if isinstance(piece, bytes):
                yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
            else:
                yield piece
        yield packer.flush()

    reply.body = packing(reply.body)
