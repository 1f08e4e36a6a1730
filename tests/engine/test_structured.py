"""Structured answers from models whose provider has none: the words, the check, the cleaning and the further turn."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import BadRequest
from freehold.core.parts import Message, Text
from freehold.core.request import ChatRequest, ResponseFormat, Tool
from freehold.engine.structured import check, cleaned, instructed, repair

PERSON = json.dumps(
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
).encode()


def asking(wish: ResponseFormat | None, **fields: Any) -> ChatRequest:
    messages = [
        Message(role="system", parts=[Text(text="Be kind.")]),
        Message(role="user", parts=[Text(text="Who?")]),
    ]
    return ChatRequest(model="m", messages=messages, response_format=wish, **fields)


def words_of(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, Text))


def test_the_schema_is_put_into_words() -> None:
    request = asking(
        ResponseFormat(kind="schema", name="person", description="A person.", schema=PERSON, strict=True)
    )
    before = msgspec.json.encode(request)
    told = instructed(request)
    assert told.response_format is None
    assert [one.role for one in told.messages] == ["system", "system", "user"]
    words = words_of(told.messages[1])
    assert PERSON.decode() in words and "`person`" in words and "A person." in words and "tools" not in words
    assert msgspec.json.encode(request) == before


def test_a_plain_wish_for_json_and_tools_beside_it() -> None:
    told = instructed(asking(ResponseFormat(kind="json"), tools=[Tool(name="look")]))
    assert "JSON object" in words_of(told.messages[1]) and "tools" in words_of(told.messages[1])


def test_nothing_is_said_when_nothing_is_wished() -> None:
    request = asking(None)
    assert instructed(request) is request
    told = instructed(asking(ResponseFormat(kind="text")))
    assert told.response_format is None and told.messages == request.messages


def test_without_other_messages() -> None:
    request = ChatRequest(model="m", messages=[], response_format=ResponseFormat(kind="json"))
    assert [one.role for one in instructed(request).messages] == ["system"]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (b'{"a": "' + b"x" * 300_000 + b'"}', "larger than"),
        (b"{", "not valid JSON"),
        (b"[1]", "not an object"),
        (b'{"not":' * 100 + b"true" + b"}" * 100, "deeper than 64"),
        (b"[" * 100_000, "not valid JSON|deeper"),
        (b'"\xff"', "not valid JSON"),
    ],
)
def test_schemas_that_are_too_much_are_refused(schema: bytes, said: str) -> None:
    with pytest.raises(BadRequest, match=said) as caught:
        instructed(asking(ResponseFormat(kind="schema", schema=schema)))
    assert caught.value.param == "response_format"


GOOD = '{"name": "Ada", "age": 36}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n  {GOOD}\n",
        f"\ufeff{GOOD}",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"Here it is:\n```JSON\r\n{GOOD}\r\n```\nI hope {{this}} helps!",
        f"Sure! {GOOD} Anything else?",
        f"<think>Is it {{a: 1}} or [2]?</think>{GOOD}",
        f"```json\n{GOOD}",
        f"```python\nprint({{}})\n```\n{GOOD}",
    ],
)
def test_json_is_found_whatever_is_around_it(text: str) -> None:
    assert cleaned(text) == GOOD
    assert check(text, PERSON) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("I cannot do that.", "not valid JSON"),
        ('{"name": "Ada", "age": 36', "not valid JSON"),
        ('{"name": "Ada", "age": 36,}', "not valid JSON"),
        ("{'name': 'Ada', 'age': 36}", "not valid JSON"),
        ('{"name": "Ada", "age": NaN}', "not valid JSON"),
        ('{"name": "Ada"}', '`$` lacks the field `"age"`'),
        ('{"name": 1, "age": 36}', "`$.name` is integer, and has to be string"),
        ('{"name": "Ada", "age": "36"}', "`$.age` is string, and has to be integer"),
        ('{"name": "Ada", "age": -1}', "`$.age` is `-1`, and has to be at least `0`"),
        ('{"name": "Ada", "age": 1, "x": 2}', '`$` has the field `"x"`, which must not be there'),
        ("[1]", "`$` is array, and has to be object"),
        ("[" * 100_000, "not valid JSON"),
        ("{" * 100_000, "not valid JSON"),
    ],
)
def test_problems_are_told_in_words(text: str, said: str) -> None:
    problem = check(text, PERSON)
    assert problem is not None and said in problem and len(problem) <= 500


def test_without_a_schema_any_object_will_do() -> None:
    assert check("Here: {}", None) is None
    assert check("[1]", None) == "the answer is JSON, but no object"


def test_the_further_turn_says_what_is_wrong() -> None:
    told = instructed(asking(ResponseFormat(kind="schema", schema=PERSON)))
    again = repair(told, '{"name": 1}', "`$.name` is wrong")
    assert [one.role for one in again.messages] == ["system", "system", "user", "assistant", "user"]
    assert words_of(again.messages[-2]) == '{"name": 1}'
    assert "`$.name` is wrong" in words_of(again.messages[-1])
    assert len(told.messages) == 3
    assert [one.role for one in repair(told, " ", "it is empty").messages][-2:] == ["user", "user"]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
containers = st.lists(json_values, max_size=3) | st.dictionaries(st.text(), json_values, max_size=3)


@settings(max_examples=150)
@given(containers, st.sampled_from(["{}", "```json\n{}\n```", "Here you are: {}", "{}\nThat is all."]))
def test_any_json_is_found_again(value: Any, around: str) -> None:
    text = json.dumps(value)
    assert json.loads(cleaned(around.replace("{}", text))) == value


@settings(max_examples=150)
@given(st.text(), json_values)
def test_no_answer_and_no_schema_is_an_error(text: str, schema: Any) -> None:
    check(text, msgspec.json.encode(schema))
    check(
        msgspec.json.encode(schema).decode(),
        msgspec.json.encode({"type": text, "pattern": text, "$ref": text}),
    )


def doubling(levels: int) -> dict[str, Any]:
    """References to references: each level takes twice as long as the one below it."""
    definitions: dict[str, Any] = {
        f"a{at}": {"allOf": [{"$ref": f"#/$defs/a{at + 1}"}, {"$ref": f"#/$defs/a{at + 1}"}]}
        for at in range(levels)
    }
    return {"$ref": "#/$defs/a0", "$defs": definitions | {f"a{levels}": {"type": "string"}}}


LONG = "a" * 50_000


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (doubling(40), "x"),
        ({"$ref": "#"}, "x"),
        ({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}, "x"),
        ({"pattern": "^(a+)+$"}, LONG + "!"),
        ({"pattern": "(a|a)*(a|a)*(a|a)*b"}, LONG),
        ({"pattern": "(.*)*(.*)*(.*)*x"}, LONG),
        ({"pattern": "((a{0,500}){0,500}){0,500}"}, LONG),
        ({"pattern": "(((){1000}){1000}){1000}"}, LONG),
        ({"pattern": "(" * 900}, LONG),
        ({"items": {"enum": list(range(50_000))}}, ["x"] * 10_000),
        ({"items": {"anyOf": [{"const": [at]} for at in range(5000)]}}, [[-1]] * 5000),
        ({"uniqueItems": True}, [{"a": [at]} for at in range(100_000)]),
        ({"contains": {"contains": {"type": "string"}}}, [[1] * 500] * 500),
        ({"patternProperties": {f"a{at}*b": True for at in range(500)}}, {f"{at:0100}": 1 for at in range(500)}),
        ({"multipleOf": 1e-300}, 1e300),
    ],
)  # fmt: skip
def test_hostile_schemas_take_no_time(schema: Any, value: Any) -> None:
    text, raw = json.dumps(value), json.dumps(schema).encode()
    begun = time.process_time()
    check(text, raw)
    assert time.process_time() - begun < 2
