"""The events of a stream as they stand on the wire, typed for quick reading."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from freehold.wire.dialect import NotAnAnswer
from freehold.wire.reading import without_halves

ABSENT = msgspec.Raw(b"")
_NOTHING = tuple(msgspec.Raw(empty) for empty in (b"", b"null", b"[]", b"{}", b'""'))


class FunctionDelta(msgspec.Struct, gc=False):
    """What is new of a function's call; some servers write the arguments as an object."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class CustomDelta(msgspec.Struct, gc=False):
    """The same of a call that takes free text."""

    name: str | None = None
    input: str | None = None


class CallDelta(msgspec.Struct, gc=False):
    """What is new of a tool call."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionDelta | None = None
    custom: CustomDelta | None = None
    extra_content: msgspec.Raw = ABSENT


class AudioDelta(msgspec.Struct, gc=False):
    """What is new of a spoken answer."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: int | None = None


class Delta(msgspec.Struct, gc=False):
    """What is new of a message."""

    content: str | list[msgspec.Raw] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[msgspec.Raw] | None = None
    refusal: str | None = None
    tool_calls: list[CallDelta] | None = None
    function_call: FunctionDelta | None = None
    audio: AudioDelta | None = None
    images: list[msgspec.Raw] | None = None
    annotations: list[msgspec.Raw] | None = None
    extra_content: msgspec.Raw = ABSENT


class ChoiceDelta(msgspec.Struct, gc=False):
    """What is new of a choice."""

    delta: Delta | None = None
    index: int | None = None
    finish_reason: str | None = None
    logprobs: msgspec.Raw = ABSENT
    stop_reason: int | str | None = None
    message: Delta | None = None
    """In place of `delta`, from servers that answer a stream with the whole at once."""


class Groq(msgspec.Struct, gc=False):
    """Groq's own corner."""

    usage: msgspec.Raw = ABSENT


class Chunk(msgspec.Struct, gc=False):
    """One event."""

    choices: list[ChoiceDelta] | None = None
    id: str | None = None
    model: str | None = None
    created: float | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT
    service_tier: str | None = None
    system_fingerprint: str | None = None
    x_groq: Groq | None = None
    object: str | None = None
    citations: msgspec.Raw = ABSENT
    search_results: msgspec.Raw = ABSENT


class PlainDelta(msgspec.Struct, gc=False):
    """What is new of a message: more of a text, of reasoning or of calls, and nothing else."""

    content: str | None = None
    tool_calls: list[CallDelta] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: None = None
    refusal: None = None
    function_call: None = None
    audio: None = None
    images: None = None
    annotations: None = None
    extra_content: None = None


class PlainChoice(msgspec.Struct, gc=False):
    """A choice that goes on."""

    delta: PlainDelta
    index: int = 0
    finish_reason: None = None
    logprobs: None = None
    stop_reason: None = None
    message: None = None


class PlainChunk(msgspec.Struct, gc=False):
    """An event as most of a stream is made of. Who answers is known by then, and not read again."""

    choices: Annotated[list[PlainChoice], msgspec.Meta(min_length=1)]
    usage: None = None
    error: None = None
    x_groq: None = None


_KNOWN = frozenset(Chunk.__struct_fields__) - {"x_groq", "citations", "search_results"} | {"obfuscation"}

_decode = msgspec.json.Decoder(Chunk).decode
_decode_plain = msgspec.json.Decoder(PlainChunk).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def chunk_of(data: bytes) -> Chunk:
    """The event that `data` is. Raises NotAnAnswer."""
    try:
        if not data.isascii():
            data.decode()
        return _decode(data)
    except UnicodeDecodeError as error:
        raise NotAnAnswer(f"an event is not UTF-8 (byte {error.start})") from None
    except (msgspec.DecodeError, RecursionError) as error:
        mended = without_halves(data)
        if mended != data:
            return chunk_of(mended)
        raise NotAnAnswer(f"an event is not understood: {error}") from None


def plain_chunk_of(data: bytes) -> PlainChunk | None:
    """The event that `data` is when it is plain: half the time of `chunk_of`."""
    try:
        if not data.isascii():
            data.decode()
        return _decode_plain(data)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None


def unknown_of(data: bytes) -> dict[str, msgspec.Raw]:
    """The event's fields that nobody here knows."""
    try:
        fields = _decode_fields(data)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return {name: raw for name, raw in fields.items() if name not in _KNOWN and bytes(raw) != b"null"}


def says(raw: msgspec.Raw) -> bool:
    """Whether the field is there and says something."""
    return raw not in _NOTHING


def present(raw: msgspec.Raw) -> bytes | None:
    """The field's bytes; None when it is absent or says nothing."""
    return None if raw in _NOTHING else bytes(raw)
