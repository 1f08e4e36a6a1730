"""Tools whose names a provider refuses: clients see their own, whoever answers, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from running_endpoint import RunningEndpoint

from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ThreadedProvider
from freehold.wire.sse import EventSplitter, data_of

SPOKEN = {
    "chat": ("openai-chat", "/v1", "bearer"),
    "responses": ("openai-responses", "/v1", "bearer"),
    "messages": ("anthropic-messages", "/v1", "x-api-key"),
    "gemini": ("gemini", "/v1beta", "x-goog-api-key"),
    "bedrock": ("bedrock-converse", "", "bearer"),
    "cohere": ("cohere", "/v2", "bearer"),
}
CLIENTS = ("chat", "responses", "messages", "gemini")
WANTED = "files.read/all things: " + "and more " * 15
NAMES = [WANTED, "files.read", "files-read", "files_read", "2nd"]
SCHEMA = {"type": "object", "properties": {"at": {"type": "integer"}}, "required": ["at"]}
PAIRS = [(client, provider) for client in CLIENTS for provider in SPOKEN if client != provider]


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(Script(models={"*": Behaviour()})) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    root = provider.base_url.removesuffix("/v1")
    models = {"bedrock": "anthropic.claude-sonnet-4-5", "messages": "claude-sonnet-4-5"}
    lines = ["[local]", "enabled = false"]
    for name, (dialect, path, auth) in SPOKEN.items():
        lines += [f"[providers.{name}]", f'base_url = "{root}{path}"', f'dialects = ["{dialect}"]']
        lines += ['api_key = "env:SIMULATED_KEY"', f'auth = "{auth}"']
        lines += ['headers = { anthropic-version = "2023-06-01" }'] if name == "messages" else []
        lines += [f"[routes.{name}]", f'incumbent = "{name}/{models.get(name, "model")}"']
    folder = tmp_path_factory.mktemp("names")
    with RunningEndpoint(folder, "\n".join(lines), environment={"SIMULATED_KEY": "sk-simulated"}) as running:
        yield running


def body_of(client: str, route: str, called: str | None) -> tuple[str, dict[str, Any]]:
    """Path and body: the tools, one of which has to be called; with `called`, what it gave."""
    question, result = "What is there?", '{"found":1}'
    if client == "chat":
        messages: list[Any] = [{"role": "user", "content": question}]
        if called is not None:
            function = {"name": called, "arguments": '{"at":1}'}
            messages += [
                {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": function}]},
                {"role": "tool", "tool_call_id": "c1", "content": result},
            ]
        return "/v1/chat/completions", {
            "model": route,
            "messages": messages,
            "tools": [
                {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in NAMES
            ],
            "tool_choice": {"type": "function", "function": {"name": WANTED}} if called is None else "auto",
        }
    if client == "responses":
        items: list[Any] = [{"role": "user", "content": question}]
        if called is not None:
            items += [
                {"type": "function_call", "call_id": "c1", "name": called, "arguments": '{"at":1}'},
                {"type": "function_call_output", "call_id": "c1", "output": result},
            ]
        return "/v1/responses", {
            "model": route,
            "input": items,
            "tools": [
                {"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in NAMES
            ],
            "tool_choice": {"type": "function", "name": WANTED} if called is None else "auto",
        }
    if client == "messages":
        messages = [{"role": "user", "content": question}]
        if called is not None:
            use = {"type": "tool_use", "id": "c1", "name": called, "input": {"at": 1}}
            came: Any = {"type": "tool_result", "tool_use_id": "c1", "content": result}
            messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [came]}]
        return "/v1/messages", {
            "model": route,
            "max_tokens": 99,
            "messages": messages,
            "tools": [{"name": name, "input_schema": SCHEMA} for name in NAMES],
            "tool_choice": {"type": "tool", "name": WANTED} if called is None else {"type": "auto"},
        }
    contents: list[Any] = [{"role": "user", "parts": [{"text": question}]}]
    if called is not None:
        call = {"functionCall": {"name": called, "args": {"at": 1}}}
        came = {"functionResponse": {"name": called, "response": {"found": 1}}}
        contents += [{"role": "model", "parts": [call]}, {"role": "user", "parts": [came]}]
    functions = [{"name": name, "parametersJsonSchema": SCHEMA} for name in NAMES]
    choice = {"mode": "ANY", "allowedFunctionNames": [WANTED]} if called is None else {"mode": "AUTO"}
    return f"/v1beta/models/{route}:generateContent", {
        "contents": contents,
        "tools": [{"functionDeclarations": functions}],
        "toolConfig": {"functionCallingConfig": choice},
    }


def names_in(value: Any) -> list[str]:
    """Names of all that is called, in whatever dialect."""
    if isinstance(value, list):
        return [name for one in value for name in names_in(one)]
    if not isinstance(value, dict):
        return []
    found = []
    for key, inner in value.items():
        if key in ("function", "functionCall") and isinstance(inner, dict) and inner.get("name"):
            found.append(inner["name"])
        elif key == "name" and value.get("type") in ("function_call", "tool_use"):
            found.append(inner)
        elif key not in ("tools", "tool_choice"):
            found += names_in(inner)
    return found


@pytest.mark.parametrize(("client", "route"), PAIRS)
def test_a_client_s_own_names_come_back(client: str, route: str, endpoint: RunningEndpoint) -> None:
    path, body = body_of(client, route, None)
    with endpoint.connect() as plain:
        whole = plain.post(path, body)
        if client == "gemini":
            path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
        else:
            body["stream"] = True
        streamed = plain.post(path, body)
    assert (whole.status, streamed.status) == (200, 200), (whole.body, streamed.body)
    events = [data_of(event) or b"" for event in EventSplitter().feed(streamed.body)]
    told = names_in([json.loads(data) for data in events if data.startswith(b"{")])
    assert set(told) == set(names_in(whole.json())) == {WANTED}


@pytest.mark.parametrize(("client", "route"), PAIRS)
def test_what_was_called_before_is_known_by_the_same_name(
    client: str, route: str, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    path, body = body_of(client, route, WANTED)
    with endpoint.connect() as plain:
        answer = plain.post(path, body)
    assert answer.status == 200, answer.body
    understood = provider.requests[-1].understood()
    assert understood is not None
    (call,) = (part for turn in understood["turns"] for part in turn["parts"] if "call" in part)
    assert call["name"] != WANTED
    offered = [tool["name"] for tool in understood["tools"]]
    assert call["name"] in offered
    assert len(set(offered)) == len(NAMES)
    assert "x-freehold-losses" not in answer.headers or "tool" not in answer.headers["x-freehold-losses"]
