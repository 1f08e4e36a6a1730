"""One description for one meaning, whatever the dialect; and what was asked for is done."""

from __future__ import annotations

import ast
import asyncio
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from dialect_bodies import CONVERSATION, DIALECTS, OWN_SCHEMA, SCHEMA, hello, send

from freehold.providers.simulated import Behaviour, Describe, Script, SimulatedProvider

SOURCE = Path(__file__).parents[3] / "src" / "freehold" / "providers" / "simulated"
DESCRIPTION: dict[str, Any] = {
    "system": "Be brief.",
    "turns": [
        {
            "role": "user",
            "parts": [
                {"text": "Weather here?"},
                {
                    "media": "image",
                    "sha256": "4c4b6a3be1314ab86138bef4314dde022e600960d8689a2c8f8631802d20dab6",
                },
            ],
        },
        {
            "role": "assistant",
            "parts": [
                {"text": "Looking."},
                {"call": 1, "name": "look", "arguments": {"city": "Bern"}},
                {"call": 2, "name": "look", "arguments": {"city": "Rom"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"result": 1, "content": "rain"},
                {"result": 2, "content": {"sky": "blue"}},
                {"text": "Well?"},
            ],
        },
    ],
    "tools": [{"name": "look", "description": "Looks.", "schema": SCHEMA}],
    "tool_choice": "required",
    "schema": SCHEMA,
    "sampling": {"temperature": 0.5, "top_p": 0.9, "max_tokens": 300, "stop": ["END"]},
}


def described(dialect: str, body: dict[str, Any]) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        async with SimulatedProvider(Script(models={"m": Behaviour(text=Describe())})) as provider:
            got = await send(provider.port, dialect, body)
            assert got.status == 200, got.body
            (seen,) = provider.requests
            assert seen.dialect == dialect
            found = seen.understood()
            assert found is not None
            assert json.loads(text_of(dialect, got.json)) == json.loads(json.dumps(found))
            return found

    return asyncio.run(run())


def text_of(dialect: str, answer: Any) -> str:
    match dialect:
        case "openai-chat":
            text = answer["choices"][0]["message"]["content"]
        case "openai-responses":
            text = answer["output"][0]["content"][0]["text"]
        case "anthropic-messages":
            text = answer["content"][0]["text"]
        case "gemini":
            text = answer["candidates"][0]["content"]["parts"][0]["text"]
        case "bedrock-converse":
            text = answer["output"]["message"]["content"][0]["text"]
        case _:
            text = answer["message"]["content"][0]["text"]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_meaning_has_the_same_description(dialect: str) -> None:
    wanted = deepcopy(DESCRIPTION)
    if dialect == "openai-responses":  # has no stop sequences
        del wanted["sampling"]["stop"]
    if dialect == "cohere":  # has no schema beside tools
        del wanted["schema"]
    assert described(dialect, CONVERSATION[dialect]) == wanted


def test_what_was_empty_or_left_to_the_model_is_left_out() -> None:
    for dialect in DIALECTS:
        found = described(dialect, hello(dialect))
        found.pop("sampling", None)
        assert found == {"turns": [{"role": "user", "parts": [{"text": "hello"}]}]}


def test_gemini_s_own_schemas_are_the_same_schemas() -> None:
    body = deepcopy(CONVERSATION["gemini"])
    body["tools"] = [
        {"function_declarations": [{"name": "look", "description": "Looks.", "parameters": OWN_SCHEMA}]}
    ]
    (tool,) = described("gemini", body)["tools"]
    assert tool["schema"] == {key: value for key, value in SCHEMA.items() if key != "additionalProperties"}


def test_arguments_that_are_no_json_and_results_that_failed() -> None:
    chat = {
        "messages": [
            {"role": "user", "content": "x"},
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{broken"}}
                ],
            },
            {"role": "tool", "tool_call_id": "a", "content": "no"},
        ]
    }
    messages = {
        "max_tokens": 10,
        "messages": [
            {"role": "user", "content": "x"},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "a", "name": "f", "input": {"INVALID_JSON": "{broken"}}
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "a", "content": "no", "is_error": True}],
            },
        ],
    }
    call, result = (one["parts"][0] for one in described("openai-chat", chat)["turns"][1:])
    assert call["arguments"] == {"invalid": "{broken"}
    assert result == {"result": 1, "content": "no"}
    call, result = (one["parts"][0] for one in described("anthropic-messages", messages)["turns"][1:])
    assert call["arguments"] == {"invalid": "{broken"}
    assert result == {"result": 1, "content": "no", "failed": True}


@pytest.mark.parametrize("dialect", [one for one in DIALECTS if one != "cohere"])
def test_left_to_itself_it_answers_what_the_schema_and_the_choice_demand(dialect: str) -> None:
    async def run(body: dict[str, Any]) -> Any:
        async with SimulatedProvider() as provider:
            got = await send(provider.port, dialect, body)
            assert got.status == 200, got.body
            return got.json

    called = json.dumps(asyncio.run(run(CONVERSATION[dialect])))
    assert "look" in called
    free = {**CONVERSATION[dialect]}
    for key in ("tool_choice", "toolConfig"):
        free.pop(key, None)
    if dialect == "bedrock-converse":
        free["messages"] = free["messages"][:1]
    value = json.loads(text_of(dialect, asyncio.run(run(free))))
    assert list(value) == ["city"]
    assert isinstance(value["city"], str)


def test_it_is_a_judge_of_its_own() -> None:
    """Nothing of it leans on what it is to judge."""
    allowed = {"freehold.core.clock", "freehold.core.errors"}
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            name = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if name.startswith("freehold"):
                assert name.startswith("freehold.providers.simulated") or name in allowed, (file, name)
