"""What Cohere's messages are made of."""

from __future__ import annotations

import base64
import binascii

import msgspec

from freehold.core.parts import Media
from freehold.wire.reading import is_object

Block = dict[str, object]


def content_of(blocks: list[Block]) -> object:
    """A single text as it is, anything else as a list; None when there is nothing."""
    if len(blocks) == 1 and blocks[0].get("type") == "text":
        return blocks[0]["text"]
    return blocks or None


def document_of(text: str) -> Block:
    """A result that is an object as a document with its fields; the text, when it is none."""
    raw = text.encode("utf-8", "replace")
    if is_object(raw):
        try:
            msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            return {"type": "document", "document": {"data": msgspec.Raw(raw)}}
    return {"type": "text", "text": text}


def words_of(media: Media) -> str | None:
    """The words of a document that is plain text."""
    if media.text is not None:
        return media.text
    kind = (media.mime_type or "").split(";", 1)[0]
    if media.data is None or not (kind.startswith("text/") or kind == "application/json"):
        return None
    try:
        return base64.b64decode(media.data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
