"""One JSON Schema on its way into what a provider knows."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from freehold.core.errors import BadRequest
from freehold.wire.schema_open_api import in_open_api, without_null
from freehold.wire.schema_reading import (
    ANYTHING,
    WORDS,
    JsonSchema,
    References,
    admits_null,
    inferred,
    kinds_of,
    merged,
    target,
    typed,
)
from freehold.wire.schema_subsets import Subset

_MOST_NODES = 20_000
_MOST_DEPTH = 64
_MOST_TOLD = 200
_SILENT = frozenset(
    {"$schema", "$id", "$comment", "$anchor", "readOnly", "writeOnly", "deprecated", "nullable"}
)
"""Say nothing about the value, or are said otherwise."""
_HARD_PATTERN = re.compile(r"\\[bB1-9k]|\(\?[=!<]")
"""Borders of words, references back, looking around."""


class Adaptation:
    """One schema on its way."""

    def __init__(self, root: Any, subset: Subset) -> None:
        self._root = root
        self._subset = subset
        self._nodes = 0
        self._references = References(root)
        self.lost: dict[str, None] = {}

    def root(self) -> JsonSchema:
        """The whole schema, which must be an object's and no mere reference."""
        whole = dict(self._root) if isinstance(self._root, dict) else {}
        if self._root is False:
            self.lost["false"] = None
        definitions = {key: whole.pop(key) for key in ("$defs", "definitions") if key in whole}
        plain = self._resolved(whole)
        if plain is None:
            self.lost["$ref"] = None
            plain = {key: value for key, value in whole.items() if key != "$ref"}
        adapted = self._walk({key: value for key, value in plain.items() if key not in definitions}, 0)
        if self._subset.all_required and adapted.get("type") != "object":
            self.lost["root"] = None
        if not self._subset.open_api:
            for key, named in definitions.items():
                if isinstance(named, dict):
                    adapted[key] = {name: self._walk(inner, 1) for name, inner in named.items()}
        return adapted

    def _resolved(self, schema: Any) -> JsonSchema | None:
        """The schema without references and `allOf` at its top; None where that cannot be."""
        for _ in range(_MOST_DEPTH):
            if not isinstance(schema, dict):
                return {} if schema is True else None
            self._count()
            if "$ref" not in schema:
                whole, complete = merged(schema, self._resolved_part)
                if not complete:
                    self.lost["allOf"] = None
                return whole
            inner = target(self._root, schema["$ref"])
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            if inner is None or any(
                key in inner and inner[key] != beside[key] for key in beside.keys() - WORDS
            ):
                return None
            schema = {**inner, **beside}
        return None

    def _resolved_part(self, schema: Any) -> JsonSchema | None:
        self._count()
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if isinstance(reference, str) and self._references.is_recursive(reference):
            return None
        return self._resolved(schema)

    def _count(self, depth: int = 0) -> None:
        self._nodes += 1
        if depth > _MOST_DEPTH or self._nodes > _MOST_NODES:
            raise BadRequest(f"A JSON Schema is deeper than {_MOST_DEPTH} levels, or too large.")

    # One schema

    def _walk(self, schema: Any, depth: int) -> JsonSchema:
        self._count(depth)
        if schema is False:
            self.lost["false"] = None
        if not isinstance(schema, dict):
            schema = {}
        if "$ref" in schema:
            return self._reference(schema, depth)
        whole, complete = merged(schema, self._resolved_part)
        told: JsonSchema = {}
        if not complete:
            self.lost["allOf"] = None
        whole = self._with_one_choice(dict(whole), told)
        if "anyOf" in whole:
            return self._choice(whole, told, depth)
        return self._plain(whole, told, depth)

    def _lose(self, keyword: str, value: Any, told: JsonSchema) -> None:
        self.lost[keyword] = None
        told[keyword] = value

    def _with_one_choice(self, schema: JsonSchema, told: JsonSchema) -> JsonSchema:
        """At most one choice, and nothing beside it that it would have to be combined with."""
        if "oneOf" in schema and "anyOf" not in schema:
            schema["anyOf"] = schema.pop("oneOf")
            self.lost["oneOf"] = None
        variants = schema.get("anyOf")
        if "anyOf" in schema and (not isinstance(variants, list) or not variants or "properties" in schema):
            self._lose("anyOf", schema.pop("anyOf"), told)
        return schema

    def _choice(self, schema: JsonSchema, told: JsonSchema, depth: int) -> JsonSchema:
        kinds = typed(schema)
        variants = []
        for variant in schema["anyOf"]:
            lacks_type = isinstance(variant, dict) and not typed(variant) and "$ref" not in variant
            if kinds and not lacks_type and variant is not True and not (
                isinstance(variant, dict) and set(typed(variant)) <= set(kinds) and "$ref" not in variant
            ):  # fmt: skip
                self.lost["type"] = None
            base = {} if variant is True else variant
            variants.append(
                self._walk(
                    {**base, "type": kinds} if kinds and (lacks_type or variant is True) else variant,
                    depth + 1,
                )
            )
        adapted: JsonSchema = {"anyOf": variants}
        for key, value in schema.items():
            if key in WORDS and key in self._subset.keywords:
                adapted[key] = value
            elif key not in ("anyOf", "type") and key not in _SILENT:
                self._lose(key, value, told)
        return _telling(without_null(adapted) if self._subset.open_api else adapted, told)

    def _reference(self, schema: JsonSchema, depth: int) -> JsonSchema:
        reference = schema["$ref"]
        beside = {key: value for key, value in schema.items() if key != "$ref" and key not in _SILENT}
        inner = target(self._root, reference)
        if inner is None or (not self._subset.recursive and self._references.is_recursive(reference)):
            self.lost["$ref"] = None
            kinds = typed(inner) if inner is not None else typed(beside)
            # Its kind at least; nothing is said of its insides, which would lead back here.
            return self._walk({"type": kinds} if kinds else {}, depth)
        if self._subset.open_api or not _DEFINITION.fullmatch(reference):
            if self._references.is_recursive(reference):
                self.lost["$ref"] = None
                return self._walk({"type": typed(inner)} if typed(inner) else {}, depth)
            words = {key: value for key, value in beside.items() if key in WORDS}
            for key in beside.keys() - words.keys():
                self.lost[key] = None
            return self._walk({**inner, **words}, depth + 1)
        if not beside:
            return {"$ref": reference}
        told: JsonSchema = {}
        adapted: JsonSchema = {"anyOf": [{"$ref": reference}]}
        for key, value in beside.items():
            if key in WORDS and key in self._subset.keywords:
                adapted[key] = value
            else:
                self._lose(key, value, told)
        return _telling(adapted, told)

    def _plain(self, schema: JsonSchema, told: JsonSchema, depth: int) -> JsonSchema:
        kinds = typed(schema)
        if not kinds and "enum" not in schema and "const" not in schema:
            kind = inferred(schema)
            if kind is None:
                self.lost["type"] = None
            kinds = [kind] if kind else list(ANYTHING)
        adapted: JsonSchema = {"type": kinds[0] if len(kinds) == 1 else kinds} if kinds else {}
        for key, value in schema.items():
            if key in ("type", "properties", "required", "additionalProperties") or key in _SILENT:
                continue
            self._keyword(key, value, adapted, told, depth)
        if not kinds and not self._subset.open_api and not ("enum" in adapted or "const" in adapted):
            kinds = kinds_of(schema.get("enum", [schema.get("const")]))
            adapted["type"] = kinds[0] if len(kinds) == 1 else kinds
        if "object" in kinds:
            self._fields(schema, adapted, told, depth)
        if "array" in kinds and "items" not in adapted:  # demanded everywhere
            adapted["items"] = self._walk(True, depth + 1)
        if self._subset.open_api:
            adapted = in_open_api(adapted, kinds, lambda key, value: self._lose(key, value, told))
        return _telling(adapted, told)

    def _keyword(self, key: str, value: Any, adapted: JsonSchema, told: JsonSchema, depth: int) -> None:
        subset = self._subset
        if key == "items" and isinstance(value, dict | bool):
            adapted[key] = self._walk(value, depth + 1)
        elif (
            key not in subset.keywords
            or key == "items"
            or (key == "format" and value not in subset.formats)
            or (key == "pattern" and subset.simple_patterns and _HARD_PATTERN.search(str(value)))
            or (key == "minItems" and subset.most_min_items is not None and value not in (0, 1))
            or (
                key in ("enum", "const")
                and not subset.open_api
                and not subset.all_required
                and not _is_primitive(value)
            )
        ):
            if subset.open_api and key in ("const", "exclusiveMinimum", "exclusiveMaximum"):
                adapted[key] = value  # may yet be said in another way
            else:
                self._lose(key, value, told)
        else:
            adapted[key] = value

    def _fields(self, schema: JsonSchema, adapted: JsonSchema, told: JsonSchema, depth: int) -> None:
        fields = schema.get("properties")
        fields = fields if isinstance(fields, dict) else {}
        wanted = schema.get("required")
        names = [name for name in wanted if isinstance(name, str)] if isinstance(wanted, list) else []
        if schema.get("additionalProperties", False) is not False:
            self._lose("additionalProperties", schema["additionalProperties"], told)
        if self._subset.closed:
            adapted["additionalProperties"] = False
        if any(name not in fields for name in names):
            self._lose("required", names, told)
            names = [name for name in names if name in fields]
        adapted["properties"] = {name: self._walk(inner, depth + 1) for name, inner in fields.items()}
        if self._subset.all_required:
            for name in fields:
                if name not in names:
                    if not admits_null(fields[name]):
                        self.lost["required"] = None
                    adapted["properties"][name] = _or_null(adapted["properties"][name])
            names = list(fields)
        if names or self._subset.all_required:
            adapted["required"] = names


