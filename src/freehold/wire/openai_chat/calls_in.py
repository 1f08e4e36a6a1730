"""The tool calls of a streamed choice, whichever way the provider numbers them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from freehold.core.events import Event, Grow, PartEnd, Sign
from freehold.core.parts import Part, ToolCall
from freehold.wire.openai_chat.answer_in import own_state
from freehold.wire.openai_chat.calls import fresh_id, state_in
from freehold.wire.openai_chat.chunks import CallDelta, CustomDelta, FunctionDelta, present
from freehold.wire.reading import Object

_NO_FUNCTION = FunctionDelta()
_NO_CUSTOM = CustomDelta()


class _Call:
    """A call that has begun on the wire; it is told once it has a name."""

    __slots__ = ("arguments", "custom", "id", "index", "part")

    def __init__(self, index: int | None, call_id: str) -> None:
        self.index = index
        self.id = call_id
        self.part = -1
        self.arguments: list[str] = []
        self.custom = False


class CallReader:
    """Finds out to which call each delta belongs, as most say by `index`, some by `id`, and some not at all."""

    __slots__ = ("_begin", "_by_id", "_by_index", "_calls", "_number")

    def __init__(self, number: int, begin: Callable[[Part, list[Event]], int]) -> None:
        self._number = number
        self._begin = begin
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        """The last call of each number."""
        self._by_id: dict[str, _Call] = {}

    def read(self, delta: CallDelta, events: list[Event]) -> None:
        """What the delta adds."""
        if self._goes_on(delta, events):
            return
        function, custom = delta.function or _NO_FUNCTION, delta.custom or _NO_CUSTOM
        name = function.name or custom.name or ""
        call = self._call_of(delta, name)
        if call is None:
            call = _Call(delta.index, delta.id or "")
            call.custom = delta.type == "custom" or (delta.function is None and delta.custom is not None)
            self._calls.append(call)
            if call.index is not None:
                self._by_index[call.index] = call
        call.id = call.id or delta.id or ""
        if call.id:
            self._by_id[call.id] = call
        arguments = custom.input if call.custom else function.arguments
        text = arguments if isinstance(arguments, str) else ""
        if isinstance(arguments, dict):
            text = msgspec.json.encode(arguments).decode()
        if call.part < 0 and name:
            self._tell(call, name, events)
        if text:
            call.arguments.append(text)
            if call.part >= 0:
                events.append(Grow(self._number, call.part, text))
        extra = present(delta.extra_content)
        if extra is not None and call.part >= 0:
            state = state_in(Object(b'{"extra_content":%b}' % extra), own_state)
            if state is not None:
                events.append(Sign(self._number, call.part, state))

    def _goes_on(self, delta: CallDelta, events: list[Event]) -> bool:
        """Whether it was more arguments of a numbered call and nothing else, as most deltas are; they are told."""
        function = delta.function
        if function is None or function.name or delta.id or delta.index is None or delta.extra_content:
            return False
        call = self._by_index.get(delta.index)
        text = function.arguments
        if call is None or call.part < 0 or call.custom or not isinstance(text, str):
            return False
        if text:
            call.arguments.append(text)
            events.append(Grow(self._number, call.part, text))
        return True

    def _call_of(self, delta: CallDelta, name: str) -> _Call | None:
        """The call that the delta goes on with; None when it begins one."""
        if delta.index is not None:
            call = self._by_index.get(delta.index)
            if call is None or not name or call.part < 0:
                return call
            if delta.id and call.id:
                return call if delta.id == call.id else None  # every call numbered 0
            return None if _is_json("".join(call.arguments)) else call
        if delta.id:
            call = self._by_id.get(delta.id)
            if call is not None or name:
                return call
        elif name:
            return None
        return self._calls[-1] if self._calls else None

    def _tell(self, call: _Call, name: str, events: list[Event]) -> None:
        call.id = call.id or fresh_id()
        call.part = self._begin(ToolCall(id=call.id, name=name, custom=call.custom), events)
        events += [Grow(self._number, call.part, text) for text in call.arguments]

    def close(self, events: list[Event]) -> None:
        """Ends every call; one that never was named is told as it is."""
        for call in self._calls:
            if call.part < 0:
                self._tell(call, "", events)
            events.append(PartEnd(self._number, call.part))
        self._calls = []
        self._by_index.clear()
        self._by_id.clear()


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
