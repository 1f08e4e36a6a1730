"""Streamed answers on their way to the client: forwarded and read on the side, or translated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from freehold.core.errors import FreeholdError
from freehold.core.events import (
    Begin,
    End,
    ErrorSeen,
    Event,
    Grow,
    PartBegin,
    Sign,
    StopSeen,
    UsageSeen,
)
from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Part, Reasoning, Refusal, State, Text, ToolCall
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.engine.reasoned import ReasoningWatch
from freehold.wire.dialect import (
    Addressee,
    Dialect,
    Framing,
    NotAnAnswer,
    Recipient,
    StreamDecoder,
    StreamEncoder,
)
from freehold.wire.errors import error_event_of
from freehold.wire.facts import Facts
from freehold.wire.framing import Splitter, event_splitter_for, splitter_for
from freehold.wire.passing_state import Sealer
from freehold.wire.sse import EventSplitter, data_of

MOST_HELD = 32 * 1024 * 1024
"""Bytes of a translated stream that may come without a word for the client: a call of a tool that its dialect has whole
alone, or a text that is looked at first.
"""


class Decodes(Protocol):
    """A dialect, as far as a stream needs it to be read."""

    def decode_stream(self) -> StreamDecoder:
        """For one answer."""


class _Reader:
    """What is common to both: frames are cut, read, and their facts noted."""

    def __init__(self, dialect: Decodes) -> None:
        self._decoder = dialect.decode_stream()
        self.facts = Facts()
        self.deltas = 0
        """Events that carried something written: about as many as tokens."""
        self.started = False
        """Something was written: text, reasoning, a refusal or a tool call."""
        self.finished = False
        """The provider said that the answer is complete."""
        self.error: bytes | None = None
        """The error object of an error event."""
        self.broken: NotAnAnswer | None = None
        """Why an event was not understood."""
        self._halted = False
        """Finished, ended by an error event, or broken: what follows is not part of the answer."""
        self.hides_error = False
        """An error event is not told: whoever reads the stream does something about it."""

    @property
    def complete(self) -> bool:
        """Whether the answer came to its end, as opposed to being cut."""
        return self.finished or self.facts.stop_reason is not None

    def _note(self, events: list[Event]) -> None:
        """Take the facts out of what was read. Almost all of it only goes on writing."""
        for event in events:
            if not isinstance(event, Grow):
                self._learn(event)
            elif event.text:
                self.deltas += 1
                self.started = True

    def _learn(self, event: Event) -> None:
        if isinstance(event, PartBegin):
            self.started = self.started or _says_something(event.part)
        elif isinstance(event, Sign):
            self.started = True
        elif isinstance(event, UsageSeen):
            self.facts.usage, self.facts.raw_usage = event.usage, event.raw
        elif isinstance(event, StopSeen):
            if event.choice == 0 or self.facts.stop_reason is None:
                self.facts.stop_reason = event.stop.raw or event.stop.reason
        elif isinstance(event, Begin):
            self.facts.model = event.model
        elif isinstance(event, ErrorSeen):
            self.error = event.raw
            self._halted = True
        elif isinstance(event, End):
            self.finished = self._halted = True

    def usage_so_far(self) -> Usage:
        """The provider's usage or, when the stream ended before it came, the events we counted."""
        usage = self.facts.usage
        if not self.started or (self.complete and self.facts.raw_usage is not None):
            return usage
        if usage.output_tokens is not None and usage.output_tokens >= self.deltas:
            return usage
        return msgspec.structs.replace(usage, output_tokens=self.deltas, source="counted")

    def _read(self, frame: bytes) -> list[Event]:
        try:
            return self._decoder.read(frame)
        except NotAnAnswer as error:
            self._break(error)
            raise

    def _break(self, error: NotAnAnswer) -> NotAnAnswer:
        self.broken = error
        self._halted = True
        return error

    def _rest_of(self, splitter: Splitter) -> bytes:
        """What came after the last whole frame. Raises NotAnAnswer for what is no stream."""
        try:
            return splitter.take_rest()
        except (FreeholdError, ValueError) as error:
            raise self._break(NotAnAnswer(str(error))) from None

    def _end(self) -> list[Event]:
        try:
            return self._decoder.finish()
        except NotAnAnswer:
            return []


