"""One candidate of a streamed answer: which part each piece belongs to."""

from __future__ import annotations

import msgspec

from freehold.core.answer import Stop
from freehold.core.events import Cite, Event, Grow, PartBegin, PartEnd, Sign
from freehold.core.fields import Fields
from freehold.core.parts import Citation, Part, Reasoning, State, Text, ToolCall
from freehold.wire.gemini.chunks import ABSENT, CommonPart, FunctionCall, decode_call, decode_common_part
from freehold.wire.gemini.citations import Places, cited, in_characters
from freehold.wire.gemini.fields import Camel, encode
from freehold.wire.gemini.ids import Calls
from freehold.wire.gemini.partial_call import PartialCall
from freehold.wire.gemini.parts_in import part_in
from freehold.wire.gemini.ruler import Ruler
from freehold.wire.gemini.stops import stop_in
from freehold.wire.reading import Unreadable

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class ChoiceReader:
    """Joins text of one kind, and numbers the parts. A text has one signature: a further one begins another."""

    def __init__(self, number: int, seed: str) -> None:
        self._number = number
        self._calls = Calls(seed)
        self._next = 0
        self._open: Text | Reasoning | None = None
        self._pieces: list[str] = []
        """Of the open text."""
        self._signed = False
        """Whether the open text is."""
        self._call: PartialCall | None = None
        self._called = False
        self._places: Places = []
        self._cited: set[tuple[object, ...]] = set()
        self.finished: str | None = None
        self.extra: Fields = {}

    def take(self, part: CommonPart | Camel, events: list[Event]) -> None:
        """One part of a piece."""
        if isinstance(part, CommonPart):
            self.take_common(part, events)
            return
        try:
            common = decode_common_part(encode(part.rest()))
        except msgspec.DecodeError:
            self._take_whole(part, events)
        else:
            self.take_common(common, events)

    def take_common(self, part: CommonPart, events: list[Event]) -> None:
        """One part of the common form."""
        if part.function_call is not None:
            self._take_call(part.function_call, part.thought_signature, events)
        elif part.text or part.thought_signature:
            self._take_text(part.text or "", bool(part.thought), part.thought_signature, events)

    def _take_text(self, text: str, thought: bool, signature: str | None, events: list[Event]) -> None:
        kind = Reasoning if thought else Text
        if type(self._open) is not kind or (signature is not None and self._signed):
            self._begin(kind(), events)
        if signature is not None:
            self._signed = True
            # Before the words, so that it can be given on with them.
            events.append(Sign(self._number, self._next, State(data=signature, kind="signature")))
        if text:
            events.append(Grow(self._number, self._next, text))
            self._pieces.append(text)

    def _begin(self, part: Text | Reasoning, events: list[Event]) -> None:
        self.close(events)
        self._open = part
        self._pieces = []
        self._signed = False
        events.append(PartBegin(self._number, self._next, part))

    def _take_call(self, call: FunctionCall, signature: str | None, events: list[Event]) -> None:
        if call.name is not None or self._call is None:
            self.close(events)
            name = call.name or ""
            held = ToolCall(id=self._calls.call(call.id, name), name=name)
            self._called = True
            self._call = PartialCall(self._next)
            events.append(PartBegin(self._number, self._next, held))
            if call.args not in ABSENT and not (call.partial_args or call.will_continue):
                self._call.signature = signature
                self._end_call(bytes(call.args).decode(), events)
                return
        partial = self._call
        partial.signature = signature or partial.signature
        if call.args not in ABSENT:
            partial.put(_fields(call.args))
        for piece in call.partial_args or ():
            partial.add(piece)
        if not call.will_continue:
            self._end_call(partial.arguments(), events)

    def _end_call(self, arguments: str, events: list[Event]) -> None:
        call = self._call
        assert call is not None
        self._call = None
        events.append(Grow(self._number, call.index, arguments))
        if call.signature is not None:
            events.append(Sign(self._number, call.index, State(data=call.signature, kind="signature")))
        self._end(events)

    def _take_whole(self, part: Camel, events: list[Event]) -> None:
        """A part of another kind, or one that says more than is common: it comes whole."""
        held = _call_of(part)
        if held is not None:
            self._take_call(held, part.take("thoughtSignature", str), events)
            return
        found = part_in(part, self._calls, client=False)
        self.close(events)
        events.append(PartBegin(self._number, self._next, _begun(found)))
        if isinstance(found, ToolCall):
            self._called = True
        if isinstance(found, Text | Reasoning | ToolCall):
            text = found.arguments or "{}" if isinstance(found, ToolCall) else found.text
            if text:
                events.append(Grow(self._number, self._next, text))
            if found.state is not None:
                events.append(Sign(self._number, self._next, found.state))
        self._end(events)

    def _end(self, events: list[Event]) -> None:
        events.append(PartEnd(self._number, self._next))
        self._next += 1

    def close(self, events: list[Event]) -> None:
        """Ends what is open."""
        if self._call is not None:
            self._end_call(self._call.arguments(), events)
        elif self._open is not None:
            if self._places and type(self._open) is Text:
                self._tell_places(events)
            self._open = None
            self._end(events)

    def learn(self, extra: Fields) -> None:
        """What a piece says beside its content; the last word counts."""
        for name, raw in extra.items():
            grows = name == "groundingMetadata" and name in self.extra
            self.extra[name] = _merged(self.extra[name], raw) if grows else raw
        self._places = [*self._places, *cited(extra.get("groundingMetadata"), extra.get("citationMetadata"))]

    def cite(self, events: list[Event]) -> None:
        """Tells what `learn` found of where the open text is from."""
        if not self._places:
            return
        if type(self._open) is not Text:
            # The text that was meant is closed: what is left to tell is which sources there were.
            self._places = [(None, _placeless(citation)) for _, citation in self._places]
            self._begin(Text(), events)
        self._tell_places(events)

    def _tell_places(self, events: list[Event]) -> None:
        if not self._places:
            return
        ruler = Ruler("".join(self._pieces))
        for _, citation in self._places:
            key = (citation.url, citation.title, citation.quote, citation.start, citation.end)
            if key not in self._cited:
                self._cited.add(key)
                events.append(Cite(self._number, self._next, in_characters(citation, ruler)))
        self._places = []

    def stop(self) -> Stop | None:
        """Why it stopped; None when it never did."""
        return None if self.finished is None else stop_in(self.finished.upper(), calls=self._called)


