"""What the real APIs refuse is refused, in their words; what they take is taken."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from dialect_bodies import CONVERSATION, DIALECTS, HOSTED, SCHEMA, hello, path_of, send
from raw_exchange import exchange, request_bytes
from recordings import exchanges, needs_recordings

from freehold.providers.simulated import Behaviour, Reasoning, Script, SimulatedProvider
from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, described
from freehold.providers.simulated.dialect import Refusal
from freehold.providers.simulated.happenings import happenings
from freehold.providers.simulated.observation import ReceivedRequest
from freehold.providers.simulated.routes import place_of
from freehold.providers.simulated.stage import DIALECTS as PLAYED
from freehold.providers.simulated.turns import Turns


def request(dialect: str, path: str | None = None) -> ReceivedRequest:
    target = path or path_of(dialect, stream=True)
    return ReceivedRequest(0, 0, 0, 0.0, 0, "POST", target, [("anthropic-version", "2023-06-01")], b"")


def understand(
    dialect: str, body: dict[str, Any], *, strict_turns: bool = True, path: str | None = None
) -> Ask:
    seen = request(dialect, path)
    place = place_of(seen.target.partition("?")[0], seen)
    assert place is not None
    return PLAYED[dialect].ask(body, place, seen, Account(0, "key", dialect, {}, strict_turns=strict_turns))


REFUSED: list[tuple[str, str, Any, str]] = [
    ("openai-chat", "messages/3", None, "did not have response messages: a"),
    ("openai-chat", "messages/3/tool_call_id", "c", "must be a response to a preceding message"),
    ("openai-chat", "messages/5/content", None, "expected a string, got None"),
    ("openai-chat", "messages/2/tool_calls/0/id", "x" * 65, "1 to 64 characters"),
    ("openai-chat", "tools", [], "only allowed when 'tools' are specified"),
    ("openai-chat", "tools/0/function/name", "not allowed", "does not match pattern"),
    ("openai-chat", "response_format", {"type": "json_object"}, "must contain the word 'json'"),
    ("openai-chat", "response_format/json_schema/strict", True, ""),
    ("openai-chat", "temperature", 2.5, "temperature"),
    ("openai-chat", "n", 129, "n: 129 is not between 1 and 128"),
    ("gemini", "generationConfig/candidateCount", 9, "candidateCount: 9 is not between 1 and 8"),
    ("openai-chat", "top_logprobs", 2, "only allowed when 'logprobs'"),
    ("openai-responses", "input/4", None, "No tool output found for function call a"),
    ("openai-responses", "input/2", None, "No tool call found for function call output with call_id a"),
    ("openai-responses", "input/0/content/0/type", "text", "Supported values are: 'input_text'"),
    ("openai-responses", "input/2/id", "call_a", "begins with 'fc'"),
    (
        "openai-responses",
        "input/6",
        {"type": "reasoning", "id": "rs_1", "summary": []},
        "Items are not persisted",
    ),
    ("openai-responses", "max_output_tokens", 8, "max_output_tokens"),
    ("openai-responses", "stop", ["END"], "Unknown parameter: 'stop'"),
    ("anthropic-messages", "max_tokens", None, "max_tokens: Field required"),
    ("anthropic-messages", "messages/1", None, "roles must alternate"),
    ("anthropic-messages", "messages/0", None, "first message must use"),
    ("anthropic-messages", "messages/2/content/0", None, "without `tool_result` blocks immediately after: a"),
    ("anthropic-messages", "messages/2/content/1", {"type": "text", "text": "x"}, "immediately after: b"),
    ("anthropic-messages", "messages/2/content/0/tool_use_id", "z", "unexpected `tool_use_id`"),
    ("anthropic-messages", "messages/2/content/2/text", "", "must be non-empty"),
    ("anthropic-messages", "messages/2/content/2/text", " \n", "non-whitespace"),
    ("anthropic-messages", "messages/1/content/1/id", "call.a", "should match pattern"),
    ("anthropic-messages", "messages/1/content/1/input", "{}", "valid dictionary"),
    ("anthropic-messages", "tools/0/input_schema", {}, "input_schema.type"),
    ("anthropic-messages", "temperature", 1.5, "temperature"),
    (
        "anthropic-messages",
        "thinking",
        {"type": "enabled", "budget_tokens": 400},
        "greater than or equal to 1024",
    ),
    ("anthropic-messages", "seed", 1, "seed: Extra inputs are not permitted"),
    ("anthropic-messages", "output_config/format/schema", {"type": "object"}, "additionalProperties"),
    ("gemini", "contents/2/parts/0", None, "number of function response parts"),
    ("gemini", "contents/2/parts/0/functionResponse/name", "other", "number of function response parts"),
    ("gemini", "contents/1/role", "assistant", "valid role: user, model"),
    ("gemini", "contents/0/parts", [], "must not be empty"),
    ("gemini", "contents/0/parts/0", {}, "one initialized field"),
    ("gemini", "contents/1/parts/1/thoughtSignature", "c29tZWJvZHk=", "not valid"),
    ("gemini", "generationConfig/responseMimeType", None, "response_mime_type"),
    ("gemini", "generationConfig/maxTokens", 5, 'Unknown name "maxTokens"'),
    (
        "gemini",
        "tools/0/functionDeclarations/0",
        {"name": "look", "parameters": SCHEMA},
        "additionalProperties",
    ),
    ("bedrock-converse", "messages/1", None, "must alternate"),
    ("bedrock-converse", "messages/2/content/0", None, "Expected toolResult blocks"),
    ("bedrock-converse", "toolConfig", None, "toolConfig field must be defined"),
    ("bedrock-converse", "messages/0/content/0/text", "", "is blank"),
    ("bedrock-converse", "messages/1/content/1/toolUse/toolUseId", "a b", "toolUseId"),
    ("cohere", "messages/3", None, "missing tool results for a"),
    ("cohere", "messages/4/tool_call_id", "z", "no tool call with the id z"),
    ("cohere", "messages/5", {"role": "assistant", "content": "x"}, "last message"),
    ("cohere", "tools/0/function/name", "two-words", "characters that are not allowed"),
    ("cohere", "p", 1.0, "p: 1.0 is not between"),
    ("cohere", "tool_choice", "auto", "REQUIRED or NONE"),
]


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with `value` at `path`; None: what is there is taken away."""
    copy: Any = deepcopy(body)
    *steps, last = [int(step) if step.isdecimal() else step for step in path.split("/")]
    place = copy
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    assert isinstance(copy, dict)
    return copy


