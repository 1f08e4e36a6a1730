"""`data:` URLs: files that are their own address."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from freehold.core.errors import BadRequest

_SPACE = re.compile(rb"[ \t\n\f\r]+")
_MOST_HEAD = 1024
_MOST_ESCAPES = 200_000
"""Each costs an object while it is undone. Base64 has none, and text that needs more is not sent in this way."""


def is_data_url(url: str) -> bool:
    """Whether the URL holds the file itself."""
    return url[:5].lower() == "data:"


def read_data_url(url: str, limit: int) -> tuple[bytes, str | None]:
    """The file and its declared type. Raises BadRequest for what is not such a URL or holds over `limit` bytes."""
    comma = url.find(",", 5, 5 + _MOST_HEAD)
    if comma < 0:
        raise BadRequest("A `data:` URL has no comma in front of its data.")
    # Before anything is decoded: percent-encoded base64 takes at most four characters for a byte, and spaces.
    if len(url) - comma > limit * 4 + _MOST_HEAD or url.count("%", comma) > _MOST_ESCAPES:
        raise too_large(limit)
    head, payload = url[5:comma], url[comma + 1 :]
    kind, _, encoding = head.rpartition(";")
    if encoding.strip().lower() != "base64":
        data = _unescaped(payload)
        declared: str | None = head
    else:
        data = _from_base64(
            unquote_to_bytes(payload) if "%" in payload else payload.encode("utf-8", "replace")
        )
        declared = kind
    if len(data) > limit:
        raise too_large(limit)
    return data, declared or None


def too_large(limit: int) -> BadRequest:
    """A `data:` URL over the limit."""
    return BadRequest(f"A `data:` URL holds more than {limit} bytes.")


def _unescaped(payload: str) -> bytes:
    text = payload.encode("utf-8", "replace")
    return unquote_to_bytes(text) if b"%" in text else text


def _from_base64(text: bytes) -> bytes:
    if not text.isalnum():  # spaces are few and copying is not
        text = _SPACE.sub(b"", text)
    text = text.rstrip(b"=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise BadRequest("A `data:` URL is not valid base64.") from None