def _begun(part: Part) -> Part:
    """The part as it begins: what has an event of its own is left out."""
    if isinstance(part, Text):
        return Text(extra=part.extra)
    if isinstance(part, Reasoning):
        return Reasoning(extra=part.extra)
    if isinstance(part, ToolCall):
        return ToolCall(id=part.id, name=part.name, extra=part.extra)
    return part


def _call_of(part: Camel) -> FunctionCall | None:
    """The call, when the part is one that comes in pieces in spite of an unusual spelling."""
    raw = part.rest().get("functionCall")
    if raw is None:
        return None
    call = Camel(raw, part.place("functionCall"))
    if not (call.has("partialArgs") or call.has("willContinue")):
        return None
    try:
        return decode_call(encode(call.rest()))
    except msgspec.DecodeError as error:
        raise Unreadable(part.place("functionCall"), f"is not understood: {error}") from None


def _fields(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return _decode_object(raw)
    except msgspec.DecodeError as error:
        raise Unreadable("functionCall.args", f"is not understood: {error}") from None


def _merged(before: msgspec.Raw, after: msgspec.Raw) -> msgspec.Raw:
    try:
        fields = {**_decode_object(before), **_decode_object(after)}
    except msgspec.DecodeError:
        return after
    return msgspec.Raw(encode(fields))


def _placeless(citation: Citation) -> Citation:
    return msgspec.structs.replace(citation, start=None, end=None)
