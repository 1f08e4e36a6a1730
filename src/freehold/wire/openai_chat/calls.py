"""Tool calls of an assistant's message, and the ids that pair them with their results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from freehold.core.ids import new_id
from freehold.core.parts import State, ToolCall
from freehold.wire.openai_chat.names import Written
from freehold.wire.openai_chat.reasoning import StateReader, StateWriter
from freehold.wire.reading import Object, is_text

_LONGEST_ID = 40
"""OpenAI refuses longer ones."""


class CallIds:
    """Gives ids to the calls of a request that have none, in a way that the same request gets the same ids.

    Their results have none either, so they are paired by order.
    """

    def __init__(self) -> None:
        self._made = 0
        self._open: list[str] = []

    def of_call(self) -> str:
        """For one more call."""
        self._made += 1
        made = f"call_{self._made}"
        self._open.append(made)
        return made

    def of_result(self) -> str:
        """Of the call that has waited longest."""
        return self._open.pop(0) if self._open else f"call_{self._made}"


def fresh_id() -> str:
    """For a call in an answer."""
    return new_id("call")


def call_of(call: Object, make_id: Callable[[], str], read_state: StateReader) -> ToolCall:
    """One of `tool_calls`."""
    kind = call.take("type", str)
    function, custom = call.take_object("function"), call.take_object("custom")
    if function is None and custom is None:
        function = Object(call.take_raw(kind or "function") or b"{}", call.path)
    is_custom = function is None or (kind == "custom" and not function.has("name"))
    held = (custom if is_custom else function) or Object(b"{}")
    found = ToolCall(
        id=call.take("id", str) or make_id(),
        name=held.take("name", str) or "",
        arguments=_arguments(held, "input" if is_custom else "arguments"),
        custom=is_custom,
        state=state_in(call, read_state),
    )
    call.drop("index")
    found.extra = call.rest()
    return found


def legacy_call_of(call: Object, make_id: Callable[[], str]) -> ToolCall | None:
    """A `function_call`; None for the empty one that some servers write."""
    name = call.take("name", str)
    return ToolCall(id=make_id(), name=name, arguments=_arguments(call, "arguments")) if name else None


def _arguments(held: Object, name: str) -> str:
    """As text: some servers write the object itself."""
    raw = held.take_raw(name)
    if raw is None:
        return ""
    return msgspec.json.decode(raw, type=str) if is_text(raw) else raw.decode()


def state_in(holder: Object, read_state: StateReader) -> State | None:
    """Gemini's signature in `extra_content` of a call or a message."""
    raw = holder.take_raw("extra_content")
    if raw is None:
        return None
    google = Object(raw, holder.place("extra_content")).take_object("google")
    signature = None if google is None else google.take("thought_signature", str)
    return read_state(signature, "signature") if signature else None


def written_call(call: ToolCall, write_state: StateWriter, *, same_dialect: bool) -> Written:
    """The call as one of `tool_calls`."""
    held: Written = {"name": call.name}
    held["input" if call.custom else "arguments"] = call.arguments if call.custom else call.arguments or "{}"
    kind = "custom" if call.custom else "function"
    written: Written = {"id": call.id, "type": kind, kind: held}
    signature = None if call.state is None else write_state(call.state)
    if signature is not None:
        written["extra_content"] = signed(signature)
    if same_dialect:
        written.update(call.extra)
    return written


def signed(signature: str) -> Written:
    """What Gemini's compatible endpoint puts a signature into."""
    return {"google": {"thought_signature": signature}}


def sent_id(call_id: str, form: str) -> str:
    """The id as a provider takes it: a long or unfit one is always replaced by the same other one."""
    if form == "nine":
        if len(call_id) == 9 and call_id.isascii() and call_id.isalnum():
            return call_id
        return hashlib.sha256(call_id.encode()).hexdigest()[:9]
    if len(call_id) <= _LONGEST_ID:
        return call_id
    return f"call_{hashlib.sha256(call_id.encode()).hexdigest()[:32]}"
