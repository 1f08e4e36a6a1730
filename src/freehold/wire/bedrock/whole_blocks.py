"""Blocks of a stream that can only be told whole: what Bedrock ran itself, and pictures."""

from __future__ import annotations

import msgspec

from freehold.core.parts import Foreign, Media
from freehold.wire.bedrock.answer_in import foreign, picture
from freehold.wire.bedrock.stream_events import ToolUseStart
from freehold.wire.reading import Object


class WholeBlock:
    """A block that can only be told whole: it is gathered until it ends."""

    __slots__ = ("pieces", "start", "word")

    def __init__(self, word: str, start: dict[str, msgspec.Raw]) -> None:
        self.word = word
        self.start = start
        self.pieces: list[msgspec.Raw | str] = []


def start_fields(start: ToolUseStart) -> dict[str, msgspec.Raw]:
    """The fields of a call's beginning."""
    return {
        name: msgspec.Raw(msgspec.json.encode(value))
        for name, value in (("toolUseId", start.tool_use_id), ("name", start.name), ("type", start.type))
    }


def raw_fields(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The fields of another block's beginning. Raises Unreadable."""
    return Object(raw, "start").rest()


def told_whole(block: WholeBlock) -> Media | Foreign:
    """The block as it stands in a whole answer."""
    fields: dict[str, object] = dict(block.start)
    word: str | None = None
    if "type" in block.start:
        word = Object(_json(block.start), "start").take("type", str)
    if block.word == "toolUse":
        fields["input"] = _value("".join(piece for piece in block.pieces if isinstance(piece, str)))
    elif block.word == "toolResult":
        fields["content"] = [piece for piece in block.pieces if isinstance(piece, msgspec.Raw)]
    else:
        for piece in block.pieces:
            if isinstance(piece, msgspec.Raw):
                fields |= Object(piece, "delta.image").rest()
        return picture(_json(fields), "image")
    return foreign(block.word, msgspec.Raw(_json(fields)), word)


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _value(text: str) -> object:
    """Arguments as a value; the text itself, when they are none."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return text or {}
    return msgspec.Raw(text.encode())
