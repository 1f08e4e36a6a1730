"""Calls as they lie in a file of the spool: frames of a few calls each, compressed, with length and checksum.

A frame that was cut off or damaged ends its file: what follows it is not read.
"""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import zstandard

from freehold.core.secret import without_our_keys
from freehold.ledger.inbox import size_of
from freehold.ledger.record import Call
from freehold.ledger.rows import plain

log = logging.getLogger("freehold.ledger")

FRAME_BYTES = 4_000_000
"""About what the calls of one frame take in memory."""
FRAME_CALLS = 2048
_MARK = b"FHc1"
_HEAD = struct.Struct("<4sIII")
"""Mark, bytes behind the head, their checksum, calls."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Call]).decode


class Frame(NamedTuple):
    """A frame in a file."""

    calls: int
    """How many are in it."""
    content: bytes
    end: int
    """Where the next one begins."""


class Framed(NamedTuple):
    """Some calls, ready for a file."""

    data: bytes
    calls: int
    """How many of the calls that were given are dealt with."""
    refused: int
    """Those of them that cannot be kept in any form."""


def frame(calls: Sequence[Call], *, bodies: bool) -> Iterator[Framed]:
    """The calls in frames, with or without their bodies."""
    some: list[Call] = []
    size = 0
    for call in calls:
        some.append(call)
        size += size_of(call)
        if size >= FRAME_BYTES or len(some) >= FRAME_CALLS:
            yield _frame(some, bodies=bodies)
            some, size = [], 0
    if some:
        yield _frame(some, bodies=bodies)


def read_frames(path: Path, start: int = 0) -> Iterator[Frame]:
    """The whole frames of a file from `start` on. Raises OSError."""
    with path.open("rb") as file:
        file.seek(start)
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            mark, length, checksum, calls = _HEAD.unpack(head)
            content = file.read(length) if mark == _MARK else b""
            if mark != _MARK or len(content) < length or zlib.crc32(content) != checksum:
                return
            yield Frame(calls, content, file.tell())


def calls_in(content: bytes) -> list[Call] | None:
    """The calls of a frame; None when they cannot be made out, which is logged: no longer a known form."""
    try:
        return _decode(zstandard.ZstdDecompressor().decompress(content))
    except (zstandard.ZstdError, ValueError, msgspec.DecodeError) as error:
        log.error("Calls in the spool cannot be read: %s", error)  # noqa: TRY400 - it says all there is
        return None


def _frame(calls: Sequence[Call], *, bodies: bool) -> Framed:
    kept = [_as_kept(call, bodies=bodies) for call in calls]
    try:
        content = _encode(kept)
    except Exception:  # noqa: BLE001 - whatever is in one of them, the others are kept
        kept = [one for one in map(_encodable, kept) if one is not None]
        content = _encode(kept)
    content = zstandard.ZstdCompressor(level=1).compress(content)
    head = _HEAD.pack(_MARK, len(content), zlib.crc32(content), len(kept))
    return Framed(head + content, len(calls), len(calls) - len(kept))


def _as_kept(call: Call, *, bodies: bool) -> Call:
    if call.trace is not None:
        call = msgspec.structs.replace(call, trace=None)  # the ledger has no place for it
    request, answer = call.request_body, call.answer_body
    if request is None and answer is None:
        return call
    return msgspec.structs.replace(
        call,
        request_body=None if request is None or not bodies else without_our_keys(request),
        answer_body=None if answer is None or not bodies else without_our_keys(answer),
    )


def _encodable(call: Call) -> Call | None:
    for make in (_as_it_is, plain):
        try:
            one = make(call)
            _encode(one)
        except Exception:  # noqa: BLE001, S112 - one call must not keep the others from being kept
            continue
        return one
    return None


def _as_it_is(call: Call) -> Call:
    return call
