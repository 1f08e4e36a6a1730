"""The dialect's name, and how values are written in it."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.wire.reading import Object, Unreadable, is_text

NAME = "openai-chat"

Written = dict[str, Any]
"""A JSON object that is being written."""

encode = msgspec.json.Encoder().encode


def packed(fields: Fields) -> msgspec.Raw:
    """The fields as one JSON object."""
    return msgspec.Raw(encode(fields))


def raw(value: object) -> msgspec.Raw:
    """The value as JSON."""
    return msgspec.Raw(encode(value))


def with_inner(outer: Fields, name: str, inner: Fields) -> Fields:
    """Unknown fields of an object and of the object `name` in it, as one: `put_extra` puts each back in its place."""
    return {**outer, name: packed(inner)} if inner else outer


def put_extra(
    written: Written,
    extra: Fields,
    losses: Losses,
    *,
    same_dialect: bool,
    inner: str | None = None,
    loss: str = "field",
) -> None:
    """The unknown fields of something put back, within the dialect; each is a loss elsewhere."""
    for name, value in extra.items():
        if not same_dialect:
            losses.add(loss, name)
        elif name == inner:
            written[name].update(_decode_fields(value))
        else:
            written[name] = value


_decode_fields = msgspec.json.Decoder(Fields).decode


def text_or_object(holder: Object, name: str) -> str | Object:
    """A field that some write as a string and some as an object. Raises Unreadable."""
    value = holder.take_raw(name)
    if value is None:
        raise Unreadable(holder.place(name), "is missing")
    return decode_text(value, holder.place(name)) if is_text(value) else Object(value, holder.place(name))


def decode_text(value: bytes | msgspec.Raw, path: str) -> str:
    """A JSON string. Raises Unreadable."""
    try:
        return _decode_text(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(path, f"is not understood: {error}") from None


_decode_text = msgspec.json.Decoder(str).decode