class ForwardedStream(_Reader):
    """A stream of the client's own dialect: whole events are passed on byte for byte, but for reasoning state."""

    def __init__(
        self,
        dialect: Dialect,
        sealer: Sealer,
        *,
        name: str | None = None,
        retell: Callable[[bytes], bytes] | None = None,
        framing: Framing = "sse",
    ) -> None:
        """`sealer` seals the reasoning state in it.

        `name`: the id that the answer is given in place of the provider's; None: it keeps that.

        `retell`: what else is changed in an event. `framing`: the provider's; the client gets its events plain.
        """
        super().__init__(dialect)
        self._sealer = sealer
        self._beside_text = dialect.state.beside_text
        self._dialect = dialect
        self._splitter = event_splitter_for(framing)
        self._retell = retell
        self._name = None if name is None else b'"%b"' % name.encode()
        self._former = b""

    def feed(self, piece: bytes) -> bytes:
        """The whole events of `piece`. Raises NotAnAnswer; events before the bad one are returned first."""
        if self.broken is not None:
            raise self.broken
        if self._halted:
            return b""
        splitter = self._splitter
        try:
            frames = splitter.feed(piece)
        except (FreeholdError, ValueError) as error:
            raise self._break(NotAnAnswer(str(error))) from None
        shown: list[bytes] = [splitter.late]
        for at, frame in enumerate(frames):
            try:
                events = self._read(frame)
            except NotAnAnswer:
                if not any(shown):
                    raise
                break
            self._note(events)
            if self.error is not None and self.hides_error:
                break
            only_writes = len(events) == 1 and type(events[0]) is Grow
            shown.append(self._told(frame, only_writes))
            shown.append(b"\n\n" if splitter.endings is None else splitter.endings[at])
            if self._halted:
                break
        return b"".join(shown)

    def finish(self) -> bytes:
        """The bytes have ended: a last event that lacks its empty line counts if it can be read."""
        if self._halted:
            return b""
        rest = self._rest_of(self._splitter).rstrip(b"\r\n")
        try:
            if rest.strip():
                self._note(self._read(rest))
        except NotAnAnswer:
            rest = b""
        self._note(self._end())
        return self._told(rest, only_writes=False) + b"\n\n" if rest else b""

    def _learn(self, event: Event) -> None:
        if self._name is not None and isinstance(event, Begin) and event.id:
            self._former = b'"%b"' % event.id.encode()
        super()._learn(event)

    def _told(self, frame: bytes, only_writes: bool) -> bytes:
        if not only_writes or self._beside_text:
            frame = self._sealer.frame(frame)
        if self._retell is not None:
            frame = self._retell(frame)
        name = self._name
        return frame if name is None or not self._former else frame.replace(self._former, name)

    def fail(self, error: FreeholdError) -> bytes:
        """What tells the client that the answer breaks off."""
        nobody = Addressee(request=ChatRequest(model="", messages=[]), id="", created=0)
        return self._dialect.encode_stream(nobody, Losses()).write(error_event_of(error))

    def close(self) -> bytes:
        """Nothing: these dialects have no closing event beyond the last one."""
        return b""


class ListedStream(ForwardedStream):
    """A forwarded stream for a client that wants one JSON list: each event's data is an element, byte for byte."""

    def __init__(self, dialect: Dialect, sealer: Sealer) -> None:
        super().__init__(dialect, sealer)
        self._whole = EventSplitter()
        self._begun = False
        self._ended = False

    def feed(self, piece: bytes) -> bytes:
        """The elements that `piece` completes. Raises as ForwardedStream."""
        listed = self._list(super().feed(piece))
        return listed if self.error is None else listed + self.close()

    def finish(self) -> bytes:
        """The bytes have ended: a last element, and the list's end unless the answer was cut."""
        listed = self._list(super().finish())
        return listed + self.close() if self.complete else listed

    def fail(self, error: FreeholdError) -> bytes:
        """The error as the last element."""
        return b"" if self._ended else self._list(super().fail(error)) + self.close()

    def close(self) -> bytes:
        """The list's end."""
        if self._ended:
            return b""
        self._ended = True
        return b"]" if self._begun else b"[]"

    def _list(self, events: bytes) -> bytes:
        listed: list[bytes] = []
        for event in self._whole.feed(events):
            data = (data_of(event) or b"").strip()
            if data.startswith(b"{"):
                listed += (b",\r\n" if self._begun else b"[", data)
                self._begun = True
        return b"".join(listed)


