"""Answers that a regular expression or a JSON Schema speaks of."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring import case_of, scored, scorer, value

from freehold.core.errors import BadRequest


@pytest.mark.parametrize(
    ("target", "answer", "settings", "score"),
    [
        (r"\bcat\b", "a cat sat", {}, 1),
        (r"\bcat\b", "concatenate", {}, 0),
        ([r"^no$", r"^yes$"], "yes", {}, 1),
        ("CAT", "cat", {}, 0),
        ("CAT", "cat", {"case": False}, 1),
        ("a.c", "xabcx", {"where": "whole"}, 0),
        ("a.c", "abc", {"where": "whole"}, 1),
        ("^b$", "a\nb", {}, 0),
        ("^b$", "a\nb", {"lines": True}, 1),
        ("a.b", "a\nb", {}, 0),
        ("a.b", "a\nb", {"dot_all": True}, 1),
        ("secret", "no word of it", {"absent": True}, 1),
        ("secret", "the secret", {"absent": True}, 0),
        ("12", "x = 11, x = 12", {"pattern": r"x = (\d+)"}, 1),
        ("11", "x = 11, x = 12", {"pattern": r"x = (\d+)"}, 0),
        ("11", "x = 11, x = 12", {"pattern": r"x = (\d+)", "take": "first"}, 1),
        (["12", "13"], "n=1 x=13", {"pattern": r"(n)=\d+|x=(?P<answer>\d+)"}, 1),
        ("abc", "abc", {"pattern": "[a-z]+"}, 1),
        ("abc", "123", {"pattern": "[a-z]+"}, 0),
    ],
)
def test_regex(target: object, answer: str, settings: dict[str, Any], score: float) -> None:
    assert value("regex", target, answer, **settings) == score


def test_a_pattern_that_takes_for_ever_gives_no_verdict() -> None:
    begun = time.monotonic()
    result = scored("regex", r"(x+x+)+y|(a|a)*b(?=c)", "x" * 40 + "a" * 40, seconds=0.1)
    assert result.value is None
    assert "0.1 s" in result.why
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("pattern", ["(", "a" * 20000, "(?P<x>a)(?P<x", "[", r"\g<9>"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(BadRequest, match="The target of case `one`"):
        scorer("regex").check(case_of(pattern))
    with pytest.raises(BadRequest, match="The settings of the scorer `regex`"):
        scorer("regex", pattern=pattern)


PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}
FENCED = 'Here:\n```json\n{"name": "Ada"}\n```\nGood luck.'


@pytest.mark.parametrize(
    ("answer", "settings", "score"),
    [
        ('{"name": "Ada", "age": 36}', {}, 1),
        ('{"name": "ada"}', {}, 0),
        ('{"age": 36}', {}, 0),
        ('{"name": "Ada", "age": -1}', {}, 0),
        ('{"name": "Ada", "more": 1}', {}, 0),
        ("no JSON", {}, 0),
        ("", {}, 0),
        (FENCED, {}, 0),
        (FENCED, {"fence": "allowed"}, 1),
        (FENCED, {"fence": "needed"}, 1),
        ('{"name": "Ada"}', {"fence": "allowed"}, 1),
        ('{"name": "Ada"}', {"fence": "needed"}, 0),
        (FENCED + "\n" + FENCED, {"fence": "allowed"}, 0),
        ("[" * 100000, {}, 0),
    ],
)
def test_json_schema(answer: str, settings: dict[str, Any], score: float) -> None:
    assert value("json-schema", PERSON, answer, **settings) == score
    assert value("json-schema", None, answer, schema=PERSON, **settings) == score


@given(st.recursive(st.none() | st.integers() | st.text() | st.booleans(), st.lists, max_leaves=9))
def test_a_value_is_as_a_schema_that_names_it(told: object) -> None:
    text = msgspec.json.encode(told).decode()
    assert value("json-schema", {"const": told}, text) == 1
    assert value("json-schema", {"not": {"const": told}}, text) == 0
    assert value("json-schema", True, text) == 1
    assert value("json-schema", False, text) == 0


@pytest.mark.parametrize("schema", ["no", 5, {"pattern": "(?<=a)b"}, {"properties": {"a": {"pattern": "("}}}])
def test_a_schema_that_would_not_be_checked_is_refused(schema: object) -> None:
    with pytest.raises(BadRequest, match="The target of case `one`"):
        scorer("json-schema").check(case_of(schema))


def test_a_schema_that_is_too_much_work_gives_no_verdict() -> None:
    schema: dict[str, Any] = {"$ref": "#/$defs/a0", "$defs": {"a30": {"type": "string"}}}
    for nth in range(30):
        following = {"$ref": f"#/$defs/a{nth + 1}"}
        schema["$defs"][f"a{nth}"] = {"anyOf": [following, following]}
    assert value("json-schema", schema, "5") is None
