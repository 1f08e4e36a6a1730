"""One choice of a streamed answer: which parts are open, and what an event adds to them."""

from __future__ import annotations

import msgspec

from freehold.core.events import Cite, Event, Grow, LogProbs, PartBegin, PartEnd, Sign, StopSeen
from freehold.core.fields import Fields
from freehold.core.parts import Citation, Media, Part, Reasoning, Refusal, State, Text
from freehold.wire.openai_chat.answer_in import own_state
from freehold.wire.openai_chat.calls import state_in
from freehold.wire.openai_chat.calls_in import CallReader
from freehold.wire.openai_chat.chunks import (
    AudioDelta,
    CallDelta,
    ChoiceDelta,
    Delta,
    FunctionDelta,
    PlainDelta,
    present,
)
from freehold.wire.openai_chat.citations import citations_of
from freehold.wire.openai_chat.content_in import parts_of
from freehold.wire.openai_chat.names import raw
from freehold.wire.openai_chat.reasoning import add_detail
from freehold.wire.openai_chat.stops import stop_of
from freehold.wire.reading import Object


class ChoiceReader:
    """Reads the deltas of one choice into events."""

    __slots__ = (
        "_audio",
        "_calls",
        "_closed",
        "_detail",
        "_next",
        "_number",
        "_open",
        "_open_kind",
        "_parts",
        "_sequence",
        "_shown",
        "_sources",
        "word",
    )

    def __init__(self, number: int, sources: list[Citation]) -> None:
        self._number = number
        self._next = 0
        self._open = -1
        """The part that text is appended to; -1 when there is none."""
        self._open_kind: type[Part] | None = None
        self._detail: Reasoning | None = None
        """What the details have said of the open reasoning, beside its text."""
        self._shown: list[str] | None = None
        """Reasoning that came beside the details, which may repeat it; None while there is none."""
        self._calls = CallReader(number, self._begin_part)
        self._audio = -1
        self._sources = sources
        """What the first text is from, where the provider tells it beside the choices."""
        self._parts: list[Part] = []
        self._closed = False
        self._sequence: str | None = None
        self.word: str | None = None
        """Why the choice stopped, as the provider says."""

    def go_on(self, delta: PlainDelta, events: list[Event]) -> None:
        """What a plain event says of this choice."""
        if self._closed:
            return
        thought = delta.reasoning_content or delta.reasoning
        if thought:
            self._think(thought, events)
        text = delta.content
        if text:
            if self._open_kind is Text:
                events.append(Grow(self._number, self._open, text))
            else:
                self._grow(Text, text, events)
        if delta.tool_calls:
            self._read_calls(delta.tool_calls, events)

    def read(self, choice: ChoiceDelta, events: list[Event]) -> None:
        """What the event says of this choice."""
        if self._closed:
            return
        delta = choice.delta or choice.message
        if delta is not None:
            self._read_delta(delta, events)
        if choice.finish_reason:
            self.word = choice.finish_reason
        if choice.stop_reason.__class__ is str:
            self._sequence = choice.stop_reason
        logprobs = bytes(choice.logprobs)
        if b"[" in logprobs:
            events.append(LogProbs(self._number, logprobs))

    def _read_delta(self, delta: Delta, events: list[Event]) -> None:
        if delta.reasoning_details:
            self._read_details(
                delta.reasoning_details, delta.reasoning_content or delta.reasoning or "", events
            )
        elif delta.reasoning_content or delta.reasoning:
            self._think(delta.reasoning_content or delta.reasoning or "", events)
        content = delta.content
        if isinstance(content, str):
            if content:
                self._grow(Text, content, events)
        elif content is not None:
            self._read_parts(content, events)
        if delta.refusal:
            self._grow(Refusal, delta.refusal, events)
        if delta.audio is not None:
            self._read_audio(delta.audio, events)
        for picture in delta.images or ():
            self._add_part(parts_of(b"[%b]" % bytes(picture), "images", own_state)[0], events)
        if delta.annotations or present(delta.extra_content) is not None:
            self._read_about_text(delta, events)
        if delta.tool_calls:
            self._read_calls(delta.tool_calls, events)
        if delta.function_call is not None:
            self._read_legacy(delta.function_call, events)

    def _read_calls(self, calls: list[CallDelta], events: list[Event]) -> None:
        self._end_open(events)
        for call in calls:
            self._calls.read(call, events)

    def _begin_part(self, part: Part, events: list[Event]) -> int:
        index = self._next
        self._next += 1
        self._parts.append(part)
        events.append(PartBegin(self._number, index, part))
        return index

    def _open_part(self, kind: type[Text | Refusal | Reasoning], events: list[Event]) -> int:
        """The open part, which is one of `kind` afterwards."""
        if self._open_kind is not kind:
            self._end_open(events)
            self._open = self._begin_part(kind(), events)
            self._open_kind = kind
            if kind is Text and self._sources:
                events += [Cite(self._number, self._open, citation) for citation in self._sources]
                self._sources = []
        return self._open

    def _grow(self, kind: type[Text | Refusal | Reasoning], text: str, events: list[Event]) -> None:
        events.append(Grow(self._number, self._open_part(kind, events), text))

    def _think(self, text: str, events: list[Event]) -> None:
        """Reasoning as text alone. After a signature it is another's."""
        if self._detail is not None and self._detail.state is not None:
            self._end_open(events)
        if self._shown is None:
            self._shown = []
        elif self._open_kind is not Reasoning:
            text = text.removeprefix("\n\n")  # what sets it apart from the reasoning before
        self._shown.append(text)
        self._grow(Reasoning, text, events)

    def _is_repeated(self, text: str) -> bool:
        """Whether a detail's text was there already. It is then used up."""
        if self._shown is None:
            return False
        shown = "".join(self._shown).removeprefix("\n\n")
        if not shown.startswith(text):
            return False
        self._shown = [shown[len(text) :]]
        return True

    def _end_open(self, events: list[Event]) -> None:
        if self._open >= 0:
            events.append(PartEnd(self._number, self._open))
            self._open, self._open_kind, self._detail = -1, None, None

    def _add_part(self, part: Part, events: list[Event]) -> None:
        """A part that came whole."""
        self._end_open(events)
        index = self._begin_part(part, events)
        events.append(PartEnd(self._number, index))

    def _read_parts(self, content: list[msgspec.Raw], events: list[Event]) -> None:
        """Mistral's content, a list of parts."""
        for part in parts_of(b"[%b]" % b",".join(map(bytes, content)), "content", own_state):
            if isinstance(part, Text | Reasoning):
                if part.text:
                    self._grow(type(part), part.text, events)
                state: State | None = part.state
                if state is not None:
                    events.append(Sign(self._number, self._open_part(type(part), events), state))
            else:
                self._add_part(part, events)

    def _read_details(self, details: list[msgspec.Raw], beside: str, events: list[Event]) -> None:
        """OpenRouter's details: pieces of text, the signature at their end, or something encrypted, whole."""
        told = False
        for detail in details:
            found: list[Reasoning] = []
            add_detail(found, Object(detail, "reasoning_details"), own_state)
            part = found[0]
            if not beside:
                if part.text and self._is_repeated(part.text):
                    part.text = ""
                if part.summary and self._is_repeated(part.summary[0]):
                    part.summary = []
            told = self._read_detail(part, events) or told
        if beside and not told:
            self._think(beside, events)

    def _read_detail(self, part: Reasoning, events: list[Event]) -> bool:
        """Whether it holds text."""
        text, state = part.text, part.state
        if not text and not part.summary and state is None:
            return False
        known = self._detail
        if known is not None and _another(known, part):
            self._end_open(events)
            known = None
        if known is None and self._open_kind is Reasoning and self._detail is None and part.extra:
            # Text came before any detail: what the detail adds belongs to it all the same.
            self._detail = known = part
        if self._open_kind is not Reasoning:
            self._end_open(events)
            begun = Reasoning(item_id=part.item_id, extra=part.extra)
            self._open = self._begin_part(begun, events)
            self._open_kind = Reasoning
        self._detail = part if known is None else _merged(known, part)
        if text:
            events.append(Grow(self._number, self._open, text))
        for section, summary in enumerate(part.summary):
            events.append(Grow(self._number, self._open, summary, section))
        if state is not None:
            events.append(Sign(self._number, self._open, state))
        return bool(text or part.summary)

    def _read_audio(self, audio: AudioDelta, events: list[Event]) -> None:
        if self._audio < 0:
            extra: Fields = {"id": raw(audio.id)} if audio.id else {}
            if audio.expires_at:
                extra["expires_at"] = raw(audio.expires_at)
            if not (audio.id or audio.data or audio.transcript):
                return
            self._end_open(events)
            self._audio = self._begin_part(Media(kind="audio", extra=extra), events)
        if audio.data:
            events.append(Grow(self._number, self._audio, audio.data))
        if audio.transcript:
            events.append(Grow(self._number, self._audio, audio.transcript, 1))

    def _read_about_text(self, delta: Delta, events: list[Event]) -> None:
        """Where the text is from, and Gemini's signature of it."""
        annotations = [Object(one, "annotations") for one in delta.annotations or ()]
        for citation in citations_of(annotations):
            events.append(Cite(self._number, self._open_part(Text, events), citation))
        extra = present(delta.extra_content)
        if extra is not None:
            state = state_in(Object(b'{"extra_content":%b}' % extra), own_state)
            if state is not None:
                events.append(Sign(self._number, self._open_part(Text, events), state))

    def _read_legacy(self, call: FunctionDelta, events: list[Event]) -> None:
        if call.name or call.arguments:
            self._end_open(events)
            self._calls.read(CallDelta(index=0, function=call), events)

    def close(self, events: list[Event], *, told: bool = True) -> None:
        """Ends every part and, when `told`, says why the choice stopped."""
        if self._closed:
            return
        self._closed = True
        self._end_open(events)
        if self._audio >= 0:
            events.append(PartEnd(self._number, self._audio))
        self._calls.close(events)
        if told:
            events.append(StopSeen(self._number, stop_of(self.word, self._parts, self._sequence)))


def _another(known: Reasoning, part: Reasoning) -> bool:
    """Whether a detail begins a reasoning of its own: the one before is signed, or goes by another name."""
    if known.state is not None:
        return True
    return known.item_id is not None and part.item_id is not None and known.item_id != part.item_id


def _merged(known: Reasoning, part: Reasoning) -> Reasoning:
    return Reasoning(item_id=known.item_id or part.item_id, state=part.state or known.state)
