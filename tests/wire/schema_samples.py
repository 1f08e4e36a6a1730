"""JSON Schemas and values to try them on, made by Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.sampled_from([None, True, 0, 1, 2, 3, 1.5, "", "a", "ab", "abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
SMALL = st.integers(0, 3)


def schemas() -> st.SearchStrategy[Any]:
    leaves = st.one_of(
        st.fixed_dictionaries({"type": st.sampled_from(["null", "boolean", "string", "integer", "number"])}),
        st.fixed_dictionaries(
            {"type": st.just("string")},
            optional={
                "minLength": SMALL,
                "pattern": st.sampled_from(["a", "^b$", "\\bc"]),
                "format": st.sampled_from(["date", "x"]),
            },
        ),
        st.fixed_dictionaries(
            {"type": st.sampled_from(["integer", "number", ["integer", "null"], ["number", "string"]])},
            optional={"minimum": SMALL, "exclusiveMaximum": SMALL, "multipleOf": st.just(2)},
        ),
        st.fixed_dictionaries({"enum": st.lists(st.sampled_from(["a", "b", 1, None, True]), min_size=1)}),
        st.fixed_dictionaries(
            {
                "enum": st.lists(st.sampled_from(["a", None, 1]), min_size=1),
                "type": st.sampled_from(["string", "integer"]),
            }
        ),
        st.fixed_dictionaries({"const": VALUES}),
        st.booleans(),
        st.just({}),
        st.just({"$ref": "#/$defs/d"}),
        st.just({"$ref": "#/$defs/d", "minLength": 1}),
        st.just({"$ref": "#"}),
        st.just({"$ref": "#/$defs/e", "description": "x"}),
        st.just({"$ref": "elsewhere"}),
    )
    inner = st.recursive(leaves, larger, max_leaves=8)
    return st.builds(
        lambda whole, one, other: (
            {**whole, "$defs": {"d": one, "e": other}} if isinstance(whole, dict) else whole
        ),
        larger(inner) | inner,
        leaves,
        larger(leaves),
    )


def gentle() -> st.SearchStrategy[Any]:
    """Schemas as people write them, of which less is lost."""
    leaves = st.one_of(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["boolean", "string", "integer", "number", ["string", "null"]])}
        ),
        st.fixed_dictionaries({"type": st.just("string"), "enum": st.just(["a", "ab"])}),
        st.sampled_from(
            [{"enum": ["a", None]}, {"const": "a"}, {"$ref": "#/$defs/d"}, {"type": "string", "pattern": "b"}]
        ),
        st.sampled_from([{"type": "integer", "minimum": 2}, {"type": "integer", "exclusiveMaximum": 2}]),
        st.sampled_from(
            [{"type": ["integer", "string"]}, {"type": ["array", "null"], "items": {"type": "integer"}}]
        ),
    )
    inner = st.recursive(leaves, gentle_larger, max_leaves=5)
    return st.builds(
        lambda whole, one: {**whole, "$defs": {"d": one}},
        gentle_larger(inner),
        leaves.map(_without_reference),
    )


def gentle_larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(NAMES, inner, max_size=3)
    parts = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        fields.map(lambda some: {"type": "object", "properties": some, "required": list(some)}),
        fields.map(
            lambda some: {"type": ["object", "null"], "properties": some, "additionalProperties": False}
        ),
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional={"minItems": SMALL}),
        st.fixed_dictionaries(
            {"anyOf": parts}, optional={"type": st.sampled_from(["string", ["integer", "null"]])}
        ),
        st.fixed_dictionaries({"allOf": parts}),
    )


def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(NAMES, inner, max_size=3)
    parts = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": fields},
            optional={
                "required": st.lists(NAMES, unique=True),
                "additionalProperties": st.booleans() | inner,
                "minProperties": SMALL,
                "patternProperties": fields,
            },
        ),
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner},
            optional={
                "minItems": SMALL,
                "maxItems": SMALL,
                "uniqueItems": st.booleans(),
                "prefixItems": parts,
                "contains": inner,
            },
        ),
        st.fixed_dictionaries(
            {"anyOf": parts},
            optional={
                "type": st.sampled_from(["string", "object", ["integer", "null"]]),
                "minimum": SMALL,
                "properties": fields,
            },
        ),
        st.fixed_dictionaries({"oneOf": parts}, optional={"anyOf": parts}),
        st.fixed_dictionaries(
            {"allOf": parts},
            optional={
                "properties": fields,
                "required": st.lists(NAMES),
                "additionalProperties": st.booleans(),
            },
        ),
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"if": inner, "then": inner}),
        st.fixed_dictionaries(
            {"properties": fields},
            optional={"required": st.lists(NAMES), "type": st.just(["object", "null"])},
        ),
    )


def _without_reference(schema: Any) -> Any:
    return {} if "$ref" in schema else schema
