"""Attributes: name and value, in OTLP's form."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from freehold.telemetry.protobuf import block, text, varint

Value = str | bool | int | float | tuple[str, ...]

LONGEST_TEXT = 1024
"""Characters of one value, content apart: what a provider or a client names is of any length."""

_LONGEST_NUMBER = 10
"""Bytes that a whole number takes at most."""
_SHORT = 100
"""Bytes of words before which everything is known, so that they are only put behind it."""
_double = Struct("<d").pack


class Name:
    """The name of an attribute, ready to be written again and again with other values, as one field of a message."""

    __slots__ = ("_before", "_field", "_fraction", "_key", "_whole")

    def __init__(self, field: int, name: str) -> None:
        self._field = varint(field << 3 | 2)
        self._key = text(1, name)
        self._whole = tuple(self._head(size + 1) + b"\x18" for size in range(_LONGEST_NUMBER + 1))
        """What comes before a whole number, by the bytes that it takes."""
        self._fraction = self._head(9) + b"\x21"
        self._before: dict[int, bytes] = {}
        """What comes before few words, by the bytes that they take."""

    def _head(self, size: int) -> bytes:
        """All that comes before a value of so many bytes, fewer than 126."""
        return b"".join((self._field, varint(len(self._key) + size + 2), self._key, b"\x12", varint(size)))

    def whole(self, value: int) -> bytes:
        """The attribute with a whole number."""
        digits = varint(value)
        return self._whole[len(digits)] + digits

    def fraction(self, value: float) -> bytes:
        """The attribute with a number that has a fraction."""
        return self._fraction + _double(value)

    def flag(self, value: bool) -> bytes:
        """The attribute with a yes or no."""
        said = b"\x12\x02\x10\x01" if value else b"\x12\x02\x10\x00"
        return b"".join((self._field, varint(len(self._key) + 4), self._key, said))

    def text(self, value: str) -> bytes:
        """The attribute with words, however many they are."""
        said = value.encode("utf-8", "replace")
        size = len(said)
        before = self._before.get(size)
        if before is None:
            if size > _SHORT:
                return self._any(block(1, said))
            before = self._before[size] = self._head(size + 2) + bytes((0x0A, size))
        return before + said

    def texts(self, values: tuple[str, ...]) -> bytes:
        """The attribute with a list of words."""
        return self._any(block(5, b"".join(block(1, text(1, one[:LONGEST_TEXT])) for one in values)))

    def _any(self, value: bytes) -> bytes:
        said = block(2, value)
        return b"".join((self._field, varint(len(self._key) + len(said)), self._key, said))


def attribute(field: int, name: str, value: Value) -> bytes:
    """The attribute as field `field` of whatever has it. Words are cut off when there are too many."""
    named = Name(field, name)
    match value:
        case str():
            return named.text(value[:LONGEST_TEXT])
        case bool():
            return named.flag(value)
        case int():
            return named.whole(value)
        case float():
            return named.fraction(value)
        case _:
            return named.texts(value)


def attributes(field: int, named: Iterable[tuple[str, Value | None]]) -> bytes:
    """Several of them; those without a value are left out."""
    return b"".join(attribute(field, name, value) for name, value in named if value is not None)
