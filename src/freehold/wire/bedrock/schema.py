"""JSON Schemas within what Claude takes where an answer or a call has to follow one strictly."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.core.losses import Losses

_UNKNOWN = (
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxProperties",
    "maximum",
    "minProperties",
    "minimum",
    "multipleOf",
    "uniqueItems",
)
"""Constraints that are refused, unlike those of a text's length. `minItems` is taken when it is 0 or 1."""
_NAMED = ("properties", "$defs", "definitions")
_LISTED = ("anyOf", "allOf", "oneOf", "prefixItems")


def narrowed(schema: bytes, losses: Losses) -> bytes:
    """The schema without what Claude refuses, each a loss; objects are closed, as they have to be."""
    try:
        return msgspec.json.encode(_narrowed(msgspec.json.decode(schema), losses))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return schema  # the provider says what is wrong with it


def _narrowed(schema: Any, losses: Losses) -> Any:
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for name, value in schema.items():
        if name in _UNKNOWN or (name == "minItems" and value not in (0, 1)):
            losses.add("schema", name)
        elif name in _NAMED and isinstance(value, dict):
            kept[name] = {inner: _narrowed(one, losses) for inner, one in value.items()}
        elif name in _LISTED and isinstance(value, list):
            kept[name] = [_narrowed(one, losses) for one in value]
        elif name == "items":
            kept[name] = _narrowed(value, losses)
        else:
            kept[name] = value
    if kept.get("type") == "object" or "properties" in kept:
        if kept.get("additionalProperties", False) is not False:
            losses.add("schema", "additionalProperties")
        kept["additionalProperties"] = False
    return kept
