"""A streamed answer taken apart, event by event."""

from __future__ import annotations

import msgspec

from freehold.core.events import Begin, End, Event, UsageSeen
from freehold.core.parts import Citation
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.openai_chat.choice_in import ChoiceReader
from freehold.wire.openai_chat.chunks import Chunk, chunk_of, plain_chunk_of, present, says, unknown_of
from freehold.wire.openai_chat.citations import sources_of
from freehold.wire.openai_chat.errors import error_seen
from freehold.wire.openai_chat.names import NAME
from freehold.wire.openai_usage import read_usage
from freehold.wire.reading import Unreadable
from freehold.wire.sse import data_of


class StreamReader:
    """Reads one stream. Why a choice stopped is told when nothing more can come of it: some say it too early."""

    __slots__ = ("_begun", "_choices", "_ended", "_plain", "_sources", "_tries")

    def __init__(self) -> None:
        self._begun = False
        self._ended = False
        self._choices: dict[int, ChoiceReader] = {}
        self._plain: ChoiceReader | None = None
        """The choice with the number 0, which is most often the only one."""
        self._sources: list[Citation] | None = None
        self._tries = 0
        """How many more events may turn out not to be plain before none is taken for it any longer."""

    def read(self, frame: bytes) -> list[Event]:
        """What an event says. Raises NotAnAnswer."""
        data = data_of(frame)
        if not data or self._ended:
            return []
        events: list[Event] = []
        try:
            if self._tries:
                plain = plain_chunk_of(data)
                if plain is not None:
                    for going in plain.choices:
                        self._reader(going.index).go_on(going.delta, events)
                    return events
                self._tries -= 1
            if data.strip() == b"[DONE]":
                return self._end()
            chunk = chunk_of(data)
            if not self._begun:
                self._begin(chunk, data, events)
            choices = chunk.choices
            if choices is not None:
                for choice in choices:
                    self._reader(choice.index or 0).read(choice, events)
            if not choices or chunk.x_groq is not None or says(chunk.usage) or says(chunk.error):
                self._read_rest(chunk, data, events)
        except (Unreadable, msgspec.DecodeError, RecursionError) as error:
            raise NotAnAnswer(f"an event is not understood: {error}") from None
        return events

    def _reader(self, number: int) -> ChoiceReader:
        if number == 0 and self._plain is not None:
            return self._plain
        reader = self._choices.get(number)
        if reader is None:
            if not 0 <= number < _MOST_CHOICES:
                raise NotAnAnswer(f"an event is of choice {number}")
            reader = self._choices[number] = ChoiceReader(number, self._sources or [])
            if number == 0:
                self._plain = reader
        return reader

    def _begin(self, chunk: Chunk, data: bytes, events: list[Event]) -> None:
        if chunk.choices is None and not present(chunk.usage):
            if present(chunk.error) or chunk.object == "error":
                return
            if chunk.object is None or not chunk.object.startswith("chat.completion"):
                raise NotAnAnswer("an event has no choices")
        extra = unknown_of(data)
        self._sources = sources_of(present(chunk.citations), present(chunk.search_results))
        created = None if not chunk.created else int(chunk.created)
        events.append(
            Begin(
                id=chunk.id or None,
                model=chunk.model or None,
                created=created,
                service_tier=chunk.service_tier or None,
                fingerprint=chunk.system_fingerprint or None,
                dialect=NAME,
                extra=extra,
            )
        )
        self._begun = True
        self._tries = _TRIES

    def _read_rest(self, chunk: Chunk, data: bytes, events: list[Event]) -> None:
        usage = present(chunk.usage)
        if usage is None and chunk.x_groq is not None:
            usage = present(chunk.x_groq.usage)
        if usage is not None:
            events.append(UsageSeen(read_usage(usage), usage))
        error = present(chunk.error)
        if error is None and chunk.choices is None and (chunk.object == "error" or b'"message"' in data):
            error = data if chunk.object == "error" or usage is None else None
        if error is not None:
            self._close(events)
            events.append(error_seen(error))
            self._ended = True
        elif usage is not None and not chunk.choices:
            self._close_stopped(events)

    def _close_stopped(self, events: list[Event]) -> None:
        for reader in self._choices.values():
            if reader.word is not None:
                reader.close(events)

    def _close(self, events: list[Event]) -> None:
        """Ends every part. A stop is told of those alone that said so."""
        for reader in self._choices.values():
            reader.close(events, told=reader.word is not None)

    def _end(self) -> list[Event]:
        """The provider said that this is all. Some never say why."""
        events: list[Event] = []
        if not self._begun:
            raise NotAnAnswer("the stream ended before it began")
        for reader in self._choices.values():
            reader.close(events)
        events.append(End())
        self._ended = True
        return events

    def finish(self) -> list[Event]:
        """Without `[DONE]` the answer is whole when every choice said why it stopped."""
        if self._ended:
            return []
        self._ended = True
        events: list[Event] = []
        whole = bool(self._choices) and all(reader.word is not None for reader in self._choices.values())
        self._close(events)
        if whole:
            events.append(End())
        return events


_MOST_CHOICES = 1024
_TRIES = 4
