"""OpenAI's and Anthropic's SDKs against the simulated dialects: whole and streamed agree, state has to come back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import anthropic
import openai
import pytest
from dialect_script import ALIKE, HELLO, SCRIPT

from freehold.providers.simulated import (
    SimulatedProvider,
    ThreadedProvider,
)


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture
def anew(provider: ThreadedProvider) -> ThreadedProvider:
    provider.play(SCRIPT)
    return provider


@pytest.fixture
def responses(anew: ThreadedProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=anew.base_url, api_key="sk-right", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def messages(anew: ThreadedProvider) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=anew.root_url, api_key="sk-right", max_retries=0) as sdk:
        yield sdk


@pytest.mark.parametrize("model", ALIKE)
def test_responses_whole_and_streamed(anew: ThreadedProvider, responses: openai.OpenAI, model: str) -> None:
    wanted: Any = {
        "model": model,
        "input": "hello",
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    whole = responses.responses.create(**wanted).to_dict()
    anew.play(SCRIPT)
    with responses.responses.stream(**wanted) as stream:
        numbers = [event.sequence_number for event in stream]
        streamed = stream.get_final_response().to_dict()
    assert numbers == sorted(set(numbers))
    for item in cast("list[Any]", streamed["output"]):
        item.pop("parsed_arguments", None)
        for part in item.get("content") or []:
            part.pop("parsed", None)
    assert streamed == whole


def test_responses_want_their_reasoning_back(responses: openai.OpenAI) -> None:
    include: Any = ["reasoning.encrypted_content"]
    answer = responses.responses.create(model="calls", input="hello", include=include, store=False)
    said: Any = [{"role": "user", "content": "hello"}, *(one.to_dict() for one in answer.output)]
    said += [
        {"type": "function_call_output", "call_id": one.call_id, "output": "3"}
        for one in answer.output
        if one.type == "function_call"
    ]
    assert responses.responses.create(model="plain", input=said, store=False).output_text == "one two three"
    without: Any = [one for one in said if one.get("type") != "reasoning"]
    with pytest.raises(openai.BadRequestError, match="required 'reasoning' item"):
        responses.responses.create(model="plain", input=without, store=False)
    with pytest.raises(openai.BadRequestError, match="it was lost"):
        stripped: Any = [{key: value for key, value in one.items() if key != "id"} for one in without]
        responses.responses.create(model="plain", input=stripped, store=False)
    said[1] = {**said[1], "encrypted_content": "gAAAsomebodyelse"}
    with pytest.raises(openai.BadRequestError, match="could not be verified") as caught:
        responses.responses.create(model="plain", input=said, store=False)
    assert caught.value.code == "invalid_encrypted_content"


def test_responses_go_on_from_a_stored_one(anew: ThreadedProvider, responses: openai.OpenAI) -> None:
    first = responses.responses.create(model="plain", input="My name is Ada.", instructions="Be brief.")
    responses.responses.create(model="plain", input="And?", previous_response_id=first.id)
    understood = anew.requests[-1].understood()
    assert understood is not None
    assert [turn["parts"] for turn in understood["turns"]] == [
        [{"text": "My name is Ada."}],
        [{"text": "one two three"}],
        [{"text": "And?"}],
    ]
    with pytest.raises(openai.BadRequestError) as caught:
        responses.responses.create(model="plain", input="And?", previous_response_id="resp_unknown")
    assert caught.value.code == "previous_response_not_found"


@pytest.mark.parametrize("model", ALIKE)
def test_messages_whole_and_streamed(
    anew: ThreadedProvider, messages: anthropic.Anthropic, model: str
) -> None:
    whole = messages.messages.create(model=model, max_tokens=100, messages=HELLO)
    anew.play(SCRIPT)
    with messages.messages.stream(model=model, max_tokens=100, messages=HELLO) as stream:
        streamed = stream.get_final_message()
    assert streamed.to_dict() == whole.to_dict()
    if model == "counts":
        usage = whole.usage
        found = (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
        assert found == (10, 60, 30)


def test_messages_want_their_thoughts_back(messages: anthropic.Anthropic) -> None:
    tools: Any = [{"name": "add", "input_schema": {"type": "object"}}]
    answer = messages.messages.create(model="calls", max_tokens=2000, messages=HELLO, tools=tools)
    content: list[Any] = [one.to_dict() for one in answer.content]
    results = [
        {"type": "tool_result", "tool_use_id": one.id, "content": "3"}
        for one in answer.content
        if one.type == "tool_use"
    ]
    assert len(results) == 2

    def go_on(content: list[Any], **more: Any) -> Any:
        said: Any = [*HELLO, {"role": "assistant", "content": content}, {"role": "user", "content": results}]
        return messages.messages.create(model="plain", max_tokens=2000, messages=said, tools=tools, **more)

    assert go_on(content).stop_reason == "end_turn"
    with pytest.raises(anthropic.BadRequestError, match="it was lost"):
        go_on(content[1:])
    with pytest.raises(anthropic.BadRequestError, match="Expected `thinking`"):
        go_on(content[1:], thinking={"type": "enabled", "budget_tokens": 1024})
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        go_on([{**content[0], "thinking": "Something else."}, *content[1:]])


def test_messages_beside_them(messages: anthropic.Anthropic, anew: ThreadedProvider) -> None:
    assert messages.messages.count_tokens(model="plain", messages=HELLO).input_tokens == 4
    assert [one.id for one in messages.models.list()] == list(SCRIPT.models)
    assert messages.models.retrieve("plain").display_name == "plain"
    with pytest.raises(anthropic.RateLimitError) as caught:
        messages.messages.create(model="busy", max_tokens=10, messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "7"
    with (
        pytest.raises(anthropic.APIStatusError, match="api_error"),
        messages.messages.stream(model="breaks", max_tokens=10, messages=HELLO) as stream,
    ):
        stream.get_final_message()
    with (
        anthropic.Anthropic(base_url=anew.root_url, api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError),
    ):
        stranger.models.list()
