"""JSON objects taken apart field by field: what is taken is known, what is left is passed on as it is."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, TypeVar

import msgspec

from freehold.core.fields import Fields

T = TypeVar("T")

_decode_fields = msgspec.json.Decoder(Fields).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
"""Whole pairs, halves, and all else, so that what follows an escaped backslash is taken for the text it is."""
_ABSENT = (msgspec.Raw(b""), msgspec.Raw(b"null"))


class Unreadable(ValueError):
    """A field is not what its dialect says. `path` names it as the client wrote it: `messages[2].content`."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"The field `{path}` {problem}." if path else f"The body {problem}.")
        self.path = path


class Object:
    """One JSON object. Every `take…` removes a field; a field that is null counts as absent."""

    __slots__ = ("_fields", "path")

    def __init__(self, raw: bytes | msgspec.Raw, path: str = "") -> None:
        """`path` is where in the body it stands. Raises Unreadable."""
        self.path = path
        try:
            self._fields = _decode_fields(raw)
        except msgspec.ValidationError:
            raise Unreadable(path, "is not an object") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Unreadable(path, f"is not valid JSON: {error}") from None

    def place(self, name: str) -> str:
        """The path of the field `name`."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Whether the field is there, not null, and not taken yet."""
        return self._fields.get(name, _ABSENT[0]) not in _ABSENT

    def take(self, name: str, kind: type[T]) -> T | None:
        """The field as `kind` (str, int, float, bool, list[str] …). Raises Unreadable."""
        raw = self._fields.pop(name, None)
        if raw is None or raw in _ABSENT:
            return None
        try:
            value: T = _decoder(kind).decode(raw)  # type: ignore[arg-type]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Unreadable(self.place(name), f"is not understood: {error}") from None
        return value

    def need(self, name: str, kind: type[T]) -> T:
        """The same for a field that must be there."""
        value = self.take(name, kind)
        if value is None:
            raise Unreadable(self.place(name), "is missing")
        return value

    def take_raw(self, name: str) -> bytes | None:
        """The field's own bytes."""
        raw = self._fields.pop(name, None)
        return None if raw is None or raw in _ABSENT else bytes(raw)

    def take_object(self, name: str) -> Object | None:
        """The field as an object to take apart."""
        raw = self.take_raw(name)
        return None if raw is None else Object(raw, self.place(name))

    def take_objects(self, name: str) -> list[Object] | None:
        """The field as a list of objects."""
        raws = self.take_list(name)
        place = self.place(name)
        return None if raws is None else [Object(raw, f"{place}[{at}]") for at, raw in enumerate(raws)]

    def take_list(self, name: str) -> list[msgspec.Raw] | None:
        """The field as a list of anything."""
        raw = self.take_raw(name)
        if raw is None:
            return None
        try:
            return _decode_list(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unreadable(self.place(name), "is not a list") from None

    def drop(self, *names: str) -> None:
        """Fields that mean nothing to anybody."""
        for name in names:
            self._fields.pop(name, None)

    def rest(self) -> Fields:
        """What nobody took, nulls left out."""
        return {name: raw for name, raw in self._fields.items() if raw not in _ABSENT}


def need_utf8(body: bytes) -> bytes:
    """The body as it is: what is read of it piece by piece is UTF-8 throughout. Raises Unreadable."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise Unreadable("", f"is not UTF-8 (byte {error.start})") from None
    return body


def is_utf8(data: bytes) -> bool:
    """Whether all of it is."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def without_halves(data: bytes) -> bytes:
    """JSON in which escaped halves of characters, which some providers send, are replaced: UTF-8 has none."""
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], data)


def is_text(raw: bytes | msgspec.Raw) -> bool:
    """Whether the JSON value is a string."""
    return bytes(raw).lstrip()[:1] == b'"'


def is_list(raw: bytes | msgspec.Raw) -> bool:
    """Whether the JSON value is a list."""
    return bytes(raw).lstrip()[:1] == b"["


def is_object(raw: bytes | msgspec.Raw) -> bool:
    """Whether the JSON value is an object."""
    return bytes(raw).lstrip()[:1] == b"{"


def plain(raw: bytes | msgspec.Raw) -> Any:
    """The JSON value as Python's own objects. Raises Unreadable."""
    try:
        return _decode_any(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("", f"is not valid JSON: {error}") from None
