"""B1.4: tool calls are lost, emptied or merged when a stream is translated. Each is looked at through an official
SDK.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic.types import InputJSONDelta, Message, RawContentBlockDeltaEvent
from rehearsing import rehearsing
from running_endpoint import LIMIT, RunningEndpoint
from told_provider import ToldProvider, data_events

from freehold.providers.simulated import Behaviour, Reasoning, Script, ToolCall

ADD, LOOK_UP = '{"a": 17, "b": 25}', '{"city": "Zürich", "days": [1, 2]}'
SCRIPT = Script(
    models={
        "one": Behaviour(tool_calls=(ToolCall("add_numbers", ADD),)),
        "two": Behaviour(
            tool_calls=(ToolCall("add_numbers", ADD, pieces=3), ToolCall("look_up", LOOK_UP, pieces=5))
        ),
        "claude": Behaviour(
            reasoning=Reasoning(text="It has to be submitted."),
            text="I submit it now.",
            tool_calls=(ToolCall("look_up", LOOK_UP),),
        ),
    }
)
PROVIDERS = {
    "studio": ("gemini", "ROOT/v1beta"),
    "on-vertex": ("gemini", "ROOT/v1/projects/acme/locations/europe-west1/publishers/google"),
    "claude": ("anthropic-messages", "URL"),
    "responses": ("openai-responses", "URL"),
    "chat": ("openai-chat", "URL"),
}
TOML = "[local]\nenabled = false\n" + "".join(
    f'[providers.{name}]\nbase_url = "{url}"\ndialects = ["{dialect}"]\n'
    for name, (dialect, url) in PROVIDERS.items()
)
TOOLS = {
    "add_numbers": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}},
    "look_up": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}}},
    },
}


@pytest.fixture(scope="module")
def told() -> Iterator[ToldProvider]:
    with ToldProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, told: ToldProvider) -> Iterator[RunningEndpoint]:
    toml = f'{TOML}[providers.told]\nbase_url = "{told.url}/v1"\n'
    with rehearsing(tmp_path_factory.mktemp("endpoint"), SCRIPT, toml) as (running, _):
        yield running


def asked_as_message(endpoint: RunningEndpoint, model: str) -> tuple[Message, list[Any]]:
    """What Anthropic's SDK makes of a streamed answer, and the events that it saw."""
    tools: list[Any] = [{"name": name, "input_schema": schema} for name, schema in TOOLS.items()]
    with (
        anthropic.Anthropic(base_url=endpoint.url, api_key=endpoint.key, max_retries=0, timeout=LIMIT) as sdk,
        sdk.messages.stream(
            model=model,
            max_tokens=200,
            tools=tools,
            messages=[{"role": "user", "content": "Use the tools."}],
        ) as stream,
    ):
        events = list(stream)
        return stream.get_final_message(), events


def used(message: Message) -> list[tuple[str, Any]]:
    """Names and arguments of the calls in an answer."""
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


def asked_as_chat(endpoint: RunningEndpoint, model: str) -> tuple[list[Any], str | None]:
    """The deltas of a streamed chat answer that OpenAI's SDK saw, and why it ended."""
    tools: list[Any] = [
        {"type": "function", "function": {"name": name, "parameters": schema}}
        for name, schema in TOOLS.items()
    ]
    with endpoint.sdk() as sdk:
        stream = sdk.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Use them."}], tools=tools, stream=True
        )
        choices = [choice for chunk in stream for choice in chunk.choices]
    return [one.delta for one in choices], choices[-1].finish_reason


def put_together(deltas: list[Any]) -> list[tuple[str, str]]:
    """Calls as clients put them together: by their index alone."""
    calls: dict[int, tuple[str, str]] = {}
    for delta in deltas:
        for piece in delta.tool_calls or []:
            name, arguments = calls.get(piece.index, ("", ""))
            calls[piece.index] = (
                name + (piece.function.name or ""),
                arguments + (piece.function.arguments or ""),
            )
    return [calls[index] for index in sorted(calls)]


@pytest.mark.parametrize("provider", ["studio", "on-vertex"])
def test_gemini_s_arguments_reach_a_client_of_anthropic_s(provider: str, endpoint: RunningEndpoint) -> None:
    """https://github.com/BerriAI/litellm/issues/25836 (AI Studio) and
    https://github.com/BerriAI/litellm/issues/25561 (Vertex): names came, and every input was `{}`, as no event with
    arguments followed; with `stream: false` all was well.
    """
    message, events = asked_as_message(endpoint, f"{provider}/two")
    assert used(message) == [("add_numbers", json.loads(ADD)), ("look_up", json.loads(LOOK_UP))]
    assert message.stop_reason == "tool_use"
    pieces = [
        event.index
        for event in events
        if isinstance(event, RawContentBlockDeltaEvent) and isinstance(event.delta, InputJSONDelta)
    ]
    assert len(set(pieces)) == 2, "each call has events with its arguments"


@pytest.mark.parametrize("provider", ["responses", "studio", "claude", "chat"])
def test_parallel_calls_are_told_apart_by_their_index(provider: str, endpoint: RunningEndpoint) -> None:
    """https://github.com/BerriAI/litellm/issues/21331: from a Responses API, all parallel calls came with index 0
    and ran into one another.
    """
    deltas, reason = asked_as_chat(endpoint, f"{provider}/two")
    calls = put_together(deltas)
    assert [(name, json.loads(arguments)) for name, arguments in calls] == [
        ("add_numbers", json.loads(ADD)),
        ("look_up", json.loads(LOOK_UP)),
    ]
    assert reason == "tool_calls"
    ids = [piece.id for delta in deltas for piece in delta.tool_calls or [] if piece.id]
    assert len(set(ids)) == len(ids) == 2


@pytest.mark.parametrize("order", ["begins", "goes on"])
def test_words_and_a_call_in_one_piece_are_both_told(
    order: str, endpoint: RunningEndpoint, told: ToldProvider
) -> None:
    """https://github.com/BerriAI/litellm/issues/18238: where one piece held text and the beginning of a call, only
    the text was looked at, and the name of the tool was gone.
    """
    call = {
        "index": 0,
        "id": "toolu_1",
        "type": "function",
        "function": {"name": "look_up", "arguments": ""},
    }
    more = {"index": 0, "function": {"arguments": LOOK_UP}}
    deltas: list[Any] = [
        {"role": "assistant", "content": "First, I "},
        {"content": "look it up:", "tool_calls": [call]},
        {"tool_calls": [more]},
    ]
    if order == "begins":
        deltas = [{"role": "assistant", **deltas[1], "content": "First, I look it up:"}, deltas[2]]
    chunks = [chunk(delta) for delta in deltas] + [chunk({}, "tool_calls")]
    told.tell(data_events(*chunks) + b"data: [DONE]\n\n")
    message, _ = asked_as_message(endpoint, "told/any")
    assert "".join(one.text for one in message.content if one.type == "text") == "First, I look it up:"
    assert used(message) == [("look_up", json.loads(LOOK_UP))]


def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def test_a_call_after_thinking_and_words_reaches_a_client_of_openai_s(endpoint: RunningEndpoint) -> None:
    """https://github.com/BerriAI/litellm/issues/36262: Anthropic streamed thinking, words and a call; the client
    got the words and `stop`.
    """
    deltas, reason = asked_as_chat(endpoint, "claude/claude")
    assert "".join(delta.content or "" for delta in deltas) == "I submit it now."
    ((name, arguments),) = put_together(deltas)
    assert (name, json.loads(arguments)) == ("look_up", json.loads(LOOK_UP))
    assert reason == "tool_calls"
