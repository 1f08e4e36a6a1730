"""Protocol Buffers on the wire, as far as OTLP needs them: fields one after the other, each with its number and kind.

The library builds a tree of objects for each span; a span here is some pieces of bytes joined, most of them known from
the span before. docs/decisions.md has the figures.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

_double = struct.Struct("<d").pack
_fixed64 = struct.Struct("<Q").pack
_KNOWN = tuple(
    bytes((number,)) if number < 128 else bytes((number & 127 | 128, number >> 7)) for number in range(2048)
)
"""The numbers that are written most."""


def varint(number: int) -> bytes:
    """A whole number; negative ones take ten bytes, as two's complement of 64 bits."""
    if 0 <= number < 2048:
        return _KNOWN[number]
    number &= 2**64 - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def block(field: int, content: bytes) -> bytes:
    """A field with a length: text, bytes, or a message."""
    return b"".join((varint(field << 3 | 2), varint(len(content)), content))


def text(field: int, words: str) -> bytes:
    """A field of text. What UTF-8 cannot say, as half of a surrogate pair, becomes `?`."""
    return block(field, words.encode("utf-8", "replace"))


def number(field: int, value: int) -> bytes:
    """A field with a whole number or one of an enumeration."""
    return varint(field << 3) + varint(value)


def fixed64(field: int, value: int) -> bytes:
    """A field of eight bytes: times in nanoseconds, counts of histograms."""
    return varint(field << 3 | 1) + _fixed64(value)


def double(field: int, value: float) -> bytes:
    """A field with a number that has a fraction."""
    return varint(field << 3 | 1) + _double(value)


def packed_fixed64(field: int, values: Iterable[int]) -> bytes:
    """A field with several numbers of eight bytes."""
    return block(field, b"".join(map(_fixed64, values)))


def packed_doubles(field: int, values: Iterable[float]) -> bytes:
    """A field with several numbers that have fractions."""
    return block(field, b"".join(map(_double, values)))


class NotAMessageError(Exception):
    """These bytes are no message."""


def fields_of(message: bytes) -> dict[int, int | bytes]:
    """The last value of each field of a message. Raises NotAMessageError."""
    found: dict[int, int | bytes] = {}
    at = 0
    try:
        while at < len(message):
            key, at = _read_varint(message, at)
            kind = key & 7
            value: int | bytes
            if kind == 0:
                value, at = _read_varint(message, at)
            else:
                size = {1: 8, 5: 4}.get(kind)
                if size is None:
                    if kind != 2:
                        raise NotAMessageError(f"kind {kind}")
                    size, at = _read_varint(message, at)
                value, at = message[at : at + size], at + size
            found[key >> 3] = value
    except IndexError:
        raise NotAMessageError("it ends in the middle") from None
    if at != len(message):
        raise NotAMessageError("it ends in the middle")
    return found


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise NotAMessageError("a number of more than 64 bits")
