"""Schemas adapted to what a provider knows: what is kept holds, what is lost is named, twice is the same as once."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_samples import VALUES, gentle, schemas

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.engine.schema.validation import Undecided, problem_with
from freehold.wire.schemas import Adapted, for_anthropic, for_gemini, for_openai

Adapt = Callable[[bytes], Adapted]
every_subset = pytest.mark.parametrize("adapt", [for_openai, for_anthropic, for_gemini])


def adapted(adapt: Adapt, schema: Any) -> tuple[Any, set[str]]:
    result = adapt(json.dumps(schema).encode())
    return json.loads(result.schema), set(result.lost)


def as_json_schema(open_api: Any) -> Any:
    """Gemini's form read back: what it means, in the language of the original."""
    if isinstance(open_api, list):
        return [as_json_schema(one) for one in open_api]
    if not isinstance(open_api, dict):
        return open_api
    schema = {
        key: as_json_schema(value)
        for key, value in open_api.items()
        if key not in ("enum", "nullable", "default")
    }
    if "properties" in open_api:
        schema["properties"] = {name: as_json_schema(one) for name, one in open_api["properties"].items()}
        schema["additionalProperties"] = False
    if isinstance(open_api.get("type"), str):
        schema["type"] = open_api["type"].lower()
    if "enum" in open_api:
        schema["enum"] = open_api["enum"]
    return {"anyOf": [schema, {"type": "null"}]} if open_api.get("nullable") else schema


def read_back(adapt: Adapt, schema: Any) -> Any:
    return as_json_schema(schema) if adapt is for_gemini else schema


ORDER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Order",
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 3, "description": "Its number."},
        "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10},
        "colour": {"enum": ["red", "green"]},
        "note": {"type": ["string", "null"]},
        "kind": {"const": "order"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "minItems": 2, "uniqueItems": True},
        "when": {"type": "string", "format": "date-time"},
    },
    "required": ["id", "lines"],
    "$defs": {"line": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}},
}


def test_openai_closes_objects_and_requires_every_field() -> None:
    schema, lost = adapted(for_openai, ORDER)
    fields = schema["properties"]
    assert schema["required"] == list(ORDER["properties"])
    assert (
        schema["additionalProperties"] is False and schema["$defs"]["line"]["additionalProperties"] is False
    )
    assert fields["id"] == {"type": "string", "description": "Its number. (minLength: 3)"}
    assert fields["count"] == {"type": ["integer", "null"], "minimum": 1, "exclusiveMaximum": 10}
    assert fields["note"] == {"type": ["string", "null"]}
    assert fields["colour"] == {"anyOf": [{"enum": ["red", "green"]}, {"type": "null"}]}
    assert fields["lines"]["items"] == {"$ref": "#/$defs/line"} and fields["lines"]["minItems"] == 2
    assert lost == {"minLength", "uniqueItems", "required"}
    assert "$schema" not in schema


def test_anthropic_knows_few_bounds() -> None:
    schema, lost = adapted(for_anthropic, ORDER)
    assert schema["required"] == ["id", "lines"]
    assert schema["properties"]["count"] == {
        "type": "integer", "description": "(minimum: 1, exclusiveMaximum: 10)",
    }  # fmt: skip
    assert schema["properties"]["when"] == {"type": "string", "format": "date-time"}
    assert lost == {"minLength", "minimum", "exclusiveMaximum", "minItems", "uniqueItems"}
    _, lost = adapted(for_anthropic, {"type": "string", "pattern": "^[a-z]+$"})
    assert lost == set()
    for hard in ("(?=a)b", "\\bword\\b", "(a)\\1"):
        assert adapted(for_anthropic, {"type": "string", "pattern": hard})[1] == {"pattern"}


def test_gemini_has_no_references_and_one_type() -> None:
    schema, lost = adapted(for_gemini, ORDER)
    fields = schema["properties"]
    assert schema["type"] == "OBJECT" and "additionalProperties" not in schema and "$defs" not in schema
    assert fields["count"] == {"type": "INTEGER", "minimum": 1, "maximum": 9}
    assert fields["note"] == {"type": "STRING", "nullable": True}
    assert fields["kind"] == {"type": "STRING", "enum": ["order"]}
    assert fields["lines"]["items"] == {
        "type": "OBJECT",
        "properties": {"text": {"type": "STRING"}},
        "required": ["text"],
    }
    assert lost == {"uniqueItems"}


@pytest.mark.parametrize(
    ("schema", "expected", "lost"),
    [
        ({"type": ["string", "integer", "null"], "minLength": 1, "minimum": 2},
         {"anyOf": [{"type": "STRING", "minLength": 1}, {"type": "INTEGER", "minimum": 2}], "nullable": True}, set()),
        ({"anyOf": [{"type": "string"}, {"type": "null"}], "description": "x"},
         {"type": "STRING", "description": "x", "nullable": True}, set()),
        ({"enum": ["a", None]}, {"type": "STRING", "enum": ["a"], "nullable": True}, set()),
        ({"enum": [1, 2]}, {"type": "INTEGER", "description": "(enum: [1,2])"}, {"enum"}),
        ({"type": "number", "exclusiveMinimum": 0}, {"type": "NUMBER", "description": "(exclusiveMinimum: 0)"},
         {"exclusiveMinimum"}),
        ({"type": "string", "format": "email"}, {"type": "STRING", "description": '(format: "email")'}, {"format"}),
    ],
)  # fmt: skip
def test_gemini_by_example(schema: Any, expected: Any, lost: set[str]) -> None:
    assert adapted(for_gemini, schema) == (expected, lost)


