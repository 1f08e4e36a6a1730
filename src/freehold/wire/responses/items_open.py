"""The items of an answer while they are written: each tells its events and is in the end what it all adds up to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import Citation, Foreign, Reasoning, Refusal, State, Text, ToolCall
from freehold.wire import sealing
from freehold.wire.responses.citations import write_citation
from freehold.wire.responses.logprobs import WaitingLogProbs
from freehold.wire.responses.vocabulary import MESSAGE, Json

Tell = Callable[[str, Json], None]
"""Takes an event: its type and its fields."""

_OF_CALLS = ("namespace", "caller", "async")
"""Further fields of calls in this dialect."""


class Item(Protocol):
    """One item."""

    id: str
    index: int

    def item(self, status: str) -> Json | msgspec.Raw:
        """All of it as far as it is written."""


class MessageItem:
    """A message of the assistant's. More of its parts may come until it is closed."""

    def __init__(self, item_id: str, index: int, fields: Json, tell: Tell) -> None:
        self.id, self.index = item_id, index
        self.content: list[ContentPart] = []
        self.closed = False
        self.last = False
        """No more parts come; those that are open may grow."""
        self._fields = fields
        self._tell = tell
        tell("response.output_item.added", {"output_index": index, "item": self.item("in_progress")})

    def item(self, status: str) -> Json:
        """The message."""
        return {
            "id": self.id,
            "type": "message",
            "status": status,
            "content": [part.part() for part in self.content],
            "role": "assistant",
            **self._fields,
        }

    def close_if_done(self) -> None:
        """Ends it once no more parts come and all have ended."""
        if self.last and not self.closed and all(part.ended for part in self.content):
            self.close("completed")

    def close(self, status: str) -> None:
        """Ends it."""
        if not self.closed:
            self.closed = True
            self._tell("response.output_item.done", {"output_index": self.index, "item": self.item(status)})


class ContentPart:
    """A text, a refusal, or what only this dialect has, within a message."""

    def __init__(
        self, message: MessageItem, part: Text | Refusal | Foreign, tell: Tell, waiting: WaitingLogProbs
    ) -> None:
        self.message = message
        self.ended = False
        self.state: State | None = None
        self._at: Json = {
            "item_id": message.id,
            "output_index": message.index,
            "content_index": len(message.content),
        }
        self._foreign = msgspec.Raw(part.raw) if isinstance(part, Foreign) else None
        self._refusal = isinstance(part, Refusal)
        self._text: list[str] = []
        self._annotations: list[Json | msgspec.Raw] = []
        self._waiting = waiting
        self._covered = 0
        self._written = 0
        self._logprobs: list[msgspec.Raw] = []
        self._tell = tell
        tell("response.content_part.added", {**self._at, "part": self.part()})
        message.content.append(self)

    def part(self) -> Json | msgspec.Raw:
        """The part as far as it is written."""
        text = "".join(self._text)
        if self._foreign is not None:
            return self._foreign
        if self._refusal:
            return {"type": "refusal", "refusal": text}
        return {
            "type": "output_text",
            "annotations": list(self._annotations),
            "logprobs": list(self._logprobs),
            "text": text,
        }

    def grow(self, text: str) -> None:
        """More words, with the log-probabilities that are known of them."""
        self._text.append(text)
        if self._refusal:
            self._tell("response.refusal.delta", {**self._at, "delta": text})
        else:
            self._written += len(text)
            fresh = self._take_logprobs() if self._waiting else []
            self._tell("response.output_text.delta", {**self._at, "delta": text, "logprobs": fresh})

    def _take_logprobs(self) -> list[msgspec.Raw]:
        entries, length = self._waiting.take(self._written - self._covered)
        self._covered += length
        self._logprobs += entries
        return entries

    def cite(self, citation: Citation, losses: Losses) -> None:
        """One more annotation."""
        annotation = write_citation(citation, losses)
        if annotation is not None:
            place = {**self._at, "annotation_index": len(self._annotations)}
            self._annotations.append(annotation)
            self._tell("response.output_text.annotation.added", {**place, "annotation": annotation})

    def end(self) -> None:
        """Nothing more comes."""
        self.ended = True
        text = "".join(self._text)
        if self._refusal:
            self._tell("response.refusal.done", {**self._at, "refusal": text})
        elif self._foreign is None:
            if self._waiting:
                self._take_logprobs()
            done = {**self._at, "text": text, "logprobs": list(self._logprobs)}
            self._tell("response.output_text.done", done)
        self._tell("response.content_part.done", {**self._at, "part": self.part()})


