"""Streamed answers of Converse.

A block of text or reasoning begins with its first piece; only calls and what Bedrock ran itself have a beginning of
their own. The usage comes last, after the reason why the model stopped.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from freehold.core.events import (
    Begin,
    Cite,
    End,
    Event,
    Grow,
    PartBegin,
    PartEnd,
    Sign,
    StopSeen,
    UsageSeen,
)
from freehold.core.fields import Fields
from freehold.core.parts import Reasoning, State, Text, ToolCall
from freehold.wire.aws_frames import parse
from freehold.wire.bedrock.answer_in import NAME, split_more
from freehold.wire.bedrock.citations import decode_citation
from freehold.wire.bedrock.errors import failure_of
from freehold.wire.bedrock.stop_reasons import stop_of
from freehold.wire.bedrock.stream_events import (
    ReasoningDelta,
    decode_delta,
    decode_message_stop,
    decode_start,
    decode_stop,
)
from freehold.wire.bedrock.usage import decode_usage
from freehold.wire.bedrock.whole_blocks import WholeBlock, raw_fields, start_fields, told_whole
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.reading import Object, Unreadable, need_utf8


class _Open:
    """A part that has begun."""

    __slots__ = ("grown", "index", "kind", "redacted")

    def __init__(self, kind: str, index: int) -> None:
        self.kind = kind
        self.index = index
        self.grown = False
        self.redacted: list[str] = []


class Decoder:
    """Reads one streamed answer."""

    def __init__(self) -> None:
        self._begun = False
        self._ended = False
        self._stop: StopSeen | None = None
        self._usage: UsageSeen | None = None
        self._beside: Fields = {}
        self._measured = False
        self._parts = 0
        self._open: dict[int, _Open | WholeBlock] = {}

    def read(self, frame: bytes) -> list[Event]:
        """What a message says. Raises NotAnAnswer for what is not of this dialect."""
        message = parse(frame)
        events: list[Event] = []
        if self._ended:
            return events
        if message.failed:
            self._ended = True
            return [failure_of(message)]
        handle = _HANDLERS.get(message.kind)
        if handle is None:
            # A kind of event that came later than this reader; whatever it tells, the answer goes on.
            return events
        if not self._begun:
            self._begun = True
            events.append(Begin(dialect=NAME))
        try:
            handle(self, need_utf8(message.payload), events)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Unreadable) as error:
            raise NotAnAnswer(f"The event `{message.kind}` cannot be read: {error}") from None
        return events

    def finish(self) -> list[Event]:
        """The bytes have ended: an answer that told why it stopped is complete, also without its usage."""
        if self._ended or self._stop is None:
            return []
        self._ended = True
        return [self._stop, End()]

    def _message_start(self, payload: bytes, events: list[Event]) -> None:
        """Nothing but the role, which is always the assistant's."""

    def _block_start(self, payload: bytes, events: list[Event]) -> None:
        read = decode_start(payload)
        start, number = read.start, read.content_block_index
        self._close(number, events)
        if (call := start.tool_use) is not None:
            if call.type in (None, "tool_use"):
                self._begin(number, ToolCall(id=call.tool_use_id, name=call.name), "call", events)
            else:
                self._open[number] = WholeBlock("toolUse", start_fields(call))
        elif start.tool_result:
            self._open[number] = WholeBlock("toolResult", raw_fields(start.tool_result))
        elif start.image:
            self._open[number] = WholeBlock("image", raw_fields(start.image))

    def _block_delta(self, payload: bytes, events: list[Event]) -> None:
        read = decode_delta(payload)
        delta, number = read.delta, read.content_block_index
        opened = self._open.get(number)
        if (text := delta.text) is not None:
            if text:
                self._grow(number, opened, "text", text, events)
        elif (call := delta.tool_use) is not None:
            if isinstance(opened, WholeBlock):
                opened.pieces.append(call.input)
            elif opened is not None and opened.kind == "call":
                if call.input:
                    opened.grown = True
                    events.append(Grow(0, opened.index, call.input))
            else:
                raise NotAnAnswer("A call goes on that never began.")
        elif (thought := delta.reasoning_content) is not None:
            self._think(number, opened, thought, events)
        elif delta.citation:
            cited = decode_citation(Object(delta.citation, "delta.citation"))
            events.append(Cite(0, self._opened(number, opened, "text", events).index, cited))
        elif isinstance(opened, WholeBlock):
            opened.pieces.extend(delta.tool_result or ())
            if delta.image:
                opened.pieces.append(delta.image)

    def _think(
        self, number: int, opened: _Open | WholeBlock | None, thought: ReasoningDelta, events: list[Event]
    ) -> None:
        if thought.text:
            self._grow(number, opened, "reasoning", thought.text, events)
        elif thought.signature:
            part = self._opened(number, opened, "reasoning", events)
            events.append(Sign(0, part.index, State(data=thought.signature, kind="signature")))
        elif thought.redacted_content:
            part = self._opened(number, opened, "reasoning", events)
            part.redacted.append(thought.redacted_content)

    def _grow(
        self, number: int, opened: _Open | WholeBlock | None, kind: str, text: str, events: list[Event]
    ) -> None:
        if type(opened) is _Open and opened.kind == kind:
            events.append(Grow(0, opened.index, text))
        else:
            events.append(Grow(0, self._opened(number, opened, kind, events).index, text))

    def _opened(
        self, number: int, opened: _Open | WholeBlock | None, kind: str, events: list[Event]
    ) -> _Open:
        """The block's part, begun now when it is not."""
        if isinstance(opened, _Open) and opened.kind == kind:
            return opened
        if opened is not None:
            self._close(number, events)
        return self._begin(number, Text() if kind == "text" else Reasoning(), kind, events)

    def _begin(self, number: int, part: Text | Reasoning | ToolCall, kind: str, events: list[Event]) -> _Open:
        opened = _Open(kind, self._parts)
        self._open[number] = opened
        self._parts += 1
        events.append(PartBegin(0, opened.index, part))
        return opened

    def _block_stop(self, payload: bytes, events: list[Event]) -> None:
        self._close(decode_stop(payload).content_block_index, events)

    def _close(self, number: int, events: list[Event]) -> None:
        opened = self._open.pop(number, None)
        if opened is None:
            return
        if isinstance(opened, WholeBlock):
            events += (PartBegin(0, self._parts, told_whole(opened)), PartEnd(0, self._parts))
            self._parts += 1
            return
        if opened.kind == "call" and not opened.grown:
            # A call without arguments has no piece of them; whoever reads on waits for one.
            events.append(Grow(0, opened.index, "{}"))
        if opened.redacted:
            events.append(Sign(0, opened.index, State(data=_joined(opened.redacted), kind="redacted")))
        events.append(PartEnd(0, opened.index))

    def _message_stop(self, payload: bytes, events: list[Event]) -> None:
        read = decode_message_stop(payload)
        for number in list(self._open):
            self._close(number, events)
        sequence, extra = split_more(read.additional_model_response_fields)
        self._stop = StopSeen(0, stop_of(read.stop_reason, sequence), extra)
        self._end(events)

    def _metadata(self, payload: bytes, events: list[Event]) -> None:
        told = Object(payload, "metadata")
        raw = told.take_raw("usage")
        if raw is not None:
            self._usage = UsageSeen(decode_usage(raw), raw)
        tier = told.take_object("serviceTier")
        kind = None if tier is None else tier.take("type", str)
        # How long it took is measured by ourselves, for every provider in the same way; `p` only hides the length.
        told.drop("metrics", "p")
        self._beside = told.rest()
        if kind not in (None, "default"):  # which nobody has to be told that did not ask for another
            self._beside["serviceTier"] = msgspec.Raw(msgspec.json.encode(kind))
        self._measured = True
        self._end(events)

    def _end(self, events: list[Event]) -> None:
        """What Bedrock tells beside the answer comes last, and is told with the reason why the model stopped."""
        if self._stop is None or not self._measured:
            return
        self._stop.extra |= self._beside
        events.append(self._stop)
        if self._usage is not None:
            events.append(self._usage)
        events.append(End())
        self._ended = True


_HANDLERS = {
    "contentBlockDelta": Decoder._block_delta,
    "contentBlockStart": Decoder._block_start,
    "contentBlockStop": Decoder._block_stop,
    "messageStart": Decoder._message_start,
    "messageStop": Decoder._message_stop,
    "metadata": Decoder._metadata,
}


def _joined(pieces: list[str]) -> str:
    """Base64 in pieces, each of which may be padded."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece, validate=True) for piece in pieces)).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)
