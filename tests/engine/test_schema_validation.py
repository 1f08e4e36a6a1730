"""JSON Schema's keywords, one by one, and patterns against Python's own matcher."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.engine.schema.patterns import Pattern, Unsupported
from freehold.engine.schema.validation import Undecided, problem_with

NODE = {
    "$defs": {
        "node": {
            "properties": {"next": {"$ref": "#/$defs/node"}, "v": {"type": "integer"}},
            "required": ["v"],
        }
    },
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (True, [1, None], []),
        (False, [], [1, None]),
        ({"type": "integer"}, [1, 1.0, -0], [1.5, True, "1", None]),
        ({"type": ["string", "null"]}, ["", None], [0, []]),
        ({"type": "number"}, [1, 1.5], [False]),
        ({"const": 1}, [1, 1.0], [True, "1", 2]),
        ({"const": {"a": [1, {}]}}, [{"a": [1.0, {}]}], [{"a": [1]}, {"a": [True, {}]}]),
        ({"enum": ["a", 0, None]}, ["a", 0, None], [False, "b"]),
        ({"minimum": 1, "exclusiveMaximum": 3}, [1, 2.9, "x"], [0, 3]),
        ({"minimum": 1, "exclusiveMinimum": True}, [2], [1]),
        ({"multipleOf": 0.1}, [0.3, 1, 4.0], [0.35]),
        ({"minLength": 2, "maxLength": 3}, ["ab", "\U0001f600bc", 1], ["a", "abcd"]),
        ({"pattern": "^[A-Z]{2}\\d+$"}, ["AB1", 5], ["A1", "AB", "AB1\n", "AB\u0661"]),
        ({"pattern": "(?=look)"}, ["what cannot be matched", "is not checked"], []),
        ({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, [["a", 1], []], [[1], ["a", "b"]]),
        ({"items": [{"type": "string"}], "additionalItems": False}, [["a"]], [["a", 1], [1]]),
        ({"minItems": 1, "maxItems": 2}, [[1], [1, 2]], [[], [1, 2, 3]]),
        ({"uniqueItems": True}, [[1, True, "1"], [[1], [2]]], [[1, 1.0], [{"a": 1}, {"a": 1}]]),
        ({"contains": {"type": "string"}, "maxContains": 1}, [["a", 1]], [[1], ["a", "b"]]),
        ({"contains": {"type": "string"}, "minContains": 0}, [[1]], []),
        ({"required": ["a"]}, [{"a": None}, 1], [{}]),
        ({"properties": {"a": {"minLength": 0}}, "additionalProperties": False}, [{"a": ""}, {}], [{"b": 1}]),
        ({"patternProperties": {"^x": {"type": "integer"}}}, [{"x1": 1, "y": "a"}], [{"x": "a"}]),
        ({"patternProperties": {"(?=x)": False}, "additionalProperties": False}, [{"y": 1}], []),
        ({"propertyNames": {"maxLength": 1}}, [{"a": 1}], [{"ab": 1}]),
        ({"minProperties": 1, "maxProperties": 1}, [{"a": 1}], [{}, {"a": 1, "b": 2}]),
        ({"dependentRequired": {"a": ["b"]}}, [{"b": 1}, {"a": 1, "b": 1}], [{"a": 1}]),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, [{"a": 1, "b": 1}], [{"a": 1}]),
        ({"dependencies": {"a": ["b"], "c": {"minProperties": 2}}}, [{"a": 1, "b": 1}], [{"a": 1}, {"c": 1}]),
        ({"allOf": [{"minimum": 1}, {"maximum": 2}]}, [1], [0, 3]),
        ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, ["a", 5], [4]),
        ({"oneOf": [{"type": "integer"}, {"minimum": 5}]}, [4, 5.5], [6, 1.5]),
        ({"not": {"type": "string"}}, [1], ["a"]),
        ({"if": {"type": "string"}, "then": {"minLength": 1}, "else": {"minimum": 1}}, ["a", 1], ["", 0]),
        ({"properties": {"a": True}, "unevaluatedProperties": False}, [{"a": 1}], [{"b": 1}]),
        ({"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False}, [{"a": 1}], [{"a": 1, "b": 1}]),
        ({"prefixItems": [True], "unevaluatedItems": {"type": "string"}}, [[1, "a"]], [[1, 2]]),
        (NODE, [{"v": 1, "next": {"v": 2}}], [{"v": 1, "next": {"next": {"v": 1}}}]),
        ({"$defs": {"a/b": {"$anchor": "x", "type": "string"}}, "$ref": "#/$defs/a~1b"}, ["a"], [1]),
        ({"$defs": {"a": {"$anchor": "x", "type": "string"}}, "$ref": "#x"}, ["a"], [1]),
        ({"format": "email", "unknown": {"type": "string"}}, ["not one", 1], []),
    ],
)  # fmt: skip
def test_keywords(schema: Any, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert problem_with(value, schema) is None
    for value in bad:
        assert problem_with(value, schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/nothing"},
        {"$ref": 7},
        {"$ref": "#"},
        {"properties": {"a": {"$ref": "other.json#/x"}}},
    ],
)
def test_nothing_is_fetched_and_nothing_runs_in_circles(schema: Any) -> None:
    with pytest.raises(Undecided):
        problem_with({"a": 1}, schema)


PIECES = ["a", "b", ".", "[ab]", "[^a]", "\\d", "\\w", "(a|b)", "(?:ab|)", "a*", "b+?", "a?", "[a-c]{1,3}", "^", "$",
          "\\b", "\\B", "(a*)*", "x{2}"]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=6), st.text("ab1_ x", min_size=1, max_size=12))
def test_patterns_find_what_python_finds(pieces: list[str], text: str) -> None:
    pattern = "".join(pieces)
    expected = re.search(pattern.replace("$", "\\Z"), text, re.ASCII) is not None
    assert Pattern(pattern).is_in(text, lambda steps: None) is expected


@given(st.text(max_size=40))
def test_any_pattern_is_matched_or_not_supported(text: str) -> None:
    with contextlib.suppress(Unsupported):
        Pattern(text).is_in(text, lambda steps: None)


@pytest.mark.parametrize(
    "text", ["(?=a)", "(a)\\1", "(?i)a", "a{9999}", "(?>a)", "(", "[", "x" * 2000, "\\p{L}"]
)
def test_what_is_not_supported_says_so(text: str) -> None:
    with pytest.raises(Unsupported):
        Pattern(text)


def test_names_of_groups_as_javascript_has_them() -> None:
    assert Pattern("^(?<year>\\d{4})-(?<month>\\d\\d)$").is_in("2026-11", lambda steps: None)
