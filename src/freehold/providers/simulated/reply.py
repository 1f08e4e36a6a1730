"""An answer before it is HTTP: status, headers and the pieces of its body with the pauses between them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from msgspec import Struct


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
