"""What a file is by its first bytes: what a server calls it proves nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"FLV\x01", "video/x-flv"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"\x00\x00\x01\xb3", "video/mpeg"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
)
_FORMS = tuple(
    (re.compile(form, re.DOTALL), kind)
    for form, kind in (
        (rb"RIFF.{4}WEBP", "image/webp"),
        (rb"RIFF.{4}WAVE", "audio/wav"),
        (rb"RIFF.{4}AVI ", "video/x-msvideo"),
        (rb"FORM.{4}AIF[FC]", "audio/aiff"),
        (rb"ID3[\x02-\x04]", "audio/mpeg"),
        (rb"BM.{4}\x00{4}", "image/bmp"),
        (rb"OggS\x00.{0,500}\x80theora", "video/ogg"),
        (rb"OggS\x00", "audio/ogg"),
    )
)
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_ZIPPED = (
    (b"word/", _OFFICE + "wordprocessingml.document"),
    (b"xl/", _OFFICE + "spreadsheetml.sheet"),
    (b"ppt/", _OFFICE + "presentationml.presentation"),
)
_OLD_OFFICE = ("application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint")
_ALIKE = {
    "application/x-ole-storage": _OLD_OFFICE,
    "video/mp4": ("audio/mp4", "audio/x-m4a", "audio/m4a"),
    "video/webm": ("audio/webm", "video/x-matroska", "audio/x-matroska"),
    "image/heif": ("image/heic",),
}
"""What a container's bytes cannot tell apart, and its server's word may."""
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|script)\b", re.IGNORECASE)
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_KINDS: dict[str, tuple[str, ...]] = {
    "image": ("image/*",),
    "audio": ("audio/*",),
    "video": ("video/*",),
    "document": (
        "text/*",
        "application/json",
        "application/xml",
        "application/pdf",
        "application/rtf",
        "application/epub+zip",
        *(kind for _, kind in _ZIPPED),
        *_OLD_OFFICE,
    ),
}
MOST_LOOKED_AT = 64 * 1024
"""Bytes from which a file's kind shows."""


def sniff(data: bytes, declared: str | None = None) -> str | None:
    """The MIME type of `data`, or None. `declared` only tells apart what looks the same: kinds of text, say."""
    declared = _bare(declared)
    for start, kind in _STARTS:
        if data.startswith(start):
            return _precise(kind, declared)
    kind_inside = _in_container(data)
    return _as_text(data, declared) if kind_inside is None else _precise(kind_inside, declared)


def _precise(kind: str, declared: str | None) -> str:
    return declared if declared is not None and declared in _ALIKE.get(kind, ()) else kind


def _in_container(data: bytes) -> str | None:
    for form, kind in _FORMS:
        if form.match(data):
            return kind
    if data[4:8] == b"ftyp" and data[:2] == b"\0\0":
        return _BRANDS.get(data[8:12], "video/mp4")
    if data.startswith(b"PK\x03\x04"):
        return _in_zip(data)
    if len(data) > 3 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        return _sound_frame(data)
    return None


def _in_zip(data: bytes) -> str | None:
    if data[30:58] == b"mimetypeapplication/epub+zip":
        return "application/epub+zip"
    if b"[Content_Types].xml" not in data:
        return None
    return next((kind for folder, kind in _ZIPPED if folder in data), None)


def _sound_frame(data: bytes) -> str | None:
    """MPEG sound without a tag in front: what its first frame's head says has to make sense."""
    version, layer = data[1] >> 3 & 3, data[1] >> 1 & 3
    if layer == 0 and data[1] & 0xF6 == 0xF0:
        return "audio/aac"
    sensible = version != 1 and layer != 0 and data[2] >> 4 not in (0, 15) and data[2] >> 2 & 3 != 3
    return "audio/mpeg" if sensible else None


def _as_text(data: bytes, declared: str | None) -> str | None:
    if not data or _BINARY.search(data):
        return None
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    if _MARKUP.match(data[:MOST_LOOKED_AT]):
        return "text/html"
    if declared is not None and (
        declared.startswith("text/") or declared in ("application/json", "application/xml")
    ):
        return declared
    return "text/plain"


def _bare(declared: str | None) -> str | None:
    """The type without its parameters; None when it is none."""
    bare = (declared or "").partition(";")[0].strip().lower()
    return bare if _TYPE.fullmatch(bare) else None


def fits(mime_type: str, kinds: Iterable[str]) -> bool:
    """Whether a type is among `kinds`: `image`, `audio`, `video`, `document`, or types like `image/png`, `text/*`."""
    for kind in kinds:
        for pattern in _KINDS.get(kind, (kind,)):
            if mime_type == pattern or (pattern.endswith("/*") and mime_type.startswith(pattern[:-1])):
                return True
    return False
