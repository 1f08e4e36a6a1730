"""JSON Schemas made plainer without changing what they mean: references resolved, `allOf` merged, types inferred."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freehold.core.errors import BadRequest

JsonSchema = dict[str, Any]

ANYTHING = ("string", "number", "boolean", "null")
"""What stands for a schema without a type where every schema must have one: anything that is no container."""
_MOST_REFERENCES = 1000
_MARKS = (
    ("object", ("properties", "required", "additionalProperties", "patternProperties")),
    ("object", ("minProperties", "maxProperties")),
    ("array", ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains")),
    ("string", ("minLength", "maxLength", "pattern", "format")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)
"""Keywords that are said of one type alone."""
WORDS = frozenset({"title", "description", "default"})
"""Keywords for people and models, which forbid nothing."""
_ABOUT = WORDS | {"examples", "$comment"}


def target(root: Any, reference: Any) -> JsonSchema | None:
    """What a reference within the schema leads to; None where it leads elsewhere or nowhere."""
    if reference == "#":
        return root if isinstance(root, dict) else None
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    place = root
    for step in reference[2:].split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, dict) or key not in place:
            return None
        place = place[key]
    return place if isinstance(place, dict) else None


class References:
    """Which references of a schema come back to themselves."""

    __slots__ = ("_inner", "_recursive", "_root")

    def __init__(self, root: Any) -> None:
        self._root = root
        self._inner: dict[str, list[str]] = {}
        self._recursive: dict[str, bool] = {}

    def is_recursive(self, reference: str) -> bool:
        """Whether following the reference comes back to it. Raises BadRequest when there are too many to tell."""
        if reference not in self._recursive:
            self._recursive[reference] = self._comes_back(reference)
        return self._recursive[reference]

    def _comes_back(self, reference: str) -> bool:
        seen: set[str] = set()
        left = [reference]
        while left:
            for inner in self._following(left.pop()):
                if inner == reference:
                    return True
                if inner not in seen:
                    seen.add(inner)
                    left.append(inner)
        return False

    def _following(self, reference: str) -> list[str]:
        if reference not in self._inner:
            if len(self._inner) >= _MOST_REFERENCES:
                raise BadRequest(f"A JSON Schema has more than {_MOST_REFERENCES} different references.")
            self._inner[reference] = _references(target(self._root, reference))
        return self._inner[reference]


def _references(schema: Any) -> list[str]:
    found: list[str] = []
    left = [schema]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            reference = one.get("$ref")
            if isinstance(reference, str):
                found.append(reference)
            left.extend(
                inner for key, inner in one.items() if key not in ("enum", "const", "default", "examples")
            )
        elif isinstance(one, list):
            left.extend(one)
    return list(dict.fromkeys(found))


def typed(schema: JsonSchema) -> list[str]:
    """The types a schema names, in lower case as JSON Schema has them."""
    kind = schema.get("type")
    names = [kind] if isinstance(kind, str) else kind if isinstance(kind, list) else []
    found = [name.lower() for name in names if isinstance(name, str)]
    if schema.get("nullable") is True and found and "null" not in found:
        found.append("null")
    return found


def inferred(schema: JsonSchema) -> str | None:
    """The type that a schema without one is about."""
    return next((kind for kind, marks in _MARKS if any(mark in schema for mark in marks)), None)


def admits_null(schema: Any) -> bool:
    """Whether null is certainly good."""
    if not isinstance(schema, dict) or "$ref" in schema or "allOf" in schema or "const" in schema:
        return False
    if "enum" in schema and None not in schema["enum"]:
        return False
    variants = schema.get("anyOf")
    if isinstance(variants, list):
        return any(admits_null(one) for one in variants) and (not typed(schema) or "null" in typed(schema))
    return "null" in typed(schema) and "not" not in schema and "oneOf" not in schema


def merged(schema: JsonSchema, resolve: Callable[[Any], JsonSchema | None]) -> tuple[JsonSchema, bool]:
    """The schema with its `allOf` put into it, and whether all of it could be."""
    parts = schema.get("allOf")
    if parts is None:
        return schema, True
    whole = {key: value for key, value in schema.items() if key != "allOf"}
    complete = isinstance(parts, list)
    for part in parts if isinstance(parts, list) else []:
        plain = resolve(part)
        if plain is None or not _put(whole, plain):
            complete = False
    return whole, complete


def _put(whole: JsonSchema, part: JsonSchema) -> bool:
    """Merge `part` into `whole`; nothing is changed where the two speak of the same."""
    for key, value in part.items():
        if key in ("properties", "$defs", "definitions"):
            mine = whole.get(key, {})
            if not isinstance(value, dict) or not isinstance(mine, dict) or any(
                name in mine and mine[name] != value[name] for name in value
            ):  # fmt: skip
                return False
        elif key == "additionalProperties" or "additionalProperties" in whole:
            # It is about what its own `properties` do not name, which merging would change.
            if whole.get(key) != value or part.get("properties") or whole.get("properties"):
                return False
        elif key not in _ABOUT and key != "required" and key in whole and whole[key] != value:
            return False
    for key, value in part.items():
        if key in ("properties", "$defs", "definitions"):
            whole[key] = {**whole.get(key, {}), **value}
        elif key == "required" and isinstance(value, list):
            mine = whole.get(key)
            whole[key] = list(dict.fromkeys([*(mine if isinstance(mine, list) else []), *value]))
        else:
            whole.setdefault(key, value)
    return True


def kinds_of(values: Any) -> list[str]:
    """The types of values that a schema lists."""
    found = [_kind_of(value) for value in values] if isinstance(values, list) else []
    return sorted(set(found)) or list(ANYTHING)


def _kind_of(value: Any) -> str:
    return next((name for name, kind in _KINDS if isinstance(value, kind)), "null")


_KINDS = (
    ("boolean", bool),
    ("integer", int),
    ("number", float),
    ("string", str),
    ("array", list),
    ("object", dict),
)
"""In an order in which the first that fits is right: true is a number to Python."""
