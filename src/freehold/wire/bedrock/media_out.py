"""Pictures, sounds, films and documents for Converse: bytes within the request, or in a bucket of S3."""

from __future__ import annotations

import base64
import re

from freehold.core.losses import Losses
from freehold.core.parts import Media
from freehold.wire.bedrock.names import DocumentNames
from freehold.wire.dialect import Quirks

Block = dict[str, object]

_FORMATS: dict[str, dict[str, str]] = {
    "image": {
        "image/gif": "gif",
        "image/jpeg": "jpeg",
        "image/jpg": "jpeg",
        "image/png": "png",
        "image/webp": "webp",
    },
    "audio": {
        "audio/aac": "aac",
        "audio/flac": "flac",
        "audio/m4a": "m4a",
        "audio/mp3": "mp3",
        "audio/mp4": "mp4",
        "audio/mpeg": "mp3",
        "audio/ogg": "ogg",
        "audio/opus": "opus",
        "audio/pcm": "pcm",
        "audio/wav": "wav",
        "audio/wave": "wav",
        "audio/webm": "webm",
        "audio/x-aac": "x-aac",
        "audio/x-m4a": "m4a",
        "audio/x-matroska": "mka",
        "audio/x-wav": "wav",
    },
    "video": {
        "video/3gpp": "three_gp",
        "video/mp4": "mp4",
        "video/mpeg": "mpeg",
        "video/quicktime": "mov",
        "video/webm": "webm",
        "video/x-flv": "flv",
        "video/x-matroska": "mkv",
        "video/x-ms-wmv": "wmv",
    },
    "document": {
        "application/msword": "doc",
        "application/pdf": "pdf",
        "application/vnd.ms-excel": "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "text/csv": "csv",
        "text/html": "html",
        "text/markdown": "md",
        "text/plain": "txt",
    },
}
_BEGINNINGS = (
    ("iVBOR", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi", "application/pdf"),
)
"""How base64 of common kinds begins, for media that came without their type."""
_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^,;]*)*;base64,(.*)", re.DOTALL)
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,5})$")
_EXTENSIONS = {"jpg": "jpeg", "htm": "html", "text": "txt", "3gp": "three_gp", "markdown": "md"}


class MediaWriter:
    """Writes the media of one request."""

    def __init__(self, quirks: Quirks, dialect: str, losses: Losses) -> None:
        self._kinds = quirks.input_media
        self._dialect = dialect
        self._losses = losses
        self._names = DocumentNames()

    def block(self, media: Media) -> Block | None:
        """The content block; None, and a loss, where there is none for it."""
        if media.kind not in self._kinds:
            return self._lost(media.kind)
        if media.file_id is not None:
            return self._lost("file")
        source, mime_type = _source(media)
        form = _format(media, mime_type)
        if source is None or form is None:
            return self._lost(media.kind)
        if media.detail not in (None, "auto"):
            self._losses.add("image.detail")
        if media.transcript is not None:
            self._losses.add("field", "transcript")
        if media.state is not None:
            self._losses.add("reasoning.state")
        block: Block = {"format": form, "source": source}
        if media.kind == "document":
            block["name"] = self._names.name_for(media.name)
        elif media.name is not None:
            self._losses.add("field", "name")
        return {media.kind: block | self._extras(media)}

    def _extras(self, media: Media) -> Block:
        """Claude's own fields of documents have the same names and forms here."""
        kept: Block = {}
        for name, raw in media.extra.items():
            if (
                self._dialect == "anthropic-messages"
                and media.kind == "document"
                and name in ("citations", "context")
            ):
                kept[name] = raw
            else:
                self._losses.add("field", name)
        return kept

    def _lost(self, name: str) -> Block | None:
        self._losses.add(name)
        return None


def _source(media: Media) -> tuple[Block | None, str | None]:
    """Where the bytes are, and what they are."""
    if media.data is not None:
        return ({"bytes": media.data} if media.data else None), media.mime_type
    if media.text is not None:
        data = base64.b64encode(media.text.encode("utf-8", "replace")).decode()
        return ({"bytes": data} if data else None), media.mime_type or "text/plain"
    url = media.url or ""
    if found := _DATA_URL.fullmatch(url):
        return ({"bytes": found[2]} if found[2] else None), media.mime_type or found[1]
    if url.startswith("s3://"):
        return {"s3Location": {"uri": url}}, media.mime_type
    return None, None


def _format(media: Media, mime_type: str | None) -> str | None:
    formats = _FORMATS[media.kind]
    if not mime_type and media.data:
        mime_type = next((kind for start, kind in _BEGINNINGS if media.data.startswith(start)), None)
    if mime_type:
        plain = mime_type.split(";", 1)[0].strip().lower()
        if plain in formats:
            return formats[plain]
        if media.kind == "document" and plain.startswith("text/"):
            return "txt"
        if media.kind == "document" and plain == "application/json":
            return "txt"
    named = _EXTENSION.search(media.name or media.url or "")
    word = named[1].lower() if named else ""
    word = _EXTENSIONS.get(word, word)
    return word if word in formats.values() else None
