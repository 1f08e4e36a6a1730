"""Where answers have state: this dialect has no place for it, its providers have several."""

from __future__ import annotations

from freehold.core.fields import Fields
from freehold.wire.openai_chat.reasoning import kind_of_encrypted
from freehold.wire.state_places import EACH, Kind, StatePlaces, Tree


def _fields_of(holder: Fields) -> tuple[tuple[str, Kind], ...]:
    signed: tuple[tuple[str, Kind], ...] = (("signature", "signature"), ("thought_signature", "signature"))
    if bytes(holder.get("type", b"")) == b'"reasoning.encrypted"':
        return (("data", kind_of_encrypted(bytes(holder.get("format", b"")))), *signed)
    return signed


_MESSAGE: Tree = {
    "reasoning_details": {EACH: {}},
    "tool_calls": {EACH: {"extra_content": {"google": {}}}},
    "extra_content": {"google": {}},
    "content": {EACH: {}},
}

STATE = StatePlaces(
    marks=(b'ignature"', b'"reasoning.encrypted"'),
    tree={"choices": {EACH: {"message": _MESSAGE, "delta": _MESSAGE}}},
    fields_of=_fields_of,
    of_model=True,
)
