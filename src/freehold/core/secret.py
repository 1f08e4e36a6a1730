"""Secrets that do not show themselves by accident."""

from __future__ import annotations

import re

_OUR_KEY = re.compile(rb"(fha?-)[A-Za-z0-9_-]{43}")
_SHORTEST = 8
"""Characters of the shortest secret that is concealed. What is shorter, such as `none`, protects nothing and
may be a word of any text."""


def without_our_keys(data: bytes) -> bytes:
    """`data` with every key of Freehold's own (`fh-` or `fha-` and 43 characters) cut short."""
    return _OUR_KEY.sub(rb"\1***", data) if b"fh-" in data or b"fha-" in data else data


def _escaped(value: str) -> re.Pattern[bytes]:
    """Finds `value` in JSON, whichever of its characters are written as escapes."""
    return re.compile(b"".join(map(_ways_to_write, value)))


def _ways_to_write(character: str) -> bytes:
    plain = re.escape(character.encode())
    short = rb"|\\%b" % plain if character in '"\\/' else b""
    digits = "".join(f"[{one}{one.upper()}]" if one.isalpha() else one for one in f"{ord(character):04x}")
    return rb"(?:%b%b|\\u%b)" % (plain, short, digits.encode())


class Secret:
    """Holds a provider's key or the like. `reveal()` is the only way to read it; repr, str and pickling hide it."""

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str) -> None:
        """`source` is the reference it came from, `env:NAME` or `file:PATH`; that much may be shown."""
        self._value = value
        self.source = source

    def reveal(self) -> str:
        """The secret itself. Call it only where it goes onto the wire."""
        return self._value

    def conceal_in(self, data: bytes) -> bytes:
        """`data` without the secret: what others say about it may repeat it, in JSON with any of it escaped."""
        value = self._value.encode()
        if len(value) < _SHORTEST:
            return data
        data = data.replace(value, b"***").replace(value.replace(b"/", b"\\/"), b"***")
        return _escaped(self._value).sub(b"***", data) if b"\\u00" in data else data

    def __repr__(self) -> str:
        return f"Secret({self.source})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is never serialised")
