"""Going on where a streamed answer broke off.

Another model is given the text so far and asked for the rest. That it did not write all of it is a declared loss.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from freehold.core.errors import FreeholdError
from freehold.core.events import (
    Begin,
    Cite,
    Event,
    Grow,
    LogProbs,
    PartBegin,
    PartEnd,
    Sign,
    StopSeen,
    UsageSeen,
)
from freehold.core.parts import Message, Part, Reasoning, Text
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage, total
from freehold.engine.asked import Asked
from freehold.engine.exchange import Exchange, Translating, not_fetched_by
from freehold.engine.runtime import Runtime
from freehold.engine.streams import TranslatedStream
from freehold.ledger.record import Call
from freehold.providers.settings import ProviderSettings
from freehold.routing.routes import Target
from freehold.wire.dialect import NotAnAnswer, StreamDecoder
from freehold.wire.dialects import dialect_of
from freehold.wire.request import Request
from freehold.wire.sse import EventSplitter

GO_ON = (
    "Your last answer was cut off by a failure. Go on exactly where it stops, beginning with the very next character. "
    "Repeat nothing, and do not comment on it."
)
"""What a model is asked that did not write the beginning itself."""

LOSS = "seam"

_LOOK_FOR = 160
"""Characters of the continuation that are looked at for a repetition before any of it is told."""
_BETWEEN = 64
"""Tokens with which a template parts messages."""
_LEAST_REPEATED = 12
"""Fewer characters that agree may be chance."""


class Seam:
    """What the client has of an answer that broke off."""

    def __init__(self, request: Request, told: list[Event], text: str, call: Call) -> None:
        """`told`: the events the client has got; `text`: all words among them."""
        self.call = call
        self.told = told
        self.text = text
        self._request = request

    @classmethod
    def found(cls, request: Request, sent: bytes, call: Call) -> Seam | None:
        """The seam of an answer of which `sent` was told; None where no other model can go on: within a tool call, in
        an answer of a fixed form, with several choices, or where something else than words was said.
        """
        if request.framing != "sse":
            return None
        try:
            asked = request.decoded()
            told = _events_in(sent, dialect_of(request.dialect).decode_stream())
        except (FreeholdError, NotAnAnswer):
            return None
        form = asked.response_format
        if (form is not None and form.kind != "text") or (asked.n or 1) > 1 or asked.logprobs:
            return None
        parts = _parts_in(told)
        if parts is None or any(isinstance(event, StopSeen) for event in told):
            return None
        text = "".join(part.text for part in parts if isinstance(part, Text))
        return cls(request, told, text, call)

    @property
    def more(self) -> int:
        """Tokens that whoever goes on reads beyond the request, at the most."""
        return len(self.text.encode()) + len(GO_ON) + _BETWEEN if self.text else 0

    def speaking(self, runtime: Runtime, broken_usage: Usage) -> Callable[[Target], Awaitable[Exchange]]:
        """How a model is asked to go on. `broken_usage`: what the attempt used that broke off."""

        asked = Asked(self._request, runtime.fetcher)

        async def speak(target: Target) -> Exchange:
            settings = runtime.providers[target.provider].settings
            filled = await asked.with_files(not_fetched_by(settings, settings.dialects[0]))
            return _Continuing(
                self,
                asked,
                self._going_on(filled),
                settings=settings,
                model=target.model,
                broken_usage=broken_usage,
            )

        return speak

    def _going_on(self, asked: ChatRequest) -> ChatRequest:
        """The request for the rest of the answer."""
        if not self.text:
            return asked
        messages = [
            *asked.messages,
            Message(role="assistant", parts=[Text(text=self.text)], plain=True),
            Message(role="user", parts=[Text(text=GO_ON)], plain=True),
        ]
        return msgspec.structs.replace(asked, messages=messages)


class _Continuing(Translating):
    """Speaks with the model that goes on. Whatever the dialects, its answer is translated into the one begun."""

    def __init__(
        self,
        seam: Seam,
        asked: Asked,
        going_on: ChatRequest,
        *,
        settings: ProviderSettings,
        model: str,
        broken_usage: Usage,
    ) -> None:
        created = seam.call.started_us // 1_000_000
        super().__init__(
            asked, going_on, settings, model, settings.dialects[0], id=seam.call.id, created=created
        )
        self._seam = seam
        self._broken_usage = broken_usage
        self.losses.add(LOSS)

    def open_stream(self) -> TranslatedStream:
        """The stream goes on in the middle of the client's."""
        seam = self._seam
        encoder = self._client.encode_stream(self._addressee, self.losses)
        for event in seam.told:  # the client has these: the encoder only has to know of them
            encoder.write(event)
        decoder = _Joined(self._provider.decode_stream(), seam.told, seam.text, self._broken_usage)
        return TranslatedStream(
            _Reads(decoder),
            encoder,
            self._recipient,
            framing=self._settings.framing_of(self.speech),
            tool_names=self._tool_names,
        )


class _Reads(msgspec.Struct):
    """What a stream is read with."""

    decoder: StreamDecoder

    def decode_stream(self) -> StreamDecoder:
        """The decoder, for its one answer."""
        return self.decoder


