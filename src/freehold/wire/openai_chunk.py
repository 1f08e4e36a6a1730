"""One event of a stream in OpenAI's form: the plain is read quickly, the usual fully, the odd mildly."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from freehold.wire.openai_answer import ABSENT, present
from freehold.wire.openai_usage import UNREADABLE
from freehold.wire.reading import without_halves


class Chunk(msgspec.Struct, gc=False):
    """What an event says."""

    writes: bool
    """It carries text, reasoning, a refusal, a tool call, sound or a picture."""
    plain: bool
    """It has choices, and does nothing but go on with them."""
    only_usage: bool
    """It has usage and no choices."""
    stop_reason: str | None
    choices: tuple[int, ...]
    """Indexes of its choices."""
    stopped: tuple[int, ...]
    """Indexes of those that end with it."""
    model: str | None
    usage: bytes | None
    error: bytes | None


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[msgspec.Raw] | None = None
    refusal: str | None = None
    tool_calls: list[msgspec.Raw] | None = None
    function_call: None = None
    audio: None = None
    images: None = None


class _Choice(msgspec.Struct):
    index: int | None = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _OddChoice(msgspec.Struct):
    index: Any = 0
    delta: msgspec.Raw = ABSENT
    finish_reason: str | None = None


class _GroqExtension(msgspec.Struct):
    usage: msgspec.Raw = ABSENT


class _Event(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT
    model: str | None = None
    x_groq: _GroqExtension | None = None
    """Where Groq puts the usage as well, and for some models only there."""


class _OddEvent(msgspec.Struct):
    """An event that differs in its details, which the client may know what to do with."""

    choices: list[_OddChoice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


class _PlainCall(msgspec.Struct, gc=False):
    extra_content: None = None


class _PlainDetail(msgspec.Struct, gc=False):
    signature: None = None
    data: None = None


class _PlainDelta(msgspec.Struct, gc=False):
    """Without reasoning state in any of the places that `openai_chat.state` lists: what has some is not plain."""

    content: str | None = None
    reasoning_details: list[_PlainDetail] | None = None
    tool_calls: list[_PlainCall] | None = None
    extra_content: None = None


class _PlainChoice(msgspec.Struct, gc=False):
    index: Literal[0] = 0
    """Where there are several choices, each event is read fully: which of them end is to be known."""
    finish_reason: None = None
    delta: _PlainDelta | None = None


class _PlainEvent(msgspec.Struct, gc=False):
    choices: Annotated[list[_PlainChoice], msgspec.Meta(min_length=1)]
    usage: None = None
    error: None = None
    x_groq: None = None


_decode = msgspec.json.Decoder(_Event).decode
_decode_odd = msgspec.json.Decoder(_OddEvent).decode
_decode_plain = msgspec.json.Decoder(list[_PlainEvent]).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_WRITTEN = frozenset(_Delta.__struct_fields__)
_EMPTY = frozenset({b"null", b'""', b"[]", b"{}"})


def read_plain_chunks(events: bytes) -> int | None:
    """How many events the JSON list `events` holds; None unless all are plain."""
    try:
        return len(_decode_plain(events))
    except UNREADABLE:
        return None


def read_chunk(data: bytes) -> Chunk:
    """What the event with `data` says. Raises one of UNREADABLE."""
    try:
        event = _decode(data)
    except UNREADABLE:
        return _read_odd(data)
    usage = present(event.usage)
    if usage is None and event.x_groq is not None:
        usage = present(event.x_groq.usage)
    writes = False
    for choice in event.choices or ():
        delta = choice.delta
        if delta is not None and not writes:
            writes = bool(
                delta.content
                or delta.tool_calls
                or delta.reasoning_content
                or delta.reasoning
                or delta.refusal
                or delta.reasoning_details
            )
    return _chunk(event, writes, event.model or None, usage)


def _read_odd(data: bytes) -> Chunk:
    event = _decode_odd(without_halves(data))
    writes = any(_writes(choice.delta) for choice in event.choices or ())
    return _chunk(event, writes, None, present(event.usage))


def _writes(delta: msgspec.Raw) -> bool:
    try:
        fields = _decode_fields(delta)
    except UNREADABLE:
        return False
    return any(name in _WRITTEN and bytes(value) not in _EMPTY for name, value in fields.items())


def _chunk(event: _Event | _OddEvent, writes: bool, model: str | None, usage: bytes | None) -> Chunk:
    error = present(event.error)
    choices: list[int] = []
    stopped: list[int] = []
    stop_reason = None
    for choice in event.choices or ():
        index = choice.index if isinstance(choice.index, int) else 0
        choices.append(index)
        if choice.finish_reason is not None:
            stopped.append(index)
            stop_reason = choice.finish_reason
    return Chunk(
        writes=writes,
        plain=bool(event.choices) and stop_reason is None and usage is None and error is None,
        only_usage=usage is not None and not event.choices,
        stop_reason=stop_reason,
        choices=tuple(choices),
        stopped=tuple(stopped),
        model=model,
        usage=usage,
        error=error,
    )