@pytest.mark.parametrize(("dialect", "path", "value", "words"), REFUSED)
def test_it_refuses(dialect: str, path: str, value: Any, words: str) -> None:
    body = changed(CONVERSATION[dialect], path, value)
    if path.endswith("strict"):
        body["response_format"]["json_schema"]["schema"] = {"type": "object", "properties": {"a": {}}}
        words = "'additionalProperties' is required"
    understand(dialect, CONVERSATION[dialect])
    with pytest.raises(Refusal, match=re.escape(words)) as caught:
        understand(dialect, body)
    assert caught.value.answer.status in (400, 404)


def test_turns_may_be_joined_as_the_newest_models_do() -> None:
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "One"},
            {"role": "user", "content": [{"type": "text", "text": " and two"}]},
        ],
    }
    assert '" and two' not in described(understand("anthropic-messages", body, strict_turns=False))
    with pytest.raises(Refusal):
        understand("anthropic-messages", body)


def test_state_is_worth_nothing_to_another_account() -> None:
    async def run() -> None:
        behaviour = Behaviour(text="x", reasoning=Reasoning(text="hm"))
        async with SimulatedProvider(Script(models={"m": behaviour})) as provider:
            mine, other = ("x-api-key: one",), ("x-api-key: two",)
            body = hello("anthropic-messages")
            answer = (await send(provider.port, "anthropic-messages", body, headers=mine)).json
            body["messages"] += [
                {"role": "assistant", "content": answer["content"]},
                {"role": "user", "content": "and?"},
            ]
            for headers, status in ((mine, 200), (other, 400)):
                got = await send(provider.port, "anthropic-messages", body, headers=headers)
                assert got.status == status
            assert provider.requests[1].understood() is not None
            assert provider.requests[2].understood() is None

    asyncio.run(run())


