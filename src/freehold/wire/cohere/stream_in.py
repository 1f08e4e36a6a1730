"""Streamed answers of Cohere's chat.

The plan for calls comes in pieces without a beginning or an end; a text's citations may come when its words are over,
so a part is ended only when the next one begins.
"""

from __future__ import annotations

import msgspec

from freehold.core.events import (
    Begin,
    Cite,
    End,
    ErrorSeen,
    Event,
    Grow,
    LogProbs,
    PartBegin,
    PartEnd,
    StopSeen,
    UsageSeen,
)
from freehold.core.parts import Part, Reasoning, Text, ToolCall
from freehold.wire.cohere import logprobs
from freehold.wire.cohere.answer_in import NAME, PLAN
from freehold.wire.cohere.citations import decode_citations
from freehold.wire.cohere.stop_reasons import stop_of
from freehold.wire.cohere.stream_events import (
    CitationEnd,
    CitationStart,
    ContentDelta,
    ContentEnd,
    ContentStart,
    Debug,
    MessageEnd,
    MessageStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolPlanDelta,
    decode_event,
    decode_untyped,
)
from freehold.wire.cohere.usage import decode_usage
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.reading import Object, Unreadable, need_utf8
from freehold.wire.sse import data_of


class Decoder:
    """Reads one streamed answer."""

    def __init__(self) -> None:
        self._begun = False
        self._id: str | None = None
        self._ended = False
        self._parts = 0
        self._kind = ""
        """Of the part that is open: `text`, `thinking`, `plan`, `call`; empty when none is."""
        self._grown = False

    def read(self, frame: bytes) -> list[Event]:
        """What an event says. Raises NotAnAnswer for what is not of this dialect."""
        data = data_of(frame)
        if data is None or self._ended or data == b"[DONE]":
            return []
        events: list[Event] = []
        try:
            self._take(need_utf8(data), events)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Unreadable) as error:
            raise NotAnAnswer(f"The event cannot be read: {error}") from None
        return events

    def finish(self) -> list[Event]:
        """The bytes have ended. The answer says itself when it is complete."""
        return []

    def _take(self, data: bytes, events: list[Event]) -> None:
        try:
            event = decode_event(data)
        except msgspec.ValidationError:
            self._take_untyped(data, events)
            return
        if type(event) is ContentDelta:
            self._content_delta(event, events)
            return
        if not self._begun and not isinstance(event, MessageStart):
            self._begun = True
            events.append(Begin(dialect=NAME))
        match event:
            case MessageStart():
                self._begin(event, events)
            case ContentStart():
                self._content_start(event, events)
            case ToolPlanDelta():
                self._grow("plan", event.delta.message.tool_plan, events)
            case ToolCallStart():
                self._call_start(event, events)
            case ToolCallDelta():
                self._call_delta(event, events)
            case CitationStart():
                self._cite(event, events)
            case MessageEnd():
                self._message_end(event, data, events)
            case ToolCallEnd():
                self._close(events)
            case ContentEnd() | CitationEnd() | Debug():
                pass  # what they end is ended when the next part begins

    def _take_untyped(self, data: bytes, events: list[Event]) -> None:
        """An event that came later than this reader, or an error instead of one."""
        event = decode_untyped(data)
        if event.known:
            raise Unreadable("", f"is no event of the type `{event.type}`")
        if event.type in (None, "error") and event.message is not None:
            self._ended = True
            events.append(ErrorSeen(raw=data, message=event.message))
        elif event.type is None:
            raise Unreadable("type", "is missing")

    def _begin(self, event: MessageStart, events: list[Event]) -> None:
        if self._begun:
            if event.id == self._id:
                return
            raise Unreadable("", "begins another message: two answers were spliced into one")
        self._begun, self._id = True, event.id
        events.append(Begin(id=event.id, dialect=NAME))

    def _content_delta(self, event: ContentDelta, events: list[Event]) -> None:
        content = event.delta.message.content
        if content.text is not None:
            self._grow("text", content.text, events)
        elif content.thinking is not None:
            self._grow("thinking", content.thinking, events)
        if event.logprobs and (raw := logprobs.of_piece(bytes(event.logprobs))) is not None:
            events.append(LogProbs(0, raw))

    def _content_start(self, event: ContentStart, events: list[Event]) -> None:
        content = event.delta.message.content
        thinks = content.type == "thinking" or content.thinking is not None
        self._open("thinking" if thinks else "text", Reasoning() if thinks else Text(), events)
        self._grow(self._kind, content.thinking or content.text or "", events)

    def _grow(self, kind: str, text: str, events: list[Event]) -> None:
        if not text:
            return
        if self._kind != kind:
            part: Part = Text()
            if kind != "text":
                part = Reasoning(extra=dict(PLAN) if kind == "plan" else {})
            self._open(kind, part, events)
        events.append(Grow(0, self._parts - 1, text))

    def _call_start(self, event: ToolCallStart, events: list[Event]) -> None:
        call = event.delta.message.tool_calls
        self._open("call", ToolCall(id=call.id, name=call.function.name), events)
        self._grow_call(call.function.arguments, events)

    def _call_delta(self, event: ToolCallDelta, events: list[Event]) -> None:
        if self._kind != "call":
            raise Unreadable("", "goes on with a call that never began")
        self._grow_call(event.delta.message.tool_calls.function.arguments, events)

    def _grow_call(self, arguments: str | None, events: list[Event]) -> None:
        if arguments and not (arguments == "null" and not self._grown):
            self._grown = True
            events.append(Grow(0, self._parts - 1, arguments))

    def _cite(self, event: CitationStart, events: list[Event]) -> None:
        if self._kind != "text":
            # Of a text that is over already.
            self._open("text", Text(), events)
        citations = decode_citations(Object(event.delta.message.citations, "citations"))
        events += [Cite(0, self._parts - 1, citation) for citation in citations]

    def _open(self, kind: str, part: Part, events: list[Event]) -> None:
        self._close(events)
        if not self._begun:
            self._begun = True
            events.append(Begin(dialect=NAME))
        self._kind, self._grown = kind, False
        events.append(PartBegin(0, self._parts, part))
        self._parts += 1

    def _close(self, events: list[Event]) -> None:
        if not self._kind:
            return
        if self._kind == "call" and not self._grown:
            # A call without arguments has no piece of them; whoever reads on waits for one.
            events.append(Grow(0, self._parts - 1, "{}"))
        events.append(PartEnd(0, self._parts - 1))
        self._kind = ""

    def _message_end(self, event: MessageEnd, data: bytes, events: list[Event]) -> None:
        self._close(events)
        self._ended = True
        delta = event.delta
        if (raw := bytes(delta.usage)) not in (b"", b"null"):
            events.append(UsageSeen(decode_usage(raw), raw))
        if delta.error:
            events.append(ErrorSeen(raw=data, message=delta.error, kind=delta.finish_reason, status=500))
            return
        if delta.finish_reason is not None:
            events.append(StopSeen(0, stop_of(delta.finish_reason)))
        events.append(End())
