"""Attributes: name and value, in OTLP's form."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from freehold.telemetry.protobuf import block, double, text, varint

Value = str | bool | int | float | tuple[str, ...]

LONGEST_TEXT = 1024
"""Characters of one value, content apart: what a provider or a client names is of any length."""

_NAMES: dict[str, bytes] = {}


def attribute(field: int, name: str, value: Value) -> bytes:
    """The attribute as field `field` of whatever has it."""
    if isinstance(value, str):
        return _text_attribute(field, name, value[:LONGEST_TEXT])
    key = _NAMES.get(name)
    if key is None:
        key = _NAMES[name] = text(1, name)
    if isinstance(value, bool):
        said = b"\x12\x02\x10\x01" if value else b"\x12\x02\x10\x00"
    elif isinstance(value, int):
        digits = varint(value)
        said = b"".join((b"\x12", varint(len(digits) + 1), b"\x18", digits))
    elif isinstance(value, float):
        said = b"\x12\x09" + double(4, value)
    else:
        said = block(2, block(5, b"".join(block(1, text(1, one[:LONGEST_TEXT])) for one in value)))
    return b"".join((varint(field << 3 | 2), varint(len(key) + len(said)), key, said))


@lru_cache(4096)
def _text_attribute(field: int, name: str, value: str) -> bytes:
    return long_text(field, name, value)


def long_text(field: int, name: str, value: str) -> bytes:
    """An attribute of text, however long it is."""
    return block(field, text(1, name) + block(2, text(1, value)))


def attributes(field: int, named: Iterable[tuple[str, Value | None]]) -> bytes:
    """Several of them; those without a value are left out."""
    return b"".join(attribute(field, name, value) for name, value in named if value is not None)
