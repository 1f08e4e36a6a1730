"""The items of an answer while they are written: each tells its events and is in the end what it all adds up to."""

from __future__ import annotations

from typing import Protocol

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import Reasoning, State, ToolCall
from freehold.wire import sealing
from freehold.wire.responses.frames import DeltaForm, Frames, delta_form
from freehold.wire.responses.vocabulary import Json

_OF_CALLS = ("namespace", "caller", "async")
"""Further fields of calls in this dialect."""


class Item(Protocol):
    """One item."""

    id: str
    index: int

    def item(self, status: str) -> Json | msgspec.Raw:
        """All of it as far as it is written."""


class ReasoningItem:
    """Reasoning: sections of a summary, the reasoning itself, and what only its maker can read."""

    def __init__(self, item_id: str, index: int, frames: Frames) -> None:
        self.id, self.index = item_id, index
        self.state: State | None = None
        self._text: list[str] = []
        self._sections: list[list[str]] = []
        self._finished = 0
        """Sections that are done."""
        self._delta: DeltaForm | None = None
        """Of the reasoning itself, once it has begun."""
        self._section_delta: DeltaForm | None = None
        """Of the section that is written."""
        self._frames = frames
        frames.tell("response.output_item.added", {"output_index": index, "item": self.item("in_progress")})

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

    def grow(self, text: str, section: int = -1) -> None:
        """More of a section, from 0, or of the reasoning itself (-1)."""
        if section >= 0:
            self._grow_summary(text, section)
            return
        if self._delta is None:
            at = {"item_id": self.id, "output_index": self.index, "content_index": 0}
            begun = {"type": "reasoning_text", "text": ""}
            self._frames.tell("response.content_part.added", {**at, "part": begun})
            self._delta = delta_form("response.reasoning_text.delta", at)
        self._text.append(text)
        self._frames.tell_delta(self._delta, text)

    def _grow_summary(self, text: str, section: int) -> None:
        while len(self._sections) <= section:
            self._finish_section()
            self._sections.append([])
            self._frames.tell(
                "response.reasoning_summary_part.added", {**self._section(), "part": _summary("")}
            )
            self._section_delta = delta_form("response.reasoning_summary_text.delta", self._section())
        self._sections[section].append(text)
        if self._section_delta is not None and section == len(self._sections) - 1:
            self._frames.tell_delta(self._section_delta, text)

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
            self._frames.tell("response.reasoning_summary_text.done", {**self._section(), "text": text})
            self._frames.tell(
                "response.reasoning_summary_part.done", {**self._section(), "part": _summary(text)}
            )

    def end(self) -> None:
        """Nothing more comes."""
        self._finish_section()
        if self._text:
            at = {"item_id": self.id, "output_index": self.index, "content_index": 0}
            text = "".join(self._text)
            self._frames.tell("response.reasoning_text.done", {**at, "text": text})
            done = {"type": "reasoning_text", "text": text}
            self._frames.tell("response.content_part.done", {**at, "part": done})
        done_item = {"output_index": self.index, "item": self.item("completed")}
        self._frames.tell("response.output_item.done", done_item)


def _summary(text: str) -> Json:
    return {"type": "summary_text", "text": text}


class CallItem:
    """A call of a function or of a custom tool."""

    def __init__(
        self, call: ToolCall, item_id: str, index: int, frames: Frames, losses: Losses, *, own: bool
    ) -> None:
        self.id, self.index = item_id, index
        self.state: State | None = None
        self._custom = call.custom
        self._arguments: list[str] = []
        self._fields: Json = {"call_id": call.id, "name": call.name}
        for name, value in call.extra.items():
            if own and name in _OF_CALLS:
                self._fields[name] = value
            else:
                losses.add("answer", name)
        self._frames = frames
        frames.tell("response.output_item.added", {"output_index": index, "item": self.item("in_progress")})
        kind = "custom_tool_call_input" if self._custom else "function_call_arguments"
        self._delta = delta_form(f"response.{kind}.delta", {"item_id": item_id, "output_index": index})

    def item(self, status: str) -> Json:
        """The call."""
        return {
            "id": self.id,
            "type": "custom_tool_call" if self._custom else "function_call",
            "status": status,
            "input" if self._custom else "arguments": "".join(self._arguments),
            **self._fields,
        }

    def grow(self, text: str, section: int = -1) -> None:
        """More arguments."""
        self._arguments.append(text)
        self._frames.tell_delta(self._delta, text)

    def end(self) -> None:
        """Nothing more comes. A function without arguments is called with none."""
        if not any(self._arguments):
            self.grow("" if self._custom else "{}")
        at = {"item_id": self.id, "output_index": self.index}
        whole = "".join(self._arguments)
        if self._custom:
            self._frames.tell("response.custom_tool_call_input.done", {**at, "input": whole})
        else:
            self._frames.tell("response.function_call_arguments.done", {**at, "arguments": whole})
        done = {"output_index": self.index, "item": self.item("completed")}
        self._frames.tell("response.output_item.done", done)


class WholeItem:
    """An item that comes in one piece."""

    def __init__(self, whole: Json | msgspec.Raw, item_id: str, index: int, frames: Frames) -> None:
        self.id, self.index = item_id, index
        self._whole = whole
        frames.tell("response.output_item.added", {"output_index": index, "item": whole})
        frames.tell("response.output_item.done", {"output_index": index, "item": whole})

    def item(self, status: str) -> Json | msgspec.Raw:
        """The item, whose status is its own."""
        return self._whole


def lose_fields(part: Reasoning, losses: Losses) -> None:
    """Declares what else was said of reasoning."""
    for name in part.extra:
        losses.add("answer", name)