class TranslatedStream(_Reader):
    """A stream of another dialect than the client's."""

    def __init__(
        self,
        dialect: Decodes,
        encoder: StreamEncoder,
        maker: Recipient,
        *,
        framing: Framing,
        tool_names: Mapping[str, str],
        watch: ReasoningWatch | None = None,
    ) -> None:
        """`maker` goes onto whatever state it sends; `tool_names` are the client's own for those that the provider
        was given; `watch` sees every event.
        """
        super().__init__(dialect)
        self._splitter = splitter_for(framing)
        self._encoder = encoder
        self._write = encoder.write
        self._maker = maker
        self._tool_names = tool_names
        self._watch = watch
        self._untold = 0
        """Bytes that came since the client was last told something."""

    def feed(self, piece: bytes) -> bytes:
        """What the client gets for `piece`. Raises NotAnAnswer; what came before the bad event is returned first."""
        if self.broken is not None:
            raise self.broken
        if self._halted:
            return b""
        try:
            frames = self._splitter.feed(piece)
        except (FreeholdError, ValueError) as error:
            raise self._break(NotAnAnswer(str(error))) from None
        told: list[bytes] = []
        for frame in frames:
            try:
                self._tell(self._read(frame), told)
            except NotAnAnswer:
                if not any(told):
                    raise
                break
            if self._halted:
                break
        written = b"".join(told)
        self._untold = 0 if written else self._untold + len(piece)
        if self._untold > MOST_HELD:
            raise self._break(
                NotAnAnswer(f"over {MOST_HELD} bytes came that cannot be told before their end")
            )
        return written

    def _tell(self, events: list[Event], told: list[bytes]) -> None:
        self._note(events)
        if self.error is not None and self.hides_error:
            events = [event for event in events if not isinstance(event, ErrorSeen)]
        if self._watch is not None:
            for event in events:
                self._watch.see(event)
        try:
            told += map(self._write, events)
        except NotAnAnswer as error:
            raise self._break(error) from None

    def _learn(self, event: Event) -> None:
        if isinstance(event, Sign):
            event.state = made_by(self._maker, event.state)
        elif isinstance(event, PartBegin):
            event.part = with_maker(event.part, self._maker, self._tool_names)
        super()._learn(event)

    def finish(self) -> bytes:
        """The bytes have ended: what is left to be told."""
        if self._halted:
            return b""
        told: list[bytes] = []
        rest = self._rest_of(self._splitter)
        try:
            if rest.strip():
                self._tell(self._read(rest), told)
        except NotAnAnswer:
            self.broken, self._halted = None, False  # half an event at the very end: cut, not broken
        if not self._halted:
            self._tell(self._end(), told)
        return b"".join(told)

    def fail(self, error: FreeholdError) -> bytes:
        """What tells the client that the answer breaks off."""
        return self._encoder.write(error_event_of(error))

    def close(self) -> bytes:
        """What tells the client that the answer is complete."""
        return self._encoder.write(End())


def with_maker(part: Part, maker: Recipient, tool_names: Mapping[str, str]) -> Part:
    """The part with the name of who made its state; a call with the client's own name of the tool."""
    if tool_names and isinstance(part, ToolCall):
        part.name = tool_names.get(part.name, part.name)
    if isinstance(part, Text | Media | ToolCall | Reasoning | Foreign) and part.state is not None:
        part.state = made_by(maker, part.state)
    return part


def made_by(maker: Recipient, state: State) -> State:
    """The state with the name of who made it."""
    return msgspec.structs.replace(state, origin=maker.origin, model=maker.model)


def _says_something(part: Part) -> bool:
    """Whether a part that has just begun is already part of an answer."""
    if isinstance(part, Text | Refusal):
        return bool(part.text)
    if isinstance(part, Reasoning):
        return bool(part.text or part.summary or part.state)
    return True
