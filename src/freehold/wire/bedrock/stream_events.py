"""The events of Converse's streams, as far as they are read."""

from __future__ import annotations

import msgspec

_ABSENT = msgspec.Raw()


class ToolUseStart(msgspec.Struct, rename="camel", gc=False):
    """Of a call: its id and name."""

    tool_use_id: str
    name: str
    type: str | None = None


class Start(msgspec.Struct, rename="camel"):
    """What begins."""

    tool_use: ToolUseStart | None = None
    tool_result: msgspec.Raw = _ABSENT
    image: msgspec.Raw = _ABSENT


class BlockStart(msgspec.Struct, rename="camel"):
    """A block begins."""

    start: Start
    content_block_index: int = 0


class ToolUseDelta(msgspec.Struct, gc=False):
    """More of a call's arguments."""

    input: str = ""


class ReasoningDelta(msgspec.Struct, rename="camel", gc=False):
    """More of reasoning, or what vouches for it, or stands in for it."""

    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class Delta(msgspec.Struct, rename="camel", gc=False):
    """More of a block."""

    text: str | None = None
    tool_use: ToolUseDelta | None = None
    reasoning_content: ReasoningDelta | None = None
    citation: msgspec.Raw = _ABSENT
    tool_result: list[msgspec.Raw] | None = None
    image: msgspec.Raw = _ABSENT


class BlockDelta(msgspec.Struct, rename="camel", gc=False):
    """A block grows."""

    delta: Delta
    content_block_index: int = 0


class BlockStop(msgspec.Struct, rename="camel", gc=False):
    """A block ends."""

    content_block_index: int = 0


class MessageStop(msgspec.Struct, rename="camel"):
    """The answer ends."""

    stop_reason: str
    additional_model_response_fields: msgspec.Raw = _ABSENT


decode_start = msgspec.json.Decoder(BlockStart).decode
decode_delta = msgspec.json.Decoder(BlockDelta).decode
decode_stop = msgspec.json.Decoder(BlockStop).decode
decode_message_stop = msgspec.json.Decoder(MessageStop).decode
