"""How Gemini's JSON is read and written: camelCase on the wire, snake_case accepted, base64 of either alphabet."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from freehold.core.fields import Fields
from freehold.wire.dialect import DialectName
from freehold.wire.reading import Object, Unreadable, is_list

NAME: Final[DialectName] = "gemini"

_SNAKE = re.compile(r"_([a-z0-9])")
_URL_SAFE = str.maketrans("-_", "+/")
_ENUM = re.compile(r"[A-Za-z0-9_]*")

Json = dict[str, Any]


def camel(name: str) -> str:
    """The name as it is on the wire: `top_p` is `topP`."""
    return _SNAKE.sub(lambda found: found[1].upper(), name)


class Camel(Object):
    """An object whose fields may be written in camelCase or snake_case; what is left over comes out in camelCase."""

    __slots__ = ()

    def __init__(self, raw: bytes | msgspec.Raw, path: str = "") -> None:
        super().__init__(raw, path)
        for name in [name for name in self._fields if "_" in name]:
            self._fields.setdefault(camel(name), self._fields.pop(name))

    def take_object(self, name: str) -> Camel | None:
        """The field as an object to take apart."""
        raw = self.take_raw(name)
        return None if raw is None else Camel(raw, self.place(name))

    def take_many(self, name: str) -> list[Camel]:
        """The field as a list of objects; a single object counts as a list of one, an absent field as none."""
        raw = self.take_raw(name)
        place = self.place(name)
        if raw is None:
            return []
        if not is_list(raw):
            return [Camel(raw, place)]
        items = listed(raw, place)
        return [Camel(item, f"{place}[{at}]") for at, item in enumerate(items)]

    def take_number(self, name: str) -> float | None:
        """The field as a number, which proto JSON lets be written as a string too."""
        value = self.take(name, _NUMBER)
        if isinstance(value, str):
            try:
                return float(value)
            except ValueError:
                raise Unreadable(self.place(name), "is not a number") from None
        return value

    def take_whole(self, name: str) -> int | None:
        """The field as a whole number; some SDKs write `40.0`."""
        value = self.take(name, _NUMBER)
        if value is None or isinstance(value, int):
            return value
        try:
            return int(float(value))
        except (ValueError, OverflowError):
            raise Unreadable(self.place(name), "is not a whole number") from None

    def take_enum(self, name: str) -> str | None:
        """The field as one of the wire's words, in capitals; None when it is the unspecified one."""
        word = self.take(name, str)
        if word is None or word.upper().endswith("UNSPECIFIED"):
            return None
        return word.upper() if _ENUM.fullmatch(word) else word


_NUMBER: Any = int | float | str
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
encode = msgspec.json.Encoder().encode


def listed(raw: bytes | msgspec.Raw, place: str) -> list[msgspec.Raw]:
    """The JSON list's items. Raises Unreadable."""
    try:
        return _decode_list(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unreadable(place, "is not a list") from None


def standard_base64(text: str) -> str:
    """Base64 in the standard alphabet, padded: some SDKs send the one for URLs."""
    if "-" in text or "_" in text:
        text = text.translate(_URL_SAFE)
    return text if len(text) % 4 == 0 else text + "=" * (-len(text) % 4)


def inner(name: str, fields: Fields) -> Fields:
    """Fields of the object `name`, to be kept among those of the object that holds it."""
    return {f"{name}.{field}": raw for field, raw in fields.items()}


def spread(target: Json, extra: Fields) -> None:
    """Puts kept fields back in their places; what is there already stays."""
    for name, raw in extra.items():
        outer, dot, field = name.partition(".")
        if dot:
            place = target.setdefault(outer, {})
            if isinstance(place, dict):
                place.setdefault(field, raw)
        else:
            target.setdefault(name, raw)
