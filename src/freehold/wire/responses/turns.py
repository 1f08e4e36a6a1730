"""A request's input items, gathered into messages.

Neighbouring items of an assistant's turn (reasoning, words, calls) are one message in their order, so that calls that
belong together stay together for dialects that demand it. A turn that has said something and called nothing ends
where it reasons or speaks again. Neighbouring results of tools are one message too.
"""

from __future__ import annotations

import msgspec

from freehold.core.parts import Foreign, Media, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from freehold.wire.reading import Object, Unreadable
from freehold.wire.responses.carriers import put_back
from freehold.wire.responses.items_in import CALLS, read_call, read_foreign, read_reasoning, read_spoken
from freehold.wire.responses.parts_in import read_content
from freehold.wire.responses.vocabulary import StateReader

_RESULTS = ("function_call_output", "custom_tool_call_output")
_OF_CLIENTS = frozenset(
    {
        "additional_tools",
        "compaction_trigger",
        "configuration_update",
        "item_reference",
        "mcp_approval_response",
    }
)
"""Items that no model makes; so are those whose type ends in `_output`."""


class Turns:
    """The messages of an input."""

    def __init__(self, read_state: StateReader) -> None:
        self.messages: list[Message] = []
        self._read_state = read_state
        self._said = self._called = False
        """Whether the last message holds words, and calls."""

    def add(self, raw: msgspec.Raw, path: str) -> None:
        """One more item. Raises Unreadable."""
        item = Object(raw, path)
        kind = item.take("type", str)
        if kind is None:
            kind = "message" if item.has("role") else "item_reference" if item.has("id") else None
        if kind is None:
            raise Unreadable(item.place("type"), "is missing")
        if kind == "message":
            self._message(item)
        elif kind == "reasoning":
            reasoning = read_reasoning(item, self._read_state)
            turn = self._turn()
            if turn is None or not put_back(reasoning, turn.parts):
                self._say([reasoning])
        elif kind in CALLS:
            self._say([read_call(item, custom=kind == "custom_tool_call")])
        elif kind in _RESULTS:
            self._result(item, custom=kind == "custom_tool_call_output")
        else:
            self._foreign(read_foreign(kind, raw, self._read_state))

    def _turn(self) -> Message | None:
        last = self.messages[-1] if self.messages else None
        return last if last is not None and last.role == "assistant" else None

    def _say(self, parts: list[Part], plain: bool = False) -> None:
        """Parts of the assistant, in its turn or in a new one."""
        turn = self._turn()
        if turn is None or self._is_beyond(turn, parts[0]):
            turn = Message(role="assistant")
            self.messages.append(turn)
            self._said = self._called = False
        turn.parts.extend(parts)
        self._said = self._said or any(isinstance(one, Text | Refusal) for one in parts)
        self._called = self._called or any(isinstance(one, ToolCall) for one in parts)
        turn.plain = turn.plain or plain

    def _message(self, item: Object) -> None:
        role = item.need("role", str)
        item.drop("status")
        if role == "assistant":
            self._say(*read_spoken(item))
            return
        if role not in ("system", "developer", "user"):
            raise Unreadable(item.place("role"), f"is `{role}`, which is no role of an input message")
        item_id = item.take("id", str)
        parts, plain = read_content(item)
        self.messages.append(
            Message(role=role, parts=parts, id=item_id, plain=plain, extra=item.rest())  # type: ignore[arg-type]
        )

    def _result(self, item: Object, *, custom: bool) -> None:
        item.drop("id", "status")
        parts, _ = read_content(item, "output")
        result = ToolResult(
            call_id=item.take("call_id", str) or "",
            name=item.take("name", str),
            content=[
                Text(text=part.text) if isinstance(part, Refusal) else part
                for part in parts
                if isinstance(part, Text | Refusal | Media | Foreign)
            ],
            custom=custom,
            extra=item.rest(),
        )
        last = self.messages[-1] if self.messages else None
        if last is None or last.role != "tool":
            last = Message(role="tool")
            self.messages.append(last)
        last.parts.append(result)

    def _foreign(self, part: Foreign) -> None:
        if self._turn() is None and (part.kind in _OF_CLIENTS or part.kind.endswith("_output")):
            self.messages.append(Message(role="user", parts=[part]))
        else:
            self._say([part])

    def _is_beyond(self, turn: Message, part: Part) -> bool:
        """Whether the part begins another message than `turn`."""
        if isinstance(part, Text | Refusal):
            last = turn.parts[-1] if turn.parts else None
            if isinstance(last, Text | Refusal) and part.item_id in (None, last.item_id):
                return True  # nothing else would tell that they are two items
        elif not isinstance(part, Reasoning):
            return False
        return self._said and not self._called
