"""Streams into whole answers and back: some providers only stream, and some clients only ask for one."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import msgspec

from freehold.core.answer import Answer, Choice
from freehold.core.events import (
    Begin,
    Cite,
    End,
    Event,
    Grow,
    LogProbs,
    PartBegin,
    PartEnd,
    Sign,
    StopSeen,
    UsageSeen,
)
from freehold.core.parts import Media, Part, Reasoning, Refusal, Text, ToolCall


class Gathering:
    """Puts the events of one stream together. What an answer is after all of them is in `answer`."""

    def __init__(self) -> None:
        self.answer = Answer()
        self._grown: dict[tuple[int, int], dict[int, list[str]]] = {}
        """Of each open part the pieces of each section."""
        self._parts: dict[tuple[int, int], Part] = {}
        self._logprobs: dict[int, list[bytes]] = {}

    def add(self, event: Event) -> None:
        """One more event."""
        answer = self.answer
        if isinstance(event, Grow):
            sections = self._grown.setdefault((event.choice, event.index), {})
            sections.setdefault(event.section, []).append(event.text)
        elif isinstance(event, PartBegin):
            part = copy.copy(event.part)
            self._parts[event.choice, event.index] = part
            self._choice(event.choice).parts.append(part)
        elif isinstance(event, Sign):
            part = self._parts[event.choice, event.index]
            if isinstance(part, Text | Media | ToolCall | Reasoning):
                part.state = event.state
        elif isinstance(event, Cite):
            part = self._parts[event.choice, event.index]
            if isinstance(part, Text):
                part.citations = [*part.citations, event.citation]
        elif isinstance(event, PartEnd):
            self._settle(event.choice, event.index)
        elif isinstance(event, Begin):
            answer.id, answer.model, answer.created = event.id, event.model, event.created
            answer.service_tier, answer.fingerprint = event.service_tier, event.fingerprint
            answer.extra, answer.dialect = event.extra, event.dialect
        elif isinstance(event, StopSeen):
            choice = self._choice(event.choice)
            choice.stop, choice.extra = event.stop, event.extra
        elif isinstance(event, UsageSeen):
            answer.usage, answer.raw_usage = event.usage, event.raw
        elif isinstance(event, LogProbs):
            self._logprobs.setdefault(event.choice, []).append(event.raw)

    def _choice(self, number: int) -> Choice:
        choices = self.answer.choices
        while len(choices) <= number:
            choices.append(Choice())
        return choices[number]

    def _settle(self, choice: int, index: int) -> None:
        for section, pieces in sorted(self._grown.pop((choice, index), {}).items()):
            _grow(self._parts[choice, index], section, "".join(pieces))

    def finish(self) -> Answer:
        """The answer, also when parts were left open."""
        for choice, index in list(self._parts):
            self._settle(choice, index)
        for choice, pieces in self._logprobs.items():
            self._choice(choice).logprobs = _joined(pieces)
        return self.answer


def _grow(part: Part, section: int, text: str) -> None:
    if isinstance(part, Text | Refusal):
        part.text += text
    elif isinstance(part, ToolCall):
        part.arguments += text
    elif isinstance(part, Reasoning):
        if section < 0:
            part.text += text
        else:
            summary = [*part.summary, *[""] * (section + 1 - len(part.summary))]
            summary[section] += text
            part.summary = summary
    elif isinstance(part, Media):
        if section == 1:
            part.transcript = (part.transcript or "") + text
        else:
            part.data = (part.data or "") + text


def _joined(pieces: list[bytes]) -> bytes:
    joined: dict[str, list[msgspec.Raw]] = {}
    for piece in pieces:
        try:
            fields = _decode_logprobs(piece)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue  # of a form of the provider's own: no word has it that could be joined
        for name, entries in fields.items():
            joined.setdefault(name, []).extend(entries or ())
    return msgspec.json.encode(joined)


_decode_logprobs = msgspec.json.Decoder(dict[str, list[msgspec.Raw] | None]).decode


def events_of(answer: Answer) -> Iterator[Event]:
    """The events of a stream that says what `answer` says, each part in one piece."""
    yield Begin(
        id=answer.id,
        model=answer.model,
        created=answer.created,
        service_tier=answer.service_tier,
        fingerprint=answer.fingerprint,
        extra=answer.extra,
        dialect=answer.dialect,
    )
    for number, choice in enumerate(answer.choices):
        for index, part in enumerate(choice.parts):
            yield from _events_of_part(number, index, part)
        if choice.logprobs is not None:
            yield LogProbs(number, choice.logprobs)
        if choice.stop is not None:
            yield StopSeen(number, choice.stop, choice.extra)
    if answer.raw_usage is not None or answer.usage.source != "unknown":
        yield UsageSeen(answer.usage, answer.raw_usage)
    yield End()


def _events_of_part(choice: int, index: int, part: Part) -> Iterator[Event]:
    if isinstance(part, Text):
        yield PartBegin(choice, index, Text(item_id=part.item_id, extra=part.extra, cache=part.cache))
        if part.text:
            yield Grow(choice, index, part.text)
        for citation in part.citations:
            yield Cite(choice, index, citation)
    elif isinstance(part, Refusal):
        yield PartBegin(choice, index, Refusal(item_id=part.item_id, extra=part.extra))
        if part.text:
            yield Grow(choice, index, part.text)
    elif isinstance(part, ToolCall):
        begun = copy.copy(part)
        begun.arguments, begun.state = "", None
        yield PartBegin(choice, index, begun)
        yield Grow(choice, index, part.arguments)
    elif isinstance(part, Reasoning):
        yield PartBegin(choice, index, Reasoning(item_id=part.item_id, extra=part.extra))
        if part.text:
            yield Grow(choice, index, part.text)
        for section, text in enumerate(part.summary):
            yield Grow(choice, index, text, section)
    else:
        yield PartBegin(choice, index, part)
    if isinstance(part, Text | ToolCall | Reasoning) and part.state is not None:
        yield Sign(choice, index, part.state)
    yield PartEnd(choice, index)
