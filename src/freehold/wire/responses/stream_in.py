"""A provider's stream, read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from freehold.core.events import Begin, End, ErrorSeen, Event, LogProbs, StopSeen, UsageSeen
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.reading import need_utf8, without_halves
from freehold.wire.responses.answer_in import whole_seconds
from freehold.wire.responses.errors import read_stream_error
from freehold.wire.responses.items_streamed import StreamedItems
from freehold.wire.responses.stops import IncompleteDetails, stop_of
from freehold.wire.responses.usage import decode_usage
from freehold.wire.responses.vocabulary import NAME, UNREADABLE
from freehold.wire.sse import data_of

ABSENT = msgspec.Raw(b"")
_NOTHING = (ABSENT, msgspec.Raw(b"null"), msgspec.Raw(b"[]"))


def _given(raw: msgspec.Raw) -> bool:
    return raw not in _NOTHING


class Frame(msgspec.Struct, gc=False):
    """One event of the stream; what it has depends on its type. Items are told apart by their place:
    some providers change the ids on the way.
    """

    type: str = ""
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    delta: Any = None
    """Text, in all events that are read."""
    logprobs: msgspec.Raw = ABSENT
    item: msgspec.Raw = ABSENT
    part: msgspec.Raw = ABSENT
    annotation: msgspec.Raw = ABSENT
    response: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


class _Response(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    created_at: float | None = None
    service_tier: str | None = None
    status: str | None = None
    incomplete_details: IncompleteDetails | None = None
    error: msgspec.Raw = ABSENT
    usage: msgspec.Raw = ABSENT
    output: list[msgspec.Raw] | None = None


_decode = msgspec.json.Decoder(Frame).decode
_decode_response = msgspec.json.Decoder(_Response).decode

_ENDS = ("response.completed", "response.incomplete", "response.cancelled")


class Decoder:
    """Reads one streamed answer."""

    def __init__(self) -> None:
        self._begun = False
        self._ended = False
        self._items = StreamedItems()
        self._readers: dict[str, Callable[[Frame], list[Event]]] = {
            "response.output_text.delta": self._text,
            "response.refusal.delta": self._refusal,
            "response.reasoning_text.delta": self._reasoning,
            "response.reasoning_summary_text.delta": self._summary,
            "response.function_call_arguments.delta": self._arguments,
            "response.custom_tool_call_input.delta": self._arguments,
            "response.output_text.annotation.added": self._annotation,
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            "response.content_part.added": self._part_added,
            "response.content_part.done": self._part_done,
            "response.created": self._created,
            "response.queued": self._created,
            "response.in_progress": self._created,
            "response.failed": self._failed,
            **dict.fromkeys(_ENDS, self._completed),
        }

    def read(self, frame: bytes) -> list[Event]:
        """What a frame says. Raises NotAnAnswer."""
        data = data_of(frame)
        if data is None or self._ended or data == b"[DONE]":
            return []
        try:
            try:
                event = _decode(need_utf8(data))
            except msgspec.DecodeError:
                data = without_halves(data)
                event = _decode(data)
            events = self._read(event, data)
        except UNREADABLE as error:
            raise NotAnAnswer(str(error)) from None
        if events and not self._begun and not isinstance(events[0], ErrorSeen):
            self._begun = True  # without the event that says so: what names the answer is not known
            events.insert(0, Begin(dialect=NAME))
        return events

    def _read(self, frame: Frame, data: bytes) -> list[Event]:
        reader = self._readers.get(frame.type)
        if reader is not None:
            return reader(frame)
        if frame.type == "error" or (not frame.type and _given(frame.error)):
            self._ended = True
            return [read_stream_error(bytes(frame.error) if _given(frame.error) else data)]
        if not frame.type:
            raise ValueError("an event has no type")
        return []  # what hosted tools do meanwhile: their items tell all of it in the end

    def finish(self) -> list[Event]:
        """The bytes have ended. What was not closed stays open: the answer was cut."""
        return []

    def _text(self, frame: Frame) -> list[Event]:
        events = self._items.grow_content(
            frame.output_index, frame.content_index, _text_of(frame), refusal=False
        )
        if _given(frame.logprobs):
            events.insert(-1, LogProbs(0, b'{"content":%b}' % bytes(frame.logprobs)))
        return events

    def _refusal(self, frame: Frame) -> list[Event]:
        return self._items.grow_content(
            frame.output_index, frame.content_index, _text_of(frame), refusal=True
        )

    def _reasoning(self, frame: Frame) -> list[Event]:
        return self._items.grow_reasoning(frame.output_index, _text_of(frame), None)

    def _summary(self, frame: Frame) -> list[Event]:
        return self._items.grow_reasoning(frame.output_index, _text_of(frame), frame.summary_index)

    def _arguments(self, frame: Frame) -> list[Event]:
        return self._items.grow_call(frame.output_index, _text_of(frame))

    def _annotation(self, frame: Frame) -> list[Event]:
        if not _given(frame.annotation):
            return []
        return self._items.cite(frame.output_index, frame.content_index, frame.annotation)

    def _item_added(self, frame: Frame) -> list[Event]:
        return self._items.begin(frame.output_index, frame.item) if _given(frame.item) else []

    def _item_done(self, frame: Frame) -> list[Event]:
        return self._items.end(frame.output_index, frame.item) if _given(frame.item) else []

    def _part_added(self, frame: Frame) -> list[Event]:
        return self._items.begin_content(frame.output_index, frame.content_index, frame.part)

    def _part_done(self, frame: Frame) -> list[Event]:
        return self._items.end_content(frame.output_index, frame.content_index, frame.part)

    def _begin(self, response: _Response) -> list[Event]:
        if self._begun:
            return []
        self._begun = True
        return [
            Begin(
                id=response.id,
                model=response.model,
                created=whole_seconds(response.created_at),
                service_tier=response.service_tier,
                dialect=NAME,
            )
        ]

    def _created(self, frame: Frame) -> list[Event]:
        return [] if self._begun else self._begin(_decode_response(frame.response))

    def _completed(self, frame: Frame) -> list[Event]:
        response = _decode_response(frame.response)
        events = self._begin(response)
        events += self._items.finish(response.output or [])
        status = response.status or frame.type.removeprefix("response.")
        events.append(StopSeen(0, stop_of(status, response.incomplete_details, self._items.parts)))
        events += _usage(response)
        events.append(End())
        self._ended = True
        return events

    def _failed(self, frame: Frame) -> list[Event]:
        response = _decode_response(frame.response)
        events = [*self._begin(response), *_usage(response)]
        events.append(read_stream_error(bytes(response.error) if _given(response.error) else b"{}"))
        self._ended = True
        return events


def _text_of(frame: Frame) -> str:
    text = frame.delta
    if not isinstance(text, str):
        raise ValueError(f"the delta of a `{frame.type}` is not text")  # noqa: TRY004 - of the provider's bytes
    return text


def _usage(response: _Response) -> list[Event]:
    if not _given(response.usage):
        return []
    raw = bytes(response.usage)
    return [UsageSeen(decode_usage(raw), raw)]