class ReasoningItem:
    """Reasoning: sections of a summary, the reasoning itself, and what only its maker can read."""

    def __init__(self, item_id: str, index: int, tell: Tell) -> None:
        self.id, self.index = item_id, index
        self.state: State | None = None
        self._text: list[str] = []
        self._sections: list[list[str]] = []
        self._finished = 0
        """Sections that are done."""
        self._tell = tell
        tell("response.output_item.added", {"output_index": index, "item": self.item("in_progress")})

    def item(self, status: str) -> Json:
        """The reasoning. A status is no part of it at OpenAI."""
        item: Json = {
            "id": self.id,
            "type": "reasoning",
            "summary": [_summary("".join(section)) for section in self._sections],
        }
        if self._text:
            item["content"] = [{"type": "reasoning_text", "text": "".join(self._text)}]
        if self.state is not None:
            item["encrypted_content"] = sealing.seal(self.state)
        return item

    def grow(self, text: str, section: int) -> None:
        """More of a section, from 0, or of the reasoning itself (-1)."""
        if section >= 0:
            self._grow_summary(text, section)
            return
        at = {"item_id": self.id, "output_index": self.index, "content_index": 0}
        if not self._text:
            begun = {"type": "reasoning_text", "text": ""}
            self._tell("response.content_part.added", {**at, "part": begun})
        self._text.append(text)
        self._tell("response.reasoning_text.delta", {**at, "delta": text})

    def _grow_summary(self, text: str, section: int) -> None:
        while len(self._sections) <= section:
            self._finish_section()
            self._sections.append([])
            self._tell("response.reasoning_summary_part.added", {**self._section(), "part": _summary("")})
        self._sections[section].append(text)
        if section == len(self._sections) - 1:
            self._tell("response.reasoning_summary_text.delta", {**self._section(), "delta": text})

    def _section(self) -> Json:
        return {
            "item_id": self.id,
            "output_index": self.index,
            "summary_index": len(self._sections) - 1,
        }

    def _finish_section(self) -> None:
        if self._finished < len(self._sections):
            self._finished = len(self._sections)
            text = "".join(self._sections[-1])
            self._tell("response.reasoning_summary_text.done", {**self._section(), "text": text})
            self._tell("response.reasoning_summary_part.done", {**self._section(), "part": _summary(text)})

    def end(self) -> None:
        """Nothing more comes."""
        self._finish_section()
        if self._text:
            at = {"item_id": self.id, "output_index": self.index, "content_index": 0}
            text = "".join(self._text)
            self._tell("response.reasoning_text.done", {**at, "text": text})
            done = {"type": "reasoning_text", "text": text}
            self._tell("response.content_part.done", {**at, "part": done})
        done_item = {"output_index": self.index, "item": self.item("completed")}
        self._tell("response.output_item.done", done_item)


def _summary(text: str) -> Json:
    return {"type": "summary_text", "text": text}


class CallItem:
    """A call of a function or of a custom tool."""

    def __init__(self, call: ToolCall, item_id: str, index: int, tell: Tell, losses: Losses) -> None:
        self.id, self.index = item_id, index
        self.state: State | None = None
        self._custom = call.custom
        self._arguments: list[str] = []
        self._fields: Json = {"call_id": call.id, "name": call.name}
        for name, value in call.extra.items():
            if name in _OF_CALLS:
                self._fields[name] = value
            else:
                losses.add("answer", name)
        self._tell = tell
        tell("response.output_item.added", {"output_index": index, "item": self.item("in_progress")})

    def item(self, status: str) -> Json:
        """The call."""
        return {
            "id": self.id,
            "type": "custom_tool_call" if self._custom else "function_call",
            "status": status,
            "input" if self._custom else "arguments": "".join(self._arguments),
            **self._fields,
        }

    def grow(self, text: str) -> None:
        """More arguments."""
        self._arguments.append(text)
        kind = "custom_tool_call_input" if self._custom else "function_call_arguments"
        self._tell(f"response.{kind}.delta", {"item_id": self.id, "output_index": self.index, "delta": text})

    def end(self) -> None:
        """Nothing more comes. A function without arguments is called with none."""
        if not any(self._arguments):
            self.grow("" if self._custom else "{}")
        at = {"item_id": self.id, "output_index": self.index}
        whole = "".join(self._arguments)
        if self._custom:
            self._tell("response.custom_tool_call_input.done", {**at, "input": whole})
        else:
            self._tell("response.function_call_arguments.done", {**at, "arguments": whole})
        done = {"output_index": self.index, "item": self.item("completed")}
        self._tell("response.output_item.done", done)


class WholeItem:
    """An item that comes in one piece."""

    def __init__(self, whole: Json | msgspec.Raw, item_id: str, index: int, tell: Tell) -> None:
        self.id, self.index = item_id, index
        self._whole = whole
        tell("response.output_item.added", {"output_index": index, "item": whole})
        tell("response.output_item.done", {"output_index": index, "item": whole})

    def item(self, status: str) -> Json | msgspec.Raw:
        """The item, whose status is its own."""
        return self._whole


def message_fields(part: Text | Refusal | Foreign, losses: Losses) -> Json:
    """What is said of the message as a whole, beside its first part."""
    if isinstance(part, Foreign):
        return {}
    fields: Json = {}
    for name, value in part.extra.items():
        if name.startswith(MESSAGE):
            fields[name.removeprefix(MESSAGE)] = value
        else:
            losses.add("answer", name)
    return fields


def lose_fields(part: Reasoning, losses: Losses) -> None:
    """Declares what else was said of reasoning."""
    for name in part.extra:
        losses.add("answer", name)
