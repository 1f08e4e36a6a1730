"""Items, read into parts: what an answer's output and a request's input have in common."""

from __future__ import annotations

import msgspec

from freehold.core.fields import Fields
from freehold.core.ids import new_id
from freehold.core.parts import Foreign, Part, Reasoning, Refusal, Text, ToolCall
from freehold.wire.reading import Object, is_text
from freehold.wire.responses.parts_in import read_content
from freehold.wire.responses.state import FIELD
from freehold.wire.responses.vocabulary import MESSAGE, NAME, StateReader, encode

CALLS = ("function_call", "custom_tool_call")


def read_model_item(kind: str, raw: msgspec.Raw, path: str, read_state: StateReader) -> list[Part]:
    """The parts of one item that a model made. Raises Unreadable."""
    if kind == "message":
        item = Object(raw, path)
        item.drop("type", "role", "status")
        parts, _ = read_spoken(item)
        return parts
    if kind == "reasoning":
        return [read_reasoning(Object(raw, path), read_state)]
    if kind in CALLS:
        return [read_call(Object(raw, path), custom=kind == "custom_tool_call")]
    return [read_foreign(kind, raw, read_state)]


def read_foreign(kind: str, raw: msgspec.Raw, read_state: StateReader) -> Foreign:
    """An item of no other dialect; what is encrypted in it (of a conversation that was compacted) is its state."""
    part = Foreign(dialect=NAME, kind=kind, raw=bytes(raw))
    if FIELD.encode() in part.raw:
        item = Object(raw)
        encrypted = item.take_raw(FIELD)
        if encrypted is not None and is_text(encrypted):
            part.state = read_state(msgspec.json.decode(encrypted, type=str))
            part.raw = encode(item.rest())
    return part


def with_state(part: Foreign, state: str | None) -> msgspec.Raw:
    """The item with its state as it is to be told; None: it has none."""
    if state is None:
        return msgspec.Raw(part.raw)
    return msgspec.Raw(encode({**Object(part.raw).rest(), FIELD: state}))


def read_spoken(item: Object) -> tuple[list[Part], bool]:
    """The parts of an assistant's message, and whether its content was a string.

    What is said of the item as a whole (its id, its `phase`) is said of its parts: a turn in the internal form
    may hold several items. A message without content is an empty text.
    """
    item_id = item.take("id", str)
    parts, plain = read_content(item)
    fields = item.rest()
    if not any(isinstance(part, Text | Refusal) for part in parts) and (fields or not parts):
        parts.insert(0, Text())
    for part in parts:
        if isinstance(part, Text | Refusal):
            part.item_id = item_id
    first = next((part for part in parts if isinstance(part, Text | Refusal)), None)
    if fields and first is not None:
        first.extra = {**first.extra, **item_fields(fields)}
    return parts, plain


def item_fields(fields: Fields) -> Fields:
    """A message item's own fields, as they are kept beside those of its first part."""
    return {f"{MESSAGE}{name}": value for name, value in fields.items()}


def read_reasoning(item: Object, read_state: StateReader) -> Reasoning:
    """A reasoning item."""
    item.drop("type", "status")
    encrypted = item.take("encrypted_content", str)
    summary = [part.take("text", str) or "" for part in item.take_objects("summary") or ()]
    content, _ = read_content(item)
    return Reasoning(
        text="".join(_words(part) for part in content),
        summary=summary,
        state=read_state(encrypted) if encrypted else None,
        item_id=item.take("id", str),
        extra=item.rest(),
    )


def _words(part: Part) -> str:
    """Of a part of reasoning's content, whose type is not one that messages have."""
    if isinstance(part, Text):
        return part.text
    return (Object(part.raw).take("text", str) or "") if isinstance(part, Foreign) else ""


def read_call(item: Object, *, custom: bool) -> ToolCall:
    """A call of a function or of a custom tool."""
    item.drop("type", "status")
    item_id = item.take("id", str)
    return ToolCall(
        id=item.take("call_id", str) or item_id or new_id("call"),
        name=item.take("name", str) or "",
        arguments=item.take("input" if custom else "arguments", str) or "",
        custom=custom,
        item_id=item_id,
        extra=item.rest(),
    )