SHAPES: dict[str, dict[str, Any]] = {
    "openai-chat": {"error": {"message", "type", "param", "code"}},
    "openai-responses": {"error": {"message", "type", "param", "code"}},
    "anthropic-messages": {"type": None, "error": {"type", "message"}, "request_id": None},
    "gemini": {"error": {"code", "message", "status"}},
    "bedrock-converse": {"message": None},
    "cohere": {"id": None, "message": None},
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_errors_have_the_form_of_the_dialect(dialect: str) -> None:
    async def run() -> None:
        script = Script(key="sk-right", models={"m": Behaviour()})
        keys = ["authorization: Bearer sk-right", "x-api-key: sk-right", "x-goog-api-key: sk-right"]
        async with SimulatedProvider(script) as provider:
            for headers, model, status in (([], "m", 401), (keys, "unheard-of", 404)):
                got = await send(provider.port, dialect, hello(dialect), model=model, headers=tuple(headers))
                assert got.status == status
                answer = got.json
                assert set(answer) == set(SHAPES[dialect])
                if SHAPES[dialect].get("error"):
                    assert set(answer["error"]) == SHAPES[dialect]["error"]
            broken = request_bytes(b"{", path=path_of(dialect), headers=[*keys, "anthropic-version: 1"])
            assert (await exchange(provider.port, broken, limit=0.2)).status == 400
            wrong = request_bytes(None, method="GET", path=path_of(dialect), headers=keys)
            assert (await exchange(provider.port, wrong, limit=0.2)).status == 405

    asyncio.run(run())


def test_vertex_paths_and_keys_in_the_query_are_taken() -> None:
    async def run() -> None:
        script = Script(key="sk-right", models={"m": Behaviour(text="fine")}, prefix="/g")
        async with SimulatedProvider(script) as provider:
            for path in (
                "/g/v1/projects/p/locations/l/publishers/google/models/m:generateContent?key=sk-right",
                "/g/v1beta1/publishers/google/models/m:generateContent?key=sk-right",
                "/g/v1beta/models/m:generateContent?key=sk-right",
            ):
                got = await exchange(provider.port, request_bytes(hello("gemini"), path=path), limit=0.2)
                assert got.json["candidates"][0]["content"]["parts"] == [{"text": "fine"}]
            path = "/g/v1beta/models/m:streamGenerateContent?key=sk-right"
            got = await exchange(provider.port, request_bytes(hello("gemini"), path=path), limit=0.2)
            assert [one["candidates"][0]["index"] for one in got.json] == [0, 0]

    asyncio.run(run())


ODD: tuple[Any, ...] = (None, 0, -1, 1.5, True, "", "x", [], {}, [[]], [None], {"x": 1}, "{")


def variations(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """`body` with each of its values in turn taken away, or something odd in its place."""

    def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        inner = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, one in inner:
            yield (*path, key)
            yield from paths(one, (*path, key))

    packed = msgspec.msgpack.encode(body)
    for *steps, last in paths(body):
        for odd in (..., *ODD):
            varied = place = msgspec.msgpack.decode(packed)
            for step in steps:
                place = place[step]
            if odd is ...:
                del place[last]
            else:
                place[last] = odd
            yield varied


@pytest.mark.parametrize("dialect", [*DIALECTS, *HOSTED])
def test_whatever_comes_is_answered_or_refused(dialect: str) -> None:
    turn = Turns(Script()).take("m")
    assert turn is not None
    outcomes: Counter[str] = Counter()
    for body in variations({**CONVERSATION, **HOSTED}[dialect]):
        try:
            ask = understand(dialect, body)
        except Refusal:
            outcomes["refused"] += 1
        else:
            described(ask)
            list(happenings(ask, turn))
            outcomes["answered"] += 1
    assert outcomes["refused"] > 300
    assert outcomes["answered"] > 30


EXCUSED = {
    r"ignature|encrypted content|could not be verified|redacted": "made by the real provider",
    r"Previous response|Items are not persisted": "refers to what the real provider keeps",
    r"Invalid schema for function": "OpenAI's strict mode, which brokers do not have",
    r"Expected an ID that begins|Unknown parameter: 'provider'": "another maker of the same dialect, or a broker",
    r"Expected toolResult blocks": "a tool that Amazon runs itself, in the assistant's own turn",
}


@needs_recordings
def test_what_real_providers_took_is_taken() -> None:
    taken: Counter[str] = Counter()
    excused: Counter[str] = Counter()
    for one in exchanges(lambda found: found.status == 200):
        path = urlsplit(one.uri).path
        for end in ("/responses", "/chat/completions"):
            path = f"/v1{end}" if path.endswith(end) else path
        seen = request("", path)
        place = place_of(path, seen)
        if place is None or place.action not in ("chat", "count"):
            continue
        if place.dialect == "anthropic-on-bedrock" and not (
            b'"anthropic_version"' in one.request or b'"invokeModel"' in one.request
        ):
            continue  # models of other makers, and counts for Converse
        try:
            body = msgspec.json.decode(one.request)
        except msgspec.DecodeError:
            continue
        try:
            described(understand(place.dialect, body, strict_turns=False, path=path))
            taken[place.dialect] += 1
        except Refusal as refusal:
            reason = next((text for words, text in EXCUSED.items() if re.search(words, str(refusal))), None)
            assert reason is not None, (one.name, str(refusal))
            excused[f"{place.dialect}: {reason}"] += 1
    assert set(taken) == {*DIALECTS, "anthropic-on-bedrock"}
    assert sum(taken.values()) > 1000, (taken, excused)
