"""A streamed answer into events. Each piece is a small answer of its own; the last finish reason and usage count."""

from __future__ import annotations

import msgspec

from freehold.core.events import (
    Begin,
    End,
    ErrorSeen,
    Event,
    LogProbs,
    StopSeen,
    UsageSeen,
)
from freehold.wire.dialect import NotAnAnswer
from freehold.wire.gemini.answer_in import MOST_CHOICES, block_reason, created_in
from freehold.wire.gemini.choice_in import ChoiceReader
from freehold.wire.gemini.chunks import ABSENT, Candidate, Chunk, careful_candidates, read_chunk
from freehold.wire.gemini.errors import status_in
from freehold.wire.gemini.fields import NAME, Camel, encode
from freehold.wire.gemini.logprobs import logprobs_in
from freehold.wire.gemini.stops import blocked
from freehold.wire.gemini.usage import metadata_of, tier_in, usage_in
from freehold.wire.reading import Unreadable, need_utf8
from freehold.wire.sse import data_of

_DONE = b"[DONE]"
"""Gemini sends no such line; proxies before it do."""


class StreamReader:
    """Reads one streamed answer."""

    def __init__(self) -> None:
        self._choices: dict[int, ChoiceReader] = {}
        self._seed: str | None = None
        self._usage = msgspec.Raw(b"")
        self._blocked: str | None = None
        self._failed = False

    def read(self, frame: bytes) -> list[Event]:
        """What a frame says: one event, or one element of a list. Raises NotAnAnswer."""
        is_element = frame[:1] != b"d" and frame.lstrip()[:1] in (b"{", b"[")
        data = frame if is_element else data_of(frame)
        if self._failed or data is None or (data[:1] != b"{" and data.strip() in (b"", _DONE)):
            return []
        try:
            chunk = read_chunk(need_utf8(data))
            return self._read_common(chunk) if isinstance(chunk, Chunk) else self._read_carefully(chunk)
        except Unreadable as error:
            raise NotAnAnswer(str(error)) from None

    def _read_common(self, chunk: Chunk) -> list[Event]:
        events: list[Event] = []
        usage = chunk.usage_metadata
        if self._seed is None:
            created = None if chunk.create_time is None else created_in(_created(chunk.create_time))
            begin = Begin(id=chunk.response_id, model=chunk.model_version, created=created)
            self._begin(events, begin, usage)
        for at, candidate in enumerate(chunk.candidates or ()):
            number = candidate.index
            if number is None:  # zero is often left out
                number = 0 if at and any(other.index is not None for other in chunk.candidates or ()) else at
            choice = self._choice(number)
            content = candidate.content
            if content is not None and content.parts is not None:
                for part in content.parts:
                    choice.take_common(part, events)
            if candidate.finish_reason is not None:
                choice.finished = candidate.finish_reason
        self._use(usage, events)
        return events

    def _read_carefully(self, chunk: Camel) -> list[Event]:
        error = chunk.take_raw("error")
        if error is not None:
            self._failed = True
            found = status_in(error)
            return [ErrorSeen(error, found.message, found.kind, found.status)]
        events: list[Event] = []
        usage = chunk.take_raw("usageMetadata")
        candidates = careful_candidates(chunk)
        begin = Begin(
            id=chunk.take("responseId", str), model=chunk.take("modelVersion", str), created=created_in(chunk)
        )
        self._blocked = block_reason(chunk) or self._blocked
        if self._seed is None:
            begin.extra = chunk.rest()
            if not (candidates or usage or begin.model or begin.id or "promptFeedback" in begin.extra):
                raise Unreadable("", "is no piece of an answer")
            self._begin(events, begin, usage)
        for candidate in candidates:
            self._read_candidate(candidate, events)
        if usage is not None:
            self._use(msgspec.Raw(usage), events)
        return events

    def _read_candidate(self, candidate: Candidate, events: list[Event]) -> None:
        choice = self._choice(candidate.number)
        logprobs = None if candidate.logprobs is None else logprobs_in(candidate.logprobs)
        if logprobs is not None:
            events.append(LogProbs(candidate.number, logprobs))
        choice.learn(candidate.extra)
        for part in candidate.parts:
            choice.take(part, events)
        choice.cite(events)
        if candidate.finish is not None:
            choice.finished = candidate.finish

    def _begin(self, events: list[Event], begin: Begin, usage: bytes | msgspec.Raw | None) -> None:
        self._seed = begin.id or ""
        begin.service_tier = tier_in(metadata_of(usage))
        begin.dialect = NAME
        events.append(begin)

    def _choice(self, number: int) -> ChoiceReader:
        choice = self._choices.get(number)
        if choice is None:
            if not 0 <= number < MOST_CHOICES:
                raise Unreadable("candidates", f"holds the candidate number {number}")
            seed = self._seed or ""
            choice = self._choices[number] = ChoiceReader(number, seed if number == 0 else f"{seed}/{number}")
        return choice

    def _use(self, told: msgspec.Raw, events: list[Event]) -> None:
        if told == self._usage or told in ABSENT:
            return
        self._usage = told
        raw = bytes(told)
        found = metadata_of(raw)
        if found is not None and (usage := usage_in(found)).source == "provider":
            events.append(UsageSeen(usage, raw))

    def finish(self) -> list[Event]:
        """The bytes have ended. Without a finish reason of every candidate they ended too early."""
        events: list[Event] = []
        if self._failed:
            return events
        complete = bool(self._choices)
        for number, choice in sorted(self._choices.items()):
            choice.close(events)
            stop = choice.stop()
            if stop is None and self._blocked is not None:
                stop = blocked(self._blocked)
            if stop is None:
                complete = False
            else:
                events.append(StopSeen(number, stop, choice.extra))
        if not self._choices and self._blocked is not None:
            events.append(StopSeen(0, blocked(self._blocked)))
            complete = True
        if complete:
            events.append(End())
        return events


def _created(text: str) -> Camel:
    return Camel(encode({"createTime": text}))
