"""The schemas that real clients sent can be adapted to every provider, most of them without a loss."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from recordings import exchanges, needs_recordings

from freehold.wire.schemas import for_anthropic, for_gemini, for_openai


def recorded() -> list[bytes]:
    found: dict[bytes, None] = {}
    for exchange in exchanges(lambda one: bool(one.request)):
        try:
            left: list[Any] = [msgspec.json.decode(exchange.request)]
        except msgspec.DecodeError:
            continue
        while left:
            one = left.pop()
            if (
                isinstance(one, dict)
                and isinstance(one.get("properties"), dict)
                and one.get("type") == "object"
            ):
                found[msgspec.json.encode(one, order="sorted")] = None
            elif isinstance(one, dict | list):
                left.extend(one.values() if isinstance(one, dict) else one)
    return list(found)


@needs_recordings
@pytest.mark.parametrize("adapt", [for_openai, for_anthropic, for_gemini])
def test_recorded_schemas_are_adapted(adapt: Any) -> None:
    schemas = recorded()
    results = [adapt(schema) for schema in schemas]
    assert schemas
    assert sum(not one.lost for one in results) > 0.75 * len(schemas)
    for result in results:
        kind = msgspec.json.decode(result.schema)["type"]
        assert kind.lower() == "object"
