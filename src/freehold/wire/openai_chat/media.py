"""Pictures, sounds, films and documents as parts of messages."""

from __future__ import annotations

import base64
import re

from freehold.core.losses import Losses
from freehold.core.parts import Media, MediaKind
from freehold.wire.openai_chat.names import Written, text_or_object
from freehold.wire.reading import Object, Unreadable

_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,", re.IGNORECASE)
_SOUND_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
_SOUND_FORMATS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
}
_BEGINNINGS = {"iVBOR": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp"}
"""Of pictures in base64."""
_DETAILS = ("auto", "low", "high", "original")

MEDIA_TYPES: dict[str, MediaKind] = {
    "image_url": "image",
    "video_url": "video",
    "audio_url": "audio",
    "document_url": "document",
    "input_audio": "audio",
    "file": "document",
}
"""Types of parts that hold media. OpenAI's own are `image_url`, `input_audio` and `file`."""


def media_of(kind: str, part: Object) -> Media:
    """The part of the type `kind`, which is one of MEDIA_TYPES."""
    if kind == "input_audio":
        return _sound(part)
    if kind == "file":
        return _file(part)
    media = Media(kind=MEDIA_TYPES[kind])
    held = text_or_object(part, kind)
    if isinstance(held, str):
        _put_url(media, held)
    else:
        _put_url(media, held.need("url", str))
        media.detail = held.take("detail", str)
        media.extra = held.rest()
    if kind == "document_url":
        media.name = part.take("document_name", str)
    return media


def _sound(part: Object) -> Media:
    media = Media(kind="audio")
    held = text_or_object(part, "input_audio")
    if isinstance(held, str):  # Mistral's form: an address, or base64
        _put_data(media, held)
        return media
    form = held.take("format", str)
    _put_data(media, held.need("data", str))
    if media.mime_type is None and form is not None:
        media.mime_type = _SOUND_TYPES.get(form, f"audio/{form}")
    media.extra = held.rest()
    return media


def _file(part: Object) -> Media:
    held = part.take_object("file")
    if held is None:
        raise Unreadable(part.place("file"), "is missing")
    media = Media(kind="document", name=held.take("filename", str))
    data = held.take("file_data", str)
    if data is not None:
        _put_data(media, data)
        media.kind = kind_of(media.mime_type)
    else:
        media.file_id = held.need("file_id", str)
    media.extra = held.rest()
    return media


def kind_of(mime_type: str | None) -> MediaKind:
    """What a file with this type is."""
    kind = (mime_type or "").partition("/")[0]
    return kind if kind in ("image", "audio", "video") else "document"  # type: ignore[return-value]


def _put_data(media: Media, data: str) -> None:
    if data.startswith(("http://", "https://", "data:")):
        _put_url(media, data)
    else:
        media.data = data


def _put_url(media: Media, url: str) -> None:
    if url[:5].lower() != "data:":
        media.url = url
        return
    head = _DATA_URL.match(url)
    if head is None or not head.group(3):
        media.url = url  # not base64: left to whoever can read it
        return
    media.mime_type = head.group(1) or None
    media.data = url[head.end() :]


def picture_of(media: Media) -> Written:
    """A picture as an `image_url` part."""
    return {"type": "image_url", "image_url": {"url": _url_of(media)}}


def _url_of(media: Media) -> str:
    if media.data is None:
        return media.url or ""
    mime_type = media.mime_type
    if mime_type is None:
        mime_type = next((kind for begin, kind in _BEGINNINGS.items() if media.data.startswith(begin)), None)
    return f"data:{mime_type or _DEFAULT_TYPES[media.kind]};base64,{media.data}"


_DEFAULT_TYPES: dict[MediaKind, str] = {
    "image": "image/png",
    "audio": "audio/wav",
    "video": "video/mp4",
    "document": "application/pdf",
}


def part_of(media: Media, losses: Losses, documents: str, *, same_dialect: bool) -> Written | None:
    """The part of a user's message; None, and a loss, when there is no form for it. For `documents` see Quirks."""
    if media.file_id is not None:
        # Only documents may be named by the id of a file, which one provider alone has.
        if same_dialect and media.kind == "document":
            return {"type": "file", "file": {"file_id": media.file_id, **_named(media)}}
        losses.add("file")
        return None
    if media.transcript is not None or (media.name is not None and media.kind in ("image", "video")):
        losses.add("field", "transcript" if media.transcript is not None else "name")
    if media.kind in ("image", "video"):
        return _picture(media, losses, same_dialect=same_dialect)
    if media.kind == "audio":
        return _sound_part(media, losses, same_dialect=same_dialect)
    if documents == "document_url" and media.text is None:
        name = {} if media.name is None else {"document_name": media.name}
        return {"type": "document_url", "document_url": _url_of(media), **name}
    return _document(media, losses, same_dialect=same_dialect)


def _picture(media: Media, losses: Losses, *, same_dialect: bool) -> Written:
    if media.kind == "video":
        return {"type": "video_url", "video_url": {"url": _url_of(media)}}
    written = picture_of(media)
    if media.detail is not None:
        if same_dialect or media.detail in _DETAILS:
            written["image_url"]["detail"] = media.detail
        else:
            losses.add("image.detail")
    return written


def _sound_part(media: Media, losses: Losses, *, same_dialect: bool) -> Written | None:
    if media.data is not None:
        form = _SOUND_FORMATS.get(media.mime_type or "audio/wav")
        form = form or (media.mime_type or "").partition("/")[2].partition(";")[0]
        return {"type": "input_audio", "input_audio": {"data": media.data, "format": form}}
    if same_dialect and media.url is not None:
        return {"type": "audio_url", "audio_url": {"url": media.url}}
    losses.add("audio")
    return None


def _document(media: Media, losses: Losses, *, same_dialect: bool) -> Written | None:
    if media.text is not None:
        data = base64.b64encode(media.text.encode()).decode()
        if same_dialect:
            return {"type": "file", "file": {"file_data": f"data:text/plain;base64,{data}", **_named(media)}}
        return {"type": "text", "text": f"{media.name}\n\n{media.text}" if media.name else media.text}
    if media.data is not None:
        named = _named(media) or ({} if same_dialect else {"filename": "document.pdf"})
        return {"type": "file", "file": {"file_data": _url_of(media), **named}}
    if same_dialect and media.url is not None:
        return {"type": "file", "file": {"file_data": media.url, **_named(media)}}
    losses.add("document")
    return None


def _named(media: Media) -> Written:
    return {} if media.name is None else {"filename": media.name}
