"""Events of this dialect as they go over the wire, numbered in the order in which they are told."""

from __future__ import annotations

from typing import NamedTuple

from freehold.wire.responses.vocabulary import Json, encode
from freehold.wire.sse import on_one_line

_NOTHING: Json = {}


class DeltaForm(NamedTuple):
    """The bytes of an event that is told often: all but its number and its delta."""

    before: bytes
    between: bytes
    behind: bytes


def delta_form(kind: str, place: Json, beside: Json = _NOTHING) -> DeltaForm:
    """The form of `kind`'s events; `place` is said before the delta, `beside` behind it."""
    name = kind.encode()
    return DeltaForm(
        b'event: %b\ndata: {"type":"%b","sequence_number":' % (name, name),
        b",%b," % encode(place)[1:-1] + b'"delta":',
        (b",%b" % encode(beside)[1:] if beside else b"}") + b"\n\n",
    )


class Frames:
    """Takes what is to be told, and gives it as bytes."""

    __slots__ = ("_number", "_told")

    def __init__(self) -> None:
        self._number = 0
        self._told: list[bytes] = []

    def tell(self, kind: str, fields: Json) -> None:
        """One event: its type and its fields."""
        data = on_one_line(encode({"type": kind, "sequence_number": self._number, **fields}))
        self._number += 1
        self._told.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))

    def tell_delta(self, form: DeltaForm, delta: str) -> None:
        """One event of a form that is known."""
        before, between, behind = form
        self._told.append(b"".join((before, encode(self._number), between, encode(delta), behind)))
        self._number += 1

    def take(self) -> bytes:
        """What was told since the last time."""
        told = self._told
        if len(told) == 1:
            return told.pop()
        written = b"".join(told)
        told.clear()
        return written
