"""The content of messages: a string, or a list of parts."""

from __future__ import annotations

import msgspec

from freehold.core.parts import CacheMark, Foreign, Media, Part, Refusal, Text
from freehold.wire.openai_chat.media import MEDIA_TYPES, media_of
from freehold.wire.openai_chat.names import NAME, decode_text, with_inner
from freehold.wire.openai_chat.reasoning import StateReader, thinking_of
from freehold.wire.reading import Object, Unreadable, is_list, is_text


def content_of(message: Object, read_state: StateReader) -> tuple[list[Part], bool]:
    """The parts of the field `content`, and whether it was a bare string."""
    raw = message.take_raw("content")
    place = message.place("content")
    if raw is None:
        return [], False
    if is_text(raw):
        return [Text(text=decode_text(raw, place))], True
    if not is_list(raw):
        raise Unreadable(place, "is neither a string nor a list of parts")
    return parts_of(raw, place, read_state), False


def parts_of(raw: bytes, place: str, read_state: StateReader) -> list[Part]:
    """A list of parts."""
    entries = Object(b'{"content":%b}' % raw).take_list("content") or []
    return [_part(entry, f"{place}[{at}]", read_state) for at, entry in enumerate(entries)]


def _part(raw: msgspec.Raw, place: str, read_state: StateReader) -> Part:
    if is_text(raw):
        return Text(text=decode_text(raw, place))
    part = Object(raw, place)
    kind = part.take("type", str)
    if kind is None:
        kind = next((name for name in ("text", *MEDIA_TYPES) if part.has(name)), "")
    if kind == "text":
        text = Text(text=part.need("text", str), cache=_cache(part))
        text.extra = part.rest()
        return text
    if kind in MEDIA_TYPES:
        return _media(kind, part)
    if kind == "refusal":
        return Refusal(text=part.need("refusal", str), extra=part.rest())
    if kind == "thinking":
        return thinking_of(part, read_state)
    if not kind:
        raise Unreadable(part.place("type"), "is missing")
    return Foreign(dialect=NAME, kind=kind, raw=bytes(raw))


def _media(kind: str, part: Object) -> Media:
    media = media_of(kind, part)
    media.cache = _cache(part)
    part.drop("index")  # a number in an answer's list
    media.extra = with_inner(part.rest(), kind, media.extra)
    return media


def _cache(part: Object) -> CacheMark | None:
    mark = part.take_object("cache_control")
    return None if mark is None else CacheMark(mark.take("ttl", str))
