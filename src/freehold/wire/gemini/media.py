"""Pictures, sounds, films and documents: `inlineData` and `fileData`."""

from __future__ import annotations

import base64
import re

from freehold.core.losses import Losses
from freehold.core.parts import Media, MediaKind
from freehold.wire.gemini.fields import Camel, Json, inner, standard_base64

_OWN_FILES = re.compile(r"gs://|https://generativelanguage\.googleapis\.com/|files/")
_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^,]*)?;base64,(.*)", re.DOTALL)
_SIGNS = {
    "iVBOR": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi": "application/pdf",
    "SUQz": "audio/mpeg",
}
"""How base64 of some files begins."""
_ENDINGS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "html": "text/html",
    "csv": "text/csv",
    "md": "text/markdown",
}
_DEFAULTS: dict[MediaKind, str] = {
    "image": "image/jpeg",
    "audio": "audio/wav",
    "video": "video/mp4",
    "document": "application/pdf",
}


def kind_of(mime_type: str | None) -> MediaKind:
    """What a file of this type is to a model."""
    family = (mime_type or "").partition("/")[0].lower()
    if family == "image":
        return "image"
    if family == "audio":
        return "audio"
    return "video" if family == "video" else "document"


def inline_in(data: Camel) -> Media:
    """An `inlineData` object."""
    mime_type = data.take("mimeType", str)
    return Media(
        kind=kind_of(mime_type),
        mime_type=mime_type,
        data=standard_base64(data.take("data", str) or ""),
        name=data.take("displayName", str),
        extra=inner("inlineData", data.rest()),
    )


def file_in(data: Camel) -> Media:
    """A `fileData` object."""
    mime_type = data.take("mimeType", str)
    uri = data.take("fileUri", str) or ""
    own = _OWN_FILES.match(uri) is not None
    kind = kind_of(mime_type)
    if mime_type is None and ("youtube.com/" in uri or "youtu.be/" in uri):
        kind = "video"
    return Media(
        kind=kind,
        mime_type=mime_type,
        url=None if own else uri,
        file_id=uri if own else None,
        name=data.take("displayName", str),
        extra=inner("fileData", data.rest()),
    )


def media_out(media: Media, losses: Losses, *, own: bool) -> Json | None:
    """The part that holds `media`, without its signature and extras; None when it cannot be sent, which is a loss."""
    if media.name is not None and not own:
        losses.add("field", "name")
    if media.detail in ("low", "high"):
        losses.add("image.detail")
    if media.url is not None and (found := _DATA_URL.fullmatch(media.url)):
        return _inline(media, found[2], found[1] or media.mime_type, own)
    if media.data is not None:
        return _inline(media, media.data, media.mime_type, own)
    if media.text is not None:
        return _inline(
            media, base64.b64encode(media.text.encode()).decode(), media.mime_type or "text/plain", own
        )
    if media.file_id is not None and not own and not _OWN_FILES.match(media.file_id):
        losses.add("file")
        return {"text": media.transcript} if media.transcript else None
    uri = media.url if media.url is not None else media.file_id
    if uri is None:
        losses.add(media.kind)
        return {"text": media.transcript} if media.transcript else None
    file: Json = {"fileUri": uri}
    mime_type = media.mime_type or (None if own else _guess(uri, media.kind))
    if mime_type:
        file["mimeType"] = mime_type
    if own and media.name is not None:
        file["displayName"] = media.name
    return {"fileData": file}


def _inline(media: Media, data: str, mime_type: str | None, own: bool) -> Json:
    blob: Json = {}
    mime_type = mime_type or (None if own else _sniff(data, media.kind))
    if mime_type:
        blob["mimeType"] = mime_type
    blob["data"] = data
    if own and media.name is not None:
        blob["displayName"] = media.name
    return {"inlineData": blob}


def _sniff(data: str, kind: MediaKind) -> str:
    if kind == "audio" and data.startswith("UklGR"):
        return "audio/wav"
    return next((mime for sign, mime in _SIGNS.items() if data.startswith(sign)), _DEFAULTS[kind])


def _guess(uri: str, kind: MediaKind) -> str:
    path = uri.partition("?")[0].partition("#")[0]
    return _ENDINGS.get(path.rpartition(".")[2].lower(), _DEFAULTS[kind])
