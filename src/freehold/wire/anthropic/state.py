"""Where answers have state: on thinking, and in its place."""

from __future__ import annotations

from freehold.core.fields import Fields
from freehold.wire.state_places import EACH, Kind, StatePlaces


def _fields_of(block: Fields) -> tuple[tuple[str, Kind], ...]:
    kind = bytes(block.get("type", b""))
    if kind in (b'"thinking"', b'"signature_delta"'):
        return (("signature", "signature"),)
    return (("data", "redacted"),) if kind == b'"redacted_thinking"' else ()


STATE = StatePlaces(
    marks=(b'"signature"', b'"redacted_thinking"'),
    tree={"content": {EACH: {}}, "content_block": {}, "delta": {}, "message": {"content": {EACH: {}}}},
    fields_of=_fields_of,
    of_model=True,
)
