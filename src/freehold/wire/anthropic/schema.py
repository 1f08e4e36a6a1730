"""JSON Schemas for answers and strict tools, cut down to what Anthropic can hold a model to."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses

_KEPT = frozenset(
    (
        *("type", "properties", "required", "items", "enum", "const", "anyOf", "allOf"),
        *("$ref", "$defs", "definitions", "description", "title", "default"),
    )
)
_SILENT = frozenset(("$schema", "$id", "$comment"))
"""They say nothing about the values."""
_FORMATS = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
)


def reduced(schema: bytes, losses: Losses) -> msgspec.Raw:
    """The schema as far as it is known there. What is left out is a loss, and is told in the description instead."""
    try:
        plain = msgspec.json.decode(schema)
        return msgspec.Raw(msgspec.json.encode(_reduce(plain, losses)))
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The JSON Schema is not understood: {error}") from None


def _reduce(schema: Any, losses: Losses) -> Any:
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    told: list[str] = []
    for name, value in schema.items():
        if name in ("properties", "$defs", "definitions") and isinstance(value, dict):
            kept[name] = {key: _reduce(inner, losses) for key, inner in value.items()}
        elif name in ("anyOf", "allOf") and isinstance(value, list):
            kept[name] = [_reduce(inner, losses) for inner in value]
        elif name == "items":
            kept[name] = _reduce(value, losses)
        elif name == "oneOf" and isinstance(value, list) and "anyOf" not in schema:
            kept["anyOf"] = [_reduce(inner, losses) for inner in value]
            losses.add("schema", name)
        elif name == "additionalProperties":
            if value is not False:
                losses.add("schema", name)
        elif name in _KEPT or _is_known(name, value):
            kept[name] = value
        elif name not in _SILENT:
            losses.add("schema", name)
            told.append(f"{name}: {msgspec.json.encode(value).decode()}")
    if _is_object(kept):
        kept["additionalProperties"] = False
    if told:
        before = kept.get("description")
        left_out = f"({', '.join(told)})"
        kept["description"] = f"{before}\n\n{left_out}" if before and isinstance(before, str) else left_out
    return kept


def _is_known(name: str, value: object) -> bool:
    return (name == "format" and isinstance(value, str) and value in _FORMATS) or (
        name == "minItems" and value in (0, 1)
    )


def _is_object(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema
