"""JSON Schemas: what is compared of them, what strict ones must have, and values that satisfy them."""

from __future__ import annotations

from typing import Any

from freehold.providers.simulated.dice import Dice
from freehold.providers.simulated.words import lorem

_DEEP = 10
"""Below this only what is required is made: a schema may contain itself."""
_MAPS = ("properties", "$defs", "definitions")
_FORMATS = {"date": "2026-01-31", "date-time": "2026-01-31T12:00:00Z", "email": "lorem@example.com"}
OPENAPI_KEYS = frozenset(
    """
    type format title description nullable enum maxItems minItems properties required minProperties
    maxProperties minLength maxLength pattern example anyOf propertyOrdering default items minimum
    maximum
    """.split()  # noqa: SIM905 - a list literal would be three times as long
)
"""What Gemini's own form of schemas knows."""


def plain(schema: object) -> dict[str, Any]:
    """`schema` as it is compared: types in lower case, `nullable` as a type, without what is only decoration."""
    found = _plain(schema) if isinstance(schema, dict) else {}
    return found if found and found != {"type": "object"} else {"type": "object", "properties": {}}


def _plain(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    new: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("$schema", "nullable", "propertyOrdering"):
            continue
        if key == "type":
            new[key] = value.lower() if isinstance(value, str) else value
        elif key in _MAPS and isinstance(value, dict):
            new[key] = {name: _plain(one) for name, one in value.items()}
        elif isinstance(value, dict) and key in ("items", "additionalProperties", "not"):
            new[key] = _plain(value)
        elif isinstance(value, list) and key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            new[key] = [_plain(one) for one in value]
        else:
            new[key] = value
    if schema.get("nullable") is True and isinstance(new.get("type"), str):
        new["type"] = [new["type"], "null"]
    return new


def object_in(schema: dict[str, Any], key: str) -> dict[str, Any]:
    """The object at `key`; an empty one when there is none."""
    found = schema.get(key)
    return found if isinstance(found, dict) else {}


def list_in(schema: dict[str, Any], key: str) -> list[Any]:
    """The list at `key`; an empty one when there is none."""
    found = schema.get(key)
    return found if isinstance(found, list) else []


def loose_object(schema: Any, *, all_required: bool) -> str | None:
    """The path of the first object that is open to other properties, or with `all_required` has optional ones."""
    return _loose(schema, "()", all_required)


def _loose(schema: Any, path: str, all_required: bool) -> str | None:
    if not isinstance(schema, dict):
        return None
    properties = object_in(schema, "properties")
    if schema.get("type") == "object" or properties:
        if schema.get("additionalProperties") is not False:
            return path
        if all_required and list(properties) != [
            one for one in properties if one in list_in(schema, "required")
        ]:
            return path
    inner: list[tuple[str, Any]] = []
    for name in _MAPS:
        inner += [(f"{name}.{key}", one) for key, one in object_in(schema, name).items()]
    inner += [("items", schema.get("items"))]
    inner += [("anyOf", one) for one in list_in(schema, "anyOf")]
    for name, one in inner:
        if (found := _loose(one, f"{path}.{name}", all_required)) is not None:
            return found
    return None


def foreign_key(schema: Any) -> str | None:
    """The first keyword that Gemini's own form of schemas does not know."""
    if not isinstance(schema, dict):
        return None
    for key, value in schema.items():
        if key not in OPENAPI_KEYS:
            return str(key)
        inner = list(value.values()) if key == "properties" and isinstance(value, dict) else []
        inner += [value] if key == "items" else value if key == "anyOf" and isinstance(value, list) else []
        for one in inner:
            if (found := foreign_key(one)) is not None:
                return found
    return None


def instance_of(schema: Any, dice: Dice, root: Any = None, depth: int = 0) -> Any:  # noqa: PLR0911, PLR0912 - one row for each type
    """A value that satisfies `schema` as far as it uses the usual keywords."""
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > 20:
        return None
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        found = root
        for step in reference.removeprefix("#").strip("/").split("/"):
            found = found.get(step, {}) if step and isinstance(found, dict) else found
        return instance_of(found, dice, root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if words := list_in(schema, "enum"):
        return words[dice.below(len(words))]
    for key in ("anyOf", "oneOf", "allOf"):
        if inner := list_in(schema, key):
            return instance_of(inner[0], dice, root, depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    match str(kind).lower():
        case "array":
            count = min(max(_number_in(schema, "minItems", 1), 0 if depth > _DEEP else 1), 100)
            return [instance_of(schema.get("items", {}), dice, root, depth + 1) for _ in range(int(count))]
        case "string":
            return _text_of(schema, dice)
        case "integer" | "number":
            low = _number_in(schema, "minimum", _number_in(schema, "exclusiveMinimum", -1) + 1)
            high = _number_in(schema, "maximum", low + 9)
            return low + dice.below(max(int(high - low), 0) + 1)
        case "boolean":
            return bool(dice.below(2))
        case "null":
            return None
        case _:
            properties = object_in(schema, "properties")
            required = list_in(schema, "required")
            return {
                key: instance_of(one, dice, root, depth + 1)
                for key, one in properties.items()
                if depth <= _DEEP or key in required
            }


def _text_of(schema: dict[str, Any], dice: Dice) -> str:
    words = lorem(dice)
    text = _FORMATS.get(str(schema.get("format"))) or next(words)
    while len(text) < min(_number_in(schema, "minLength", 0), 10_000):
        text += next(words)
    return text[: int(_number_in(schema, "maxLength", len(text)))]


def _number_in(schema: dict[str, Any], key: str, usual: float) -> float:
    found = schema.get(key)
    return found if isinstance(found, int | float) else usual
