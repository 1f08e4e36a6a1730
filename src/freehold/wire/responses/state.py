"""Where answers have state: in items, of reasoning and of what was compacted."""

from __future__ import annotations

from freehold.core.fields import Fields
from freehold.wire.state_places import EACH, Kind, StatePlaces

FIELD = "encrypted_content"


def _fields_of(_item: Fields) -> tuple[tuple[str, Kind], ...]:
    return ((FIELD, "encrypted"),)


STATE = StatePlaces(
    marks=(b'"encrypted_content"',),
    tree={"output": {EACH: {}}, "item": {}, "response": {"output": {EACH: {}}}},
    fields_of=_fields_of,
)
