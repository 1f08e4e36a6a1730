"""The content of messages and of tools' results, read into parts."""

from __future__ import annotations

import re

import msgspec

from freehold.core.parts import Foreign, Media, Part, Refusal, Text
from freehold.wire.reading import Object, Unreadable, is_text
from freehold.wire.responses.citations import read_citation
from freehold.wire.responses.vocabulary import CONTENT, NAME

_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*);base64,", re.IGNORECASE)
_SOUNDS = {"mp3": "audio/mpeg", "wav": "audio/wav"}
_ALONE = ("input_", "output_")
"""What types of parts begin with, and types of items do not."""

_decode_text = msgspec.json.Decoder(str).decode


def read_content(owner: Object, name: str = "content") -> tuple[list[Part], bool]:
    """The parts of a field that is a string or a list, and whether it was a string. Raises Unreadable."""
    raw = owner.take_raw(name)
    if raw is None:
        return [], False
    if is_text(raw):
        return [Text(text=_decode_text(raw))], True
    place = owner.place(name)
    return [read_part(one, f"{place}[{at}]") for at, one in enumerate(_list(raw, place))], False


def _list(raw: bytes, path: str) -> list[msgspec.Raw]:
    try:
        return msgspec.json.decode(raw, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        raise Unreadable(path, "is neither a string nor a list of parts") from None


def read_part(raw: msgspec.Raw, path: str) -> Text | Refusal | Media | Foreign:
    """One part of a content. What is of no known type is Foreign."""
    if is_text(raw):
        return Text(text=_decode_text(raw))
    part = Object(raw, path)
    kind = part.take("type", str) or ""
    if kind in ("input_text", "output_text", "text"):
        return _text(part)
    if kind == "refusal":
        return Refusal(text=part.take("refusal", str) or "", extra=part.rest())
    media: Media | None = None
    if kind == "input_image":
        media = _image(part)
    elif kind == "input_file":
        media = _file(part)
    elif kind == "input_audio":
        media = _sound(part)
    if media is not None:
        return media
    return Foreign(dialect=NAME, kind=kind if kind.startswith(_ALONE) else f"{CONTENT}{kind}", raw=bytes(raw))


def _text(part: Object) -> Text:
    place = part.place("annotations")
    annotations = part.take_list("annotations") or ()
    # They are of the answer; nobody reads them in a conversation, and in an answer they are the choice's.
    part.drop("logprobs")
    return Text(
        text=part.take("text", str) or "",
        citations=[read_citation(one, f"{place}[{at}]") for at, one in enumerate(annotations)],
        extra=part.rest(),
    )


def _image(part: Object) -> Media | None:
    url, file_id = part.take("image_url", str), part.take("file_id", str)
    detail = part.take("detail", str)
    if url is not None:
        mime_type, data = _opened(url)
        url = None if data is not None else url
        return Media(kind="image", mime_type=mime_type, data=data, url=url, detail=detail, extra=part.rest())
    if file_id is not None:
        return Media(kind="image", file_id=file_id, detail=detail, extra=part.rest())
    return None


def _file(part: Object) -> Media | None:
    data, url = part.take("file_data", str), part.take("file_url", str)
    file_id, name = part.take("file_id", str), part.take("filename", str)
    detail = part.take("detail", str)
    mime_type = None
    if data is not None:
        mime_type, opened = _opened(data)
        data = data if opened is None else opened
        url = file_id = None
    elif file_id is not None:
        url = None
    elif url is None:
        return None
    return Media(
        kind="document",
        mime_type=mime_type,
        data=data,
        url=url,
        file_id=file_id,
        name=name,
        detail=detail,
        extra=part.rest(),
    )


def _sound(part: Object) -> Media | None:
    sound = part.take_object("input_audio")
    if sound is None:
        return None
    data, form = sound.take("data", str), sound.take("format", str)
    if data is None:
        return None
    mime_type = None if form is None else _SOUNDS.get(form, f"audio/{form}")
    return Media(kind="audio", mime_type=mime_type, data=data, extra={**part.rest(), **sound.rest()})


def _opened(url: str) -> tuple[str | None, str | None]:
    """Type and base64 of a data URL; nothing of any other."""
    found = _DATA_URL.match(url)
    if found is None:
        return None, None
    return (found.group(1) + found.group(2)) or None, url[found.end() :]