class _Joined:
    """Decodes the continuation as a continuation: without a beginning, reasoning, or what was said before."""

    def __init__(self, decoder: StreamDecoder, told: list[Event], text: str, broken_usage: Usage) -> None:
        self._decoder = decoder
        self._text = text
        self._broken_usage = broken_usage
        begun = [event for event in told if isinstance(event, PartBegin)]
        ended = {event.index for event in told if isinstance(event, PartEnd)}
        self._next = max((event.index for event in begun), default=-1) + 1
        """The number of the next part."""
        self._left_open = [event for event in begun if event.index not in ended]
        self._numbers: dict[int, int | None] = {}
        """Parts of the continuation -> parts of the whole answer; None: not told."""
        self._held = ""
        """The first words, until it is clear whether they repeat something."""
        self._looking = bool(text)
        self._first_text: int | None = None

    def read(self, frame: bytes) -> list[Event]:
        """What the frame says, as part of the answer that was begun. Raises NotAnAnswer."""
        return self._joined(self._decoder.read(frame))

    def finish(self) -> list[Event]:
        """The bytes have ended."""
        return [*self._joined(self._decoder.finish())]

    def _joined(self, events: list[Event]) -> list[Event]:
        joined: list[Event] = []
        for event in events:
            if isinstance(event, Begin | LogProbs):
                continue
            if isinstance(event, UsageSeen):
                usage = total(self._broken_usage, event.usage)
                known = event.usage if usage.input_tokens is None else usage
                joined.append(UsageSeen(known, None))
            elif isinstance(event, PartBegin):
                self._begin(event, joined)
            elif isinstance(event, Grow | Sign | Cite | PartEnd):
                self._tell(event, joined)
            else:
                if isinstance(event, StopSeen):
                    self._close_left_open(joined)
                joined.append(event)
        return joined

    def _begin(self, event: PartBegin, joined: list[Event]) -> None:
        if event.choice != 0 or isinstance(event.part, Reasoning):
            self._numbers[event.index] = None  # reasoning cannot stand in the middle of an answer
            return
        if isinstance(event.part, Text) and self._first_text is None:
            self._first_text = event.index
            open_text = next((one for one in self._left_open if isinstance(one.part, Text)), None)
            if open_text is not None:
                self._numbers[event.index] = open_text.index
                if event.part.text:
                    self._tell(Grow(0, event.index, event.part.text), joined)
                return
        self._release(joined)
        self._close_left_open(joined)
        self._numbers[event.index] = self._next
        joined.append(PartBegin(0, self._next, event.part))
        self._next += 1

    def _tell(self, event: Grow | Sign | Cite | PartEnd, joined: list[Event]) -> None:
        number = self._numbers.get(event.index)
        if number is None:
            return
        if self._looking and event.index == self._first_text:
            if isinstance(event, Grow):
                self._held += event.text
                if len(self._held) < _LOOK_FOR + len(self._text) * self._text.startswith(
                    self._held[:_LOOK_FOR]
                ):
                    return
                self._release(joined)
                return
            self._release(joined)
        if isinstance(event, Sign):
            return  # it vouches for a part of which it has seen half
        if isinstance(event, PartEnd):
            self._left_open = [one for one in self._left_open if one.index != number]
        event.index = number
        joined.append(event)

    def _release(self, joined: list[Event]) -> None:
        """Tell the first words without what they repeat. Raises NotAnAnswer where they begin anew, and otherwise."""
        if not self._looking or self._first_text is None:
            return
        self._looking = False
        fresh = _without_repetition(self._text, self._held)
        number = self._numbers.get(self._first_text)
        if fresh and number is not None:
            joined.append(Grow(0, number, fresh))

    def _close_left_open(self, joined: list[Event]) -> None:
        self._release(joined)
        joined += [PartEnd(0, one.index) for one in self._left_open]
        self._left_open = []


def _without_repetition(told: str, more: str) -> str:
    """`more` without the end of `told` that it repeats, or all of `told` when it begins anew."""
    if more.startswith(told[: len(more)]) and len(told) >= _LEAST_REPEATED and len(more) >= _LEAST_REPEATED:
        return more[len(told) :]
    for length in range(min(len(told), len(more)), _LEAST_REPEATED - 1, -1):
        if told.endswith(more[:length]):
            return more[length:]
    return more


def _events_in(sent: bytes, decoder: StreamDecoder) -> list[Event]:
    splitter = EventSplitter()
    return [event for frame in splitter.feed(sent) for event in decoder.read(frame)]


def _parts_in(told: list[Event]) -> list[Part] | None:
    """The parts that were told, grown; None when there is one that nobody can go on from."""
    parts: dict[int, Part] = {}
    grown: dict[int, list[str]] = {}
    for event in told:
        if isinstance(event, PartBegin):
            if event.choice != 0 or not isinstance(event.part, Text | Reasoning):
                return None
            parts[event.index] = msgspec.structs.replace(event.part)
            grown[event.index] = [event.part.text]
        elif isinstance(event, Grow) and event.section < 0 and event.index in grown:
            grown[event.index].append(event.text)
    for index, part in parts.items():
        if isinstance(part, Text):
            part.text = "".join(grown[index])
    return list(parts.values())
