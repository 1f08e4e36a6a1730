"""Streamed answers of providers."""

from __future__ import annotations

import msgspec

from freehold.core.events import (
    Begin,
    Cite,
    End,
    ErrorSeen,
    Event,
    Grow,
    PartBegin,
    PartEnd,
    Sign,
    StopSeen,
    UsageSeen,
)
from freehold.core.fields import Fields
from freehold.core.parts import Foreign, State, ToolCall
from freehold.wire.anthropic.answer_in import tier_of
from freehold.wire.anthropic.citations import decode_citation
from freehold.wire.anthropic.content_in import decode_block
from freehold.wire.anthropic.errors import read_error, status_of
from freehold.wire.anthropic.foreign import Gathered
from freehold.wire.anthropic.naming import NAME
from freehold.wire.anthropic.stops import decode_stop
from freehold.wire.anthropic.usage import decode_usage
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.reading import Object, Unreadable, need_utf8
from freehold.wire.sse import data_of

_ABSENT = msgspec.Raw(b"")
_NULLS = (b"", b"null")


class _Delta(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    citation: msgspec.Raw = _ABSENT
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Frame(msgspec.Struct, gc=False):
    type: str | None = None
    index: int = 0
    delta: _Delta | None = None
    content_block: msgspec.Raw = _ABSENT
    message: msgspec.Raw = _ABSENT
    usage: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


_decode_frame = msgspec.json.Decoder(_Frame).decode
_decode_fields = msgspec.json.Decoder(Fields).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Unreadable)


class _Open:
    """A block that is being written."""

    __slots__ = ("begun", "foreign", "input", "part")

    def __init__(self, part: int, begun: str, foreign: Gathered | None) -> None:
        self.part = part
        self.input = begun
        """Of a call: what its beginning held, in case nothing follows."""
        self.begun = False
        """Whether anything of a call's input has come."""
        self.foreign = foreign


class MessageReader:
    """Reads one streamed answer."""

    def __init__(self) -> None:
        self._id: str | None = None
        self._started = self._over = self._stopped = False
        self._open: dict[int, _Open] = {}
        self._parts = 0
        self._usage: Fields = {}

    def read(self, frame: bytes) -> list[Event]:  # noqa: PLR0911 - one for each kind
        """What a frame says. Raises NotAnAnswer for what is not of this dialect."""
        data = data_of(frame)
        if not data or self._over or data == b"[DONE]":
            return []
        try:
            told = _decode_frame(need_utf8(data))
            kind = told.type
            if kind == "content_block_delta":
                return self._grow(told, data)
            if kind == "content_block_start":
                return self._start_block(told)
            if kind == "content_block_stop":
                block = self._open.pop(told.index, None)
                return [] if block is None else self._close(block)
            if kind == "message_delta":
                return self._end_message(told, data)
            if kind == "message_start":
                return self._start_message(told)
            if kind == "message_stop":
                return self._stop()
            if kind == "error" or told.error is not _ABSENT:
                return self._fail(bytes(told.error))
        except _UNREADABLE as error:
            raise NotAnAnswer(f"A frame is not understood: {error}") from None
        if kind is None:
            raise NotAnAnswer("A frame has no type.")
        return []  # a ping, or an event that was added to the dialect later: clients are told to expect those

    def finish(self) -> list[Event]:
        """The bytes have ended. All that was said has been passed on already."""
        return []

    def _start_message(self, told: _Frame) -> list[Event]:
        message = Object(told.message, "message")
        named = message.take("id", str)
        if self._started:
            if named == self._id:
                return []  # some gateways say it twice
            raise NotAnAnswer("Another message begins within the stream: two answers were spliced into one.")
        self._started, self._id = True, named
        usage = message.take_raw("usage")
        model = message.take("model", str)
        message.drop("type", "role", "content", "stop_reason", "stop_sequence", "stop_details")
        begin = Begin(id=named, model=model, service_tier=tier_of(usage), extra=message.rest(), dialect=NAME)
        return [begin, *self._see_usage(usage)]

    def _see_usage(self, raw: bytes | None) -> list[Event]:
        """Counts are totals so far: each replaces the one of its name, and the others stand."""
        if raw is None or raw in _NULLS:
            return []
        told = {name: count for name, count in _decode_fields(raw).items() if bytes(count) != b"null"}
        self._usage.update(told)
        merged = msgspec.json.encode(self._usage)
        return [UsageSeen(decode_usage(merged), merged)]

    def _start_block(self, told: _Frame) -> list[Event]:
        if told.index in self._open:
            raise NotAnAnswer(f"The content block {told.index} begins twice.")
        events: list[Event] = []
        if not self._started:
            self._started = True
            events.append(Begin(dialect=NAME))
        part = decode_block(told.content_block, "content_block", sealed=False)
        if isinstance(part, Foreign):
            self._open[told.index] = _Open(-1, "", Gathered(part))
            return events  # told when it is whole
        begun = ""
        if isinstance(part, ToolCall):
            begun, part.arguments = part.arguments, ""
        self._open[told.index] = _Open(self._parts, begun, None)
        events.append(PartBegin(0, self._parts, part))
        self._parts += 1
        return events

    def _grow(self, told: _Frame, data: bytes) -> list[Event]:
        block, delta = self._open.get(told.index), told.delta
        if block is None or delta is None:
            raise NotAnAnswer(f"The content block {told.index} has not begun.")
        if block.foreign is not None:
            block.foreign.add(_decode_fields(_decode_fields(data)["delta"]))
            return []
        text = delta.text or delta.partial_json or delta.thinking
        if text:
            block.begun = True
            return [Grow(0, block.part, text)]
        if delta.signature:
            return [Sign(0, block.part, State(data=delta.signature, kind="signature"))]
        if delta.type == "citations_delta" and delta.citation is not _ABSENT:
            return [Cite(0, block.part, decode_citation(delta.citation))]
        return []

    def _close(self, block: _Open) -> list[Event]:
        if block.foreign is not None:
            at, self._parts = self._parts, self._parts + 1
            return [PartBegin(0, at, block.foreign.whole()), PartEnd(0, at)]
        if block.input and not block.begun:
            return [Grow(0, block.part, block.input), PartEnd(0, block.part)]
        return [PartEnd(0, block.part)]

    def _end_message(self, told: _Frame, data: bytes) -> list[Event]:
        begin: list[Event] = [] if self._started else [Begin(dialect=NAME)]
        self._started = True
        usage = self._see_usage(bytes(told.usage))
        delta = told.delta
        stop = decode_stop(delta.stop_reason, delta.stop_sequence) if delta is not None else None
        if stop is None or self._stopped:
            return [*begin, *usage]
        self._stopped = True
        rest = Object(data)
        change = rest.take_object("delta")
        rest.drop("type", "usage")
        extra = rest.rest()
        if change is not None:
            change.drop("stop_reason", "stop_sequence")
            extra.update(change.rest())
        return [*begin, *self._close_all(), StopSeen(0, stop, extra), *usage]

    def _close_all(self) -> list[Event]:
        events = [event for block in self._open.values() for event in self._close(block)]
        self._open.clear()
        return events

    def _stop(self) -> list[Event]:
        self._over = True
        begin: list[Event] = [] if self._started else [Begin(dialect=NAME)]
        return [*begin, *self._close_all(), End()]

    def _fail(self, raw: bytes) -> list[Event]:
        self._over = True
        raw = raw if raw.startswith(b"{") else b"{}"
        message, kind = read_error(raw)
        return [ErrorSeen(raw=raw, message=message, kind=kind, status=status_of(kind))]
