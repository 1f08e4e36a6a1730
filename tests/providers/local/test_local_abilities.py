"""What a GGUF model can be asked for: calls of tools, thoughts apart, log-probabilities, embeddings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from local_files import file_model
from local_models import sdk, served
from openai import OpenAI
from tiny_gguf import THINKS, TOOLS, write_tiny_model

pytestmark = pytest.mark.model

HELLO: Any = [{"role": "user", "content": "Hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
CLOCK: Any = {
    "type": "function",
    "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}},
}
CALL = '{"name": "weather", "arguments": {"city": "Oslo"}}'


def written(text: str) -> dict[str, Any]:
    """Makes the model write exactly this: what is tested is what becomes of it."""
    return {"grammar": f"root ::= {json.dumps(text)}"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("files") / "tools.gguf", template=TOOLS)


@pytest.fixture(scope="module")
def client(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    model = file_model("tools", file)
    with served(tmp_path_factory.mktemp("data"), model.id, model) as address, sdk(address) as found:
        yield found


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    file = write_tiny_model(tmp_path_factory.mktemp("files") / "thinks.gguf", template=THINKS)
    model = file_model("thinks", file)
    with served(tmp_path_factory.mktemp("data"), model.id, model) as address, sdk(address) as found:
        yield found


def ask(client: OpenAI, **more: Any) -> Any:
    return client.chat.completions.create(**{"model": "x", "messages": HELLO, "max_tokens": 80, **more})


def streamed(client: OpenAI, **more: Any) -> list[Any]:
    with ask(client, stream=True, **more) as stream:
        return [chunk.choices[0] for chunk in stream if chunk.choices]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("required", {"weather", "clock"}),
        ({"type": "function", "function": {"name": "weather"}}, {"weather"}),
    ],
    ids=["required", "named"],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_call_that_is_demanded_is_made_whatever_the_model_would_say(
    client: OpenAI, choice: Any, names: set[str], seed: int
) -> None:
    answer = ask(
        client, tools=[WEATHER, CLOCK], tool_choice=choice, temperature=1.5, seed=seed, max_tokens=300
    )
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name in names
    arguments = json.loads(call.function.arguments)
    if call.function.name == "weather":
        assert arguments["city"] in ("Oslo", "Rome")
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content is None


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (f"Let me see.\n<tool_call>\n{CALL}\n</tool_call>", "Let me see."),
        (CALL.replace("arguments", "parameters"), None),
    ],
    ids=["between tags", "bare"],
)
def test_a_call_that_it_chooses_to_make_is_found(client: OpenAI, text: str, content: str | None) -> None:
    more: dict[str, Any] = {"tools": [WEATHER], "extra_body": written(text)}
    answer = ask(client, **more).choices[0]
    assert answer.message.content == content
    assert [call.function.name for call in answer.message.tool_calls] == ["weather"]
    assert json.loads(answer.message.tool_calls[0].function.arguments) == {"city": "Oslo"}
    assert answer.finish_reason == "tool_calls"

    told = streamed(client, **more)
    assert "".join(one.delta.content or "" for one in told) == (content or "")
    calls = [call for one in told for call in one.delta.tool_calls or ()]
    assert [(call.index, call.function.name) for call in calls] == [(0, "weather")]
    assert told[-1].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    "text", ["It is cold {in Oslo}.", '{"name": "nobody", "arguments": {}}', "<tool_call>no</tool_call>"]
)
def test_what_is_no_call_is_said(client: OpenAI, text: str) -> None:
    more: dict[str, Any] = {"tools": [WEATHER], "extra_body": written(text)}
    answer = ask(client, **more).choices[0]
    assert answer.message.content == text
    assert answer.message.tool_calls is None
    assert answer.finish_reason == "stop"
    assert "".join(one.delta.content or "" for one in streamed(client, **more)) == text


def test_the_model_is_shown_the_tools_and_what_they_said(client: OpenAI) -> None:
    bare = ask(client, max_tokens=1).usage.prompt_tokens
    shown = ask(client, max_tokens=1, tools=[WEATHER]).usage.prompt_tokens
    hidden = ask(client, max_tokens=1, tools=[WEATHER], tool_choice="none").usage.prompt_tokens
    assert hidden == bare
    assert shown > bare + 20
    messages = [
        *HELLO,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "snow and wind"},
    ]
    assert ask(client, max_tokens=1, tools=[WEATHER], messages=messages).usage.prompt_tokens > shown + 8


def test_a_tool_that_is_not_there_cannot_be_demanded(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="names none of the `tools`"):
        ask(client, tools=[WEATHER], tool_choice={"type": "function", "function": {"name": "x"}})


def test_thoughts_are_told_apart_from_the_answer(thinker: OpenAI) -> None:
    more: dict[str, Any] = {"extra_body": written("<think>\nTwo and two.</think>\n\nFour.")}
    answer = ask(thinker, **more)
    assert answer.choices[0].message.content == "Four."
    assert answer.choices[0].message.reasoning_content == "Two and two."
    assert 0 < answer.usage.completion_tokens_details.reasoning_tokens < answer.usage.completion_tokens
    told = streamed(thinker, **more)
    assert "".join(one.delta.content or "" for one in told) == "Four."
    assert "".join(getattr(one.delta, "reasoning_content", None) or "" for one in told) == "Two and two."
    hidden = (
        ask(thinker, extra_body={**more["extra_body"], "reasoning": {"exclude": True}}).choices[0].message
    )
    assert hidden.content == "Four."
    assert not hasattr(hidden, "reasoning_content")


@pytest.mark.parametrize("budget", [8, 20])
def test_thinking_ends_with_its_budget_and_the_answer_follows(thinker: OpenAI, budget: int) -> None:
    """The grammar lets it think without an end; after the cut it begins by the same grammar, so with the tag."""
    endless = {"grammar": 'root ::= "<think>" [a-z ]*', "reasoning": {"max_tokens": budget}}
    answer = ask(thinker, max_tokens=60, temperature=0.8, seed=3, extra_body=endless)
    thought = answer.usage.completion_tokens_details.reasoning_tokens
    assert budget <= thought <= budget + 1
    assert thought < answer.usage.completion_tokens <= 60
    message = answer.choices[0].message
    assert message.reasoning_content
    assert message.content.startswith("<think>")


def test_it_can_be_told_not_to_think(thinker: OpenAI) -> None:
    answer = ask(thinker, reasoning_effort="none", max_tokens=5, extra_body={"ignore_eos": True})
    assert answer.usage.completion_tokens_details.reasoning_tokens == 0
    assert not hasattr(answer.choices[0].message, "reasoning_content")
    assert answer.choices[0].message.content


def test_log_probabilities_come_with_their_alternatives(client: OpenAI) -> None:
    tokens = ask(
        client, max_tokens=4, logprobs=True, top_logprobs=3, extra_body={"ignore_eos": True}
    ).choices[0]
    assert len(tokens.logprobs.content) == 4
    for token in tokens.logprobs.content:
        assert len(token.top_logprobs) == 3
        assert token.logprob <= 0
        assert token.top_logprobs[0].logprob >= token.top_logprobs[-1].logprob


def test_an_image_is_refused_by_a_model_without_a_projector(client: OpenAI) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    with pytest.raises(openai.BadRequestError, match="reads text only") as caught:
        ask(client, messages=[{"role": "user", "content": [picture]}])
    assert "mmproj" in str(caught.value)


def test_embeddings_of_a_gguf_model(file: Path, tmp_path: Path) -> None:
    model = file_model("vectors", file, context=64, embeddings=True)
    with served(tmp_path, model.id, model) as address, sdk(address) as client:
        answer = client.embeddings.create(
            model="x", input=["a river", "a stream", "a river"], encoding_format="float"
        )
        first, second, third = (one.embedding for one in answer.data)
        assert first == pytest.approx(third, abs=1e-4)
        assert first != pytest.approx(second, abs=1e-4)
        assert sum(one * one for one in first) == pytest.approx(1, abs=1e-4)
        packed = client.embeddings.create(model="x", input="a river", encoding_format="base64")
        assert isinstance(packed.data[0].embedding, str)
        for wrong in ([1, 2], "", []):
            with pytest.raises(openai.BadRequestError):
                client.embeddings.create(model="x", input=wrong)
        with pytest.raises(openai.BadRequestError) as caught:
            client.embeddings.create(model="x", input="word " * 100)
        assert caught.value.code == "context_length_exceeded"
        with pytest.raises(openai.BadRequestError, match="writes no text"):
            ask(client)


def test_the_second_request_reads_only_what_is_new_of_its_prompt(client: OpenAI) -> None:
    long = "The rules of the house: " + "be kind to everybody who comes. " * 60
    first = ask(client, messages=[{"role": "user", "content": f"{long} Why?"}], max_tokens=1).usage
    second = ask(client, messages=[{"role": "user", "content": f"{long} How?"}], max_tokens=1).usage
    assert first.prompt_tokens_details.cached_tokens < 50
    assert second.prompt_tokens_details.cached_tokens > second.prompt_tokens - 20
