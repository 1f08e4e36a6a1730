"""What was said, in spans: only where that was asked for, and in the form of the conventions."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from collector import Collector, said
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ThreadedProvider
from freehold.providers.simulated.script import ToolCall

PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 90).decode()


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    models: dict[str, Any] = {
        "words": Behaviour(text="Guten Tag."),
        "tools": Behaviour(tool_calls=(ToolCall(name="look", arguments='{"at":"this"}', id="t1"),)),
    }
    with SimulatedProvider.in_thread(Script(models=models)) as running:
        yield running


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def configured(provider: ThreadedProvider, collector: Collector, content: str) -> str:
    return f"""
[local]
enabled = false
[telemetry]
url = "{collector.url}"
content = {content}
[providers.sim]
base_url = "{provider.base_url}"
[providers.claude]
like = "anthropic"
base_url = "{provider.base_url}"
api_key = "env:KEY"
[routes.private]
incumbent = "sim/words"
keep_bodies = false
"""


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    folder = tmp_path_factory.mktemp("endpoint")
    toml = configured(provider, collector, "true")
    with RunningEndpoint(folder, toml, environment={"KEY": "sk-0123456789"}) as running:
        yield running


def content_of(collector: Collector, call_id: str) -> dict[str, Any]:
    """By the last part of its name."""
    call = until(lambda: collector.call(call_id))
    (attempt,) = collector.attempts(call)
    assert not any(name.startswith("gen_ai.input") for name in said(call)), "it is told once"
    names = ("system_instructions", "input.messages", "output.messages", "tool.definitions")
    told = said(attempt)
    return {name: msgspec.json.decode(told[f"gen_ai.{name}"]) for name in names if f"gen_ai.{name}" in told}


MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        ],
    },
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["sim/words", "claude/words"])
def test_words(endpoint: RunningEndpoint, collector: Collector, model: str, *, stream: bool) -> None:
    with endpoint.connect() as client:
        answer = client.chat(model, messages=MESSAGES, stream=stream)
    content = content_of(collector, answer.call)
    assert content["system_instructions"] == [{"type": "text", "content": "Be brief."}]
    asked, called, looked = content["input.messages"]
    assert asked["role"] == "user"
    assert asked["parts"][0] == {"type": "text", "content": "What is this?"}
    assert asked["parts"][1] == {
        "type": "omitted",
        "modality": "image",
        "mime_type": "image/png",
        "size": 132,
    }
    assert asked["parts"][2]["uri"] == "https://example.com/a.png"
    assert called["parts"] == [{"type": "tool_call", "id": "c1", "name": "look", "arguments": {"a": 1}}]
    assert looked["parts"] == [{"type": "tool_call_response", "id": "c1", "response": "a cat"}]
    parts = [{"type": "text", "content": "Guten Tag."}]
    assert content["output.messages"] == [{"role": "assistant", "parts": parts}]


def test_tools(endpoint: RunningEndpoint, collector: Collector) -> None:
    schema = {"type": "object", "properties": {"at": {"type": "string"}}}
    tools = [
        {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": schema}}
    ]
    with endpoint.connect() as client:
        answer = client.chat("sim/tools", tools=tools)
    content = content_of(collector, answer.call)
    assert content["tool.definitions"] == [
        {"type": "function", "name": "look", "description": "Looks.", "parameters": schema}
    ]
    (message,) = content["output.messages"]
    assert message["parts"] == [
        {"type": "tool_call", "id": "t1", "name": "look", "arguments": {"at": "this"}}
    ]


def test_in_other_dialects(endpoint: RunningEndpoint, collector: Collector) -> None:
    with endpoint.connect() as client:
        asked = {"model": "sim/words", "input": "hi", "instructions": "Be brief."}
        first = client.post("/v1/responses", asked).call
        messages = [{"role": "user", "content": "hi"}]
        second = client.post(
            "/v1/messages", {"model": "sim/words", "messages": messages, "max_tokens": 9}
        ).call
    for call_id in (first, second):
        content = content_of(collector, call_id)
        assert content["input.messages"][0]["parts"] == [{"type": "text", "content": "hi"}]
        assert content["output.messages"][0]["parts"][0]["content"] == "Guten Tag."


def test_what_is_too_long_is_shortened(endpoint: RunningEndpoint, collector: Collector) -> None:
    with endpoint.connect() as client:
        long = client.chat("sim/words", "x" * 20_000).call
        many = client.chat("sim/words", messages=[{"role": "user", "content": "y" * 15_000}] * 40).call
    content = content_of(collector, long)
    assert len(content["input.messages"][0]["parts"][0]["content"]) == 16 * 1024
    content = content_of(collector, many)
    assert "input.messages" not in content
    assert content["output.messages"]


def test_arguments_that_nobody_can_read_are_told_as_text(
    endpoint: RunningEndpoint, collector: Collector
) -> None:
    deep = "[" * 8_000 + "]" * 8_000
    tool_call = {"id": "t1", "type": "function", "function": {"name": "look", "arguments": deep}}
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [tool_call]},
        {"role": "tool", "tool_call_id": "t1", "content": "there"},
    ]
    with endpoint.connect() as client:
        call = client.chat("sim/words", messages=messages).call
    (part,) = content_of(collector, call)["input.messages"][1]["parts"]
    assert part["arguments"] == deep


def test_what_is_not_kept_is_not_told(endpoint: RunningEndpoint, collector: Collector) -> None:
    with endpoint.connect() as client:
        calls = [client.chat("private").call]
        request = {"model": "sim/words", "messages": [{"role": "user", "content": "hi"}]}
        calls.append(client.post("/v1/chat/completions", request, x_freehold_bodies="off").call)
    assert [content_of(collector, one) for one in calls] == [{}, {}]


def test_nothing_unless_asked(tmp_path: Path, provider: ThreadedProvider) -> None:
    with Collector() as collector:
        toml = configured(provider, collector, "false")
        with (
            RunningEndpoint(tmp_path, toml, environment={"KEY": "sk-0123456789"}) as endpoint,
            endpoint.connect() as client,
        ):
            call = client.chat("sim/words", "a very private matter").call
            assert content_of(collector, call) == {}
        assert not any(
            b"private matter" in one.body or b"Guten Tag" in one.body for one in collector.requests
        )
