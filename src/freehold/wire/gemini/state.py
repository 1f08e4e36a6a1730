"""Where answers have state: on any part."""

from __future__ import annotations

from freehold.core.fields import Fields
from freehold.wire.state_places import EACH, Kind, StatePlaces


def _fields_of(_part: Fields) -> tuple[tuple[str, Kind], ...]:
    return (("thoughtSignature", "signature"), ("thought_signature", "signature"))


STATE = StatePlaces(
    marks=(b'ignature"',),
    tree={"candidates": {EACH: {"content": {"parts": {EACH: {}}}}}},
    fields_of=_fields_of,
    beside_text=True,
)
