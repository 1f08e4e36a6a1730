"""Gemini's older schemas, a subset of OpenAPI's, as JSON Schema."""

from __future__ import annotations

from typing import Any

from freehold.wire.gemini.fields import camel, encode
from freehold.wire.reading import Unreadable, plain

_ONE = ("items", "additionalProperties", "not")
_MANY = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "defs", "definitions")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_RENAMED = {"defs": "$defs", "ref": "$ref", "$Defs": "$defs"}


def json_schema(raw: bytes) -> bytes:
    """The schema as JSON Schema: types in small letters, `nullable` as a type, properties in their stated order."""
    try:
        return encode(_converted(plain(raw)))
    except RecursionError:
        raise Unreadable("", "holds a schema that is nested too deeply") from None


def _converted(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    fields = {camel(name): value for name, value in schema.items()}
    order = fields.pop("propertyOrdering", None)
    nullable = fields.pop("nullable", None)
    example = fields.pop("example", None)
    result: dict[str, Any] = {}
    for given, value in fields.items():
        name = _RENAMED.get(given, given)
        result[name] = _value(name, value)
    if result.get("type", "") is None:
        del result["type"]
    if example is not None:
        result.setdefault("examples", [example])
    if isinstance(order, list):
        _sort(result, order)
    return _nullable(result) if nullable is True else result


def _value(name: str, value: Any) -> Any:
    """What the keyword `name` says."""
    result = value
    if name == "type":
        result = _type(value)
    elif name in _ONE:
        result = _converted(value)
    elif name in _MANY and isinstance(value, list):
        result = [_converted(item) for item in value]
    elif name in _NAMED and isinstance(value, dict):
        result = {key: _converted(item) for key, item in value.items()}
    elif name in _COUNTS and isinstance(value, str) and value.isdigit():
        result = int(value)
    return result


def _type(value: Any) -> Any:
    if isinstance(value, list):
        return [_type(item) for item in value]
    if not isinstance(value, str):
        return value
    return None if value.upper() == "TYPE_UNSPECIFIED" else value.lower()


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str) and kind != "null":
        schema["type"] = [kind, "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    elif isinstance(schema.get("anyOf"), list) and {"type": "null"} not in schema["anyOf"]:
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    return schema


def _sort(schema: dict[str, Any], order: list[Any]) -> None:
    properties = schema.get("properties")
    if isinstance(properties, dict):
        named = [name for name in order if isinstance(name, str) and name in properties]
        schema["properties"] = {name: properties[name] for name in (*named, *properties)}