_DEFINITION = re.compile(r"#|#/(\$defs|definitions)/[^/]+")
"""A reference whose target stands in the adapted schema too."""


def _or_null(adapted: JsonSchema) -> JsonSchema:
    kind = adapted.get("type")
    if isinstance(kind, str) and kind != "null" and "enum" not in adapted and "const" not in adapted:
        return {**adapted, "type": [kind, "null"]}
    if admits_null(adapted):
        return adapted
    words = {key: value for key, value in adapted.items() if key in WORDS}
    inner = {key: value for key, value in adapted.items() if key not in WORDS}
    variants = inner["anyOf"] if set(inner) == {"anyOf"} else [inner]
    return {**words, "anyOf": [*variants, {"type": "null"}]}


def _telling(adapted: JsonSchema, told: JsonSchema) -> JsonSchema:
    """What was left out, in words: the model may keep to it all the same."""
    words = [
        f"{key}: {text}"
        for key, value in told.items()
        if len(text := msgspec.json.encode(value).decode()) <= _MOST_TOLD and key != "default"
    ]
    if not words:
        return adapted
    description = adapted.get("description")
    before = f"{description} " if isinstance(description, str) and description else ""
    return {**adapted, "description": f"{before}({', '.join(words)})"}


def _is_primitive(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and not any(isinstance(one, dict | list) for one in values)