TREE = {
    "type": "object",
    "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/tree", "description": "More."}},
    "required": ["v", "next"],
    "$defs": {"tree": {"type": "object", "properties": {"next": {"$ref": "#/$defs/tree"}}, "required": []}},
}


def test_recursion_is_kept_by_one_and_lost_by_the_others() -> None:
    schema, lost = adapted(for_openai, TREE)
    assert schema["properties"]["next"] == {"anyOf": [{"$ref": "#/$defs/tree"}], "description": "More."}
    assert lost == {"required"}
    for adapt in (for_anthropic, for_gemini):
        schema, lost = adapted(adapt, TREE)
        assert "$ref" in lost and "$ref" not in json.dumps(schema)


@every_subset
def test_a_root_that_is_a_reference_is_put_in_its_place(adapt: Adapt) -> None:
    schema, lost = adapted(
        adapt,
        {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}},
        },
    )
    assert schema["type"].lower() == "object" and list(schema["properties"]) == ["x"] and not lost


@every_subset
def test_all_of_is_merged_where_the_parts_agree(adapt: Adapt) -> None:
    part = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    other = {"properties": {"b": {"type": "string"}}, "required": ["b"]}
    schema, lost = adapted(adapt, {"allOf": [{"$ref": "#/$defs/p"}, other], "$defs": {"p": part}})
    assert set(schema["properties"]) == {"a", "b"} and not lost
    _, lost = adapted(
        adapt,
        {
            "type": "object",
            "allOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"a": {"enum": ["x"]}}}],
        },
    )
    assert "allOf" in lost


@every_subset
@pytest.mark.parametrize(
    ("schema", "lost"),
    [
        ({"type": "object", "additionalProperties": {"type": "string"}}, "additionalProperties"),
        ({"type": "object", "patternProperties": {"^x": {"type": "string"}}}, "patternProperties"),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, "type"),
        ({"type": "object", "required": ["ghost"]}, "required"),
        ({"type": "object", "properties": {"a": {"not": {"type": "null"}}}}, "not"),
        ({"type": "object", "if": {}, "then": {}}, "if"),
        (
            {"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}, {"type": "integer"}]}}},
            "oneOf",
        ),
        ({"type": "object", "properties": {"a": {"$ref": "https://a.example/schema"}}}, "$ref"),
        ({"type": "array", "prefixItems": [{"type": "string"}]}, "prefixItems"),
        (False, "false"),
    ],
)
def test_what_is_lost_is_named(adapt: Adapt, schema: Any, lost: str) -> None:
    names = adapted(adapt, schema)[1]
    assert lost in names
    losses = Losses()
    for name in names:
        losses.add("schema", name)


@every_subset
@pytest.mark.parametrize(
    "schema",
    [
        b"{",
        b"[]",
        b"1",
        b'{"not":' * 5000,
        b'{"items":' * 200 + b"{}" + b"}" * 200,
    ],
)
def test_what_is_no_schema_or_too_much_is_refused(adapt: Adapt, schema: bytes) -> None:
    with pytest.raises(BadRequest):
        adapt(schema)


@every_subset
def test_a_chain_of_references_takes_no_time(adapt: Adapt) -> None:
    chain = {
        f"a{at}": {"type": "object", "properties": {"x": {"$ref": f"#/$defs/a{at + 1}"}}}
        for at in range(5000)
    }
    schema = json.dumps(
        {"type": "object", "properties": {"x": {"$ref": "#/$defs/a0"}}, "$defs": chain}
    ).encode()
    begun = time.perf_counter()
    for one in (schema, b'{"allOf":[' * 300 + b"{}" + b"]}" * 300, b'{"anyOf":[' * 300 + b"{}" + b"]}" * 300):
        with contextlib.suppress(BadRequest):
            adapt(one)
    assert time.perf_counter() - begun < 2


@every_subset
def test_references_cannot_make_a_schema_grow_without_end(adapt: Adapt) -> None:
    definitions: dict[str, Any] = {
        f"a{at}": {
            "type": "object",
            "properties": {"x": {"$ref": f"#/$defs/a{at + 1}"}, "y": {"$ref": f"#/$defs/a{at + 1}"}},
        }
        for at in range(40)
    }
    try:
        result = adapt(
            json.dumps({"$ref": "#/$defs/a0", "$defs": definitions | {"a40": {"type": "string"}}}).encode()
        )
    except BadRequest:
        return
    assert len(result.schema) < 100_000


@every_subset
@settings(max_examples=100, deadline=None)
@given(schema=gentle() | schemas(), values=st.lists(VALUES, min_size=1, max_size=8))
def test_what_fits_the_adapted_schema_fits_the_original_unless_something_is_lost(
    adapt: Adapt, schema: Any, values: list[Any]
) -> None:
    result, lost = adapted(adapt, schema)
    if not lost:
        for value in values:
            with contextlib.suppress(Undecided):
                if problem_with(value, read_back(adapt, result)) is None:
                    assert problem_with(value, schema) is None


@every_subset
@settings(max_examples=100, deadline=None)
@given(schema=schemas())
def test_every_schema_can_be_adapted_and_is_in_the_subset(adapt: Adapt, schema: Any) -> None:
    result, lost = adapted(adapt, schema)
    if adapt is not for_gemini:
        again, lost_again = adapted(adapt, result)
        assert again == result
        assert lost_again <= {"root"}
    else:
        assert all("$" not in key for key in keys_of(result))
    losses = Losses()
    for name in lost:
        losses.add("schema", name)


def keys_of(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [key for one in schema for key in keys_of(one)]
    if not isinstance(schema, dict):
        return []
    return [*schema, *(key for one in schema.values() for key in keys_of(one))]
