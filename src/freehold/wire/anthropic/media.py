"""Pictures and documents."""

from __future__ import annotations

import base64
import binascii
import re

import msgspec

from freehold.core.parts import Media, MediaKind
from freehold.wire.anthropic.caching import put_cache, take_cache
from freehold.wire.anthropic.outgoing import Outgoing
from freehold.wire.reading import Object, is_list, is_text, plain

_PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_BEGINNINGS = (
    ("/9j/", "image/jpeg"),
    ("iVBORw0KGgo", "image/png"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi0", "application/pdf"),
)
"""How the base64 of a file begins -> what it is."""
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?[^,]*;base64,(.*)", re.DOTALL)


def decode_media(block: Object, kind: MediaKind) -> Media | None:
    """A block of type `image` or `document`; None when its source is of a kind that nobody here knows."""
    raw = block.take_raw("source")
    source = Object(raw or b"{}", block.place("source"))
    cache, extra = take_cache(block)
    media = Media(kind=kind, cache=cache, name=block.take("title", str))
    form = source.take("type", str)
    if form == "base64":
        media.data, media.mime_type = source.need("data", str), source.take("media_type", str)
    elif form == "url":
        media.url = source.need("url", str)
    elif form == "file":
        media.file_id = source.need("file_id", str)
    elif form == "text":
        media.text, media.mime_type = source.need("data", str), source.take("media_type", str)
    elif form == "content" and raw is not None:
        media.text, media.mime_type = _text_of(source.take_raw("content")), "text/plain"
        extra["source"] = msgspec.Raw(raw)  # the text is for other dialects; here it goes as it came
    else:
        return None
    if source.rest() and raw is not None:
        extra["source"] = msgspec.Raw(raw)
    media.extra = {**extra, **block.rest()}
    return media


def decode_search_result(block: Object, raw: bytes) -> Media:
    """A search result that the client brings along: a document in words, for those who know no such thing."""
    cache, _ = take_cache(block)
    title, text = block.take("title", str), _text_of(block.take_raw("content"))
    return Media(
        kind="document",
        mime_type="text/plain",
        text=text,
        name=title,
        cache=cache,
        extra={"search_result": msgspec.Raw(raw)},
    )


def _text_of(content: bytes | None) -> str:
    """The words of a string or a list of blocks."""
    if content is None:
        return ""
    if is_text(content):
        return str(plain(content))
    blocks = plain(content) if is_list(content) else []
    texts = [block.get("text") for block in blocks if isinstance(block, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def encode_media(media: Media, out: Outgoing) -> object | None:
    """The block; None, a loss, where the dialect has no place for it. Raw JSON where it goes as it came."""
    if media.state is not None:
        out.losses.add("reasoning.state")
    if out.same and "search_result" in media.extra:
        return media.extra["search_result"]
    if media.kind not in ("image", "document") or media.kind not in out.recipient.quirks.input_media:
        out.losses.add(media.kind)
        if media.transcript and media.transcript.strip():
            return {"type": "text", "text": media.transcript}
        return None
    if media.detail not in (None, "auto"):
        out.losses.add("image.detail")
    block: dict[str, object] = {"type": media.kind}
    source = _source_of(media, out)
    if source is not None:
        block["source"] = source
    block.update(out.own(media.extra))
    if "source" not in block:
        return None
    if media.kind == "document" and media.name is not None:
        block.setdefault("title", media.name)  # a picture's name changes nothing: there is no place for it
    put_cache(block, media.cache)
    return block


def _source_of(media: Media, out: Outgoing) -> dict[str, object] | None:  # noqa: PLR0911 - one for each kind
    """Where the bytes are; None, a loss, when the provider could not read them."""
    data, mime_type = media.data, media.mime_type
    if media.url is not None:
        inline = _DATA_URL.fullmatch(media.url)
        if inline is None and media.url.startswith(("https://", "http://")):
            return {"type": "url", "url": media.url}
        if inline is not None:
            data, mime_type = inline[2], mime_type or inline[1]
    if media.file_id is not None:
        if out.same:
            return {"type": "file", "file_id": media.file_id}
        out.losses.add("file")
        return None
    if media.text is not None:
        return {"type": "text", "media_type": "text/plain", "data": media.text}
    if data is not None:
        source = _inline(media.kind, data, mime_type)
        if source is not None or not out.same:
            if source is None:
                out.losses.add(media.kind)
            return source
        return {"type": "base64", "media_type": mime_type, "data": data}
    out.losses.add(media.kind)
    return None


def _inline(kind: MediaKind, data: str, mime_type: str | None) -> dict[str, object] | None:
    found = next((known for beginning, known in _BEGINNINGS if data.startswith(beginning)), None)
    mime_type = (mime_type or found or "").partition(";")[0].strip().lower()
    if mime_type == "image/jpg":
        mime_type = "image/jpeg"
    if mime_type in (_PICTURES if kind == "image" else ("application/pdf",)):
        return {"type": "base64", "media_type": mime_type, "data": data}
    if kind == "document" and (mime_type.startswith("text/") or mime_type in ("", "application/json")):
        try:
            text = base64.b64decode(data, validate=True).decode()
        except (ValueError, binascii.Error):
            return None
        return {"type": "text", "media_type": "text/plain", "data": text}
    return None
