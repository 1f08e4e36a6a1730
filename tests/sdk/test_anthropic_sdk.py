"""Anthropic's SDK, messages: blocks, events and signed thinking, whatever dialect the provider speaks."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import beta_tool
from cases import (
    FIRST,
    PICTURE,
    PICTURE_SHOWN,
    SECOND,
    SUM,
    THOUGHT,
    WEATHER,
    WEATHER_SCHEMA,
    WEATHER_TEXT,
    Forecast,
    two_results,
)
from running_endpoint import LIMIT, RunningEndpoint
from six_dialects import (
    SPOKEN,
    Stage,
    check_count,
    every_dialect,
    running_fixture,  # noqa: F401 - a fixture
    stage_fixture,  # noqa: F401 - a fixture
)

TOOLS: list[Any] = [{"name": WEATHER, "description": WEATHER_TEXT, "input_schema": WEATHER_SCHEMA}]
THINKING: Any = {"type": "enabled", "budget_tokens": 2048}


def client_of(endpoint: RunningEndpoint, key: str | None = None) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        base_url=endpoint.url, api_key=key or endpoint.key, max_retries=0, timeout=LIMIT
    )


@pytest.fixture(scope="module", name="client")
def client_fixture(running: Stage) -> Iterator[anthropic.Anthropic]:
    with client_of(running.endpoint) as client:
        yield client


@pytest.fixture(name="sdk")
def sdk_fixture(client: anthropic.Anthropic, stage: Stage) -> anthropic.Anthropic:
    return client


def asked(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def texts(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@every_dialect
def test_text(sdk: anthropic.Anthropic, provider: str) -> None:
    answer = sdk.messages.create(
        model=f"{provider}-parrot", max_tokens=99, messages=asked("hello there, Zoë 🏡")
    )
    assert texts(answer) == "hello there, Zoë 🏡"
    assert (answer.type, answer.role) == ("message", "assistant")
    assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)
    assert answer.usage.output_tokens == 4


@every_dialect
def test_streamed_text(sdk: anthropic.Anthropic, provider: str) -> None:
    with sdk.messages.stream(
        model=f"{provider}-parrot", max_tokens=99, messages=asked("hello there, Zoë 🏡")
    ) as stream:
        pieces = list(stream.text_stream)
        answer = stream.get_final_message()
    assert "".join(pieces) == texts(answer) == "hello there, Zoë 🏡"
    assert len([piece for piece in pieces if piece]) > 1, "it comes piece by piece"
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens == 4


@every_dialect
def test_the_order_of_events(sdk: anthropic.Anthropic, provider: str) -> None:
    kinds = [
        event.type
        for event in sdk.messages.create(
            model=f"{provider}-thinker", max_tokens=4096, messages=asked("Two?"), stream=True
        )
    ]
    order = [kind for at, kind in enumerate(kinds) if at == 0 or kind != kinds[at - 1]]
    assert order[0] == "message_start"
    assert order[-2:] == ["message_delta", "message_stop"]
    blocks = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert order[1:-2] == blocks * (len(order[1:-2]) // 3)


@every_dialect
def test_system_and_sampling(sdk: anthropic.Anthropic, stage: Stage, provider: str) -> None:
    messages: list[Any] = [
        {"role": "user", "content": [{"type": "text", "text": "One."}]},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Three."},
    ]
    raw = sdk.messages.with_raw_response.create(
        model=f"{provider}-mirror",
        max_tokens=500,
        system=[{"type": "text", "text": "Be brief."}],
        messages=messages,
        stop_sequences=["END"],
        extra_body={"temperature": 0.5},  # which the SDK does not name any more,
        extra_headers={"anthropic-version": "2023-06-01"},  # and its own version does not take
    )
    found = stage.understood()
    assert json.loads(texts(raw.parse())) == found
    assert found["system"] == "Be brief."
    assert [turn["parts"] for turn in found["turns"]] == [
        [{"text": "One."}],
        [{"text": "Two."}],
        [{"text": "Three."}],
    ]
    wanted = {"temperature": 0.5, "max_tokens": 500, "stop": ["END"]}
    lost = "stop" if provider == "responses" else None
    assert raw.headers.get("x-freehold-losses") == lost
    wanted.pop(lost or "", None)
    assert found["sampling"] == wanted


def called(answer: Any) -> list[Any]:
    assert answer.stop_reason == "tool_use"
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert [(one.name, one.input) for one in calls] == [(WEATHER, FIRST), (WEATHER, SECOND)]
    assert len({one.id for one in calls}) == 2
    return calls


def results_for(calls: list[Any]) -> list[Any]:
    return [
        {"type": "tool_result", "tool_use_id": one.id, "content": json.dumps({"degrees": degrees})}
        for one, degrees in zip(calls, (21, 19), strict=True)
    ]


def check_second_turn(stage: Stage, provider: str) -> None:
    found = stage.understood()
    two_results(found)
    assert found["tools"] == [{"name": WEATHER, "description": WEATHER_TEXT, "schema": WEATHER_SCHEMA}]
    assert found.get("reasoning_states", 0) == (1 if SPOKEN[provider].keeps_state else 0)


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
def test_tools(sdk: anthropic.Anthropic, stage: Stage, provider: str, streamed: bool) -> None:
    more: Any = {
        "model": f"{provider}-agent",
        "max_tokens": 4096,
        "tools": TOOLS,
        "thinking": THINKING,
    }

    def ask(messages: list[Any]) -> Any:
        if not streamed:
            return sdk.messages.create(messages=messages, **more)
        with sdk.messages.stream(messages=messages, **more) as stream:
            return stream.get_final_message()

    messages = asked("Where is it warmer?")
    first = ask(messages)
    thoughts = [block for block in first.content if block.type == "thinking"]
    assert [one.thinking for one in thoughts if one.thinking] == [THOUGHT]
    # As the SDK's documentation has it: the content goes back as it came, thinking and all.
    messages += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": results_for(called(first))},
    ]
    second = ask(messages)
    assert texts(second) == SUM
    check_second_turn(stage, provider)


@every_dialect
def test_the_tool_runner(sdk: anthropic.Anthropic, stage: Stage, provider: str) -> None:
    asked_for: list[tuple[str, int]] = []

    @beta_tool
    def weather(city: str, days: int) -> str:
        """The weather in a city.

        Args:
            city: Which one.
            days: How many.
        """
        asked_for.append((city, days))
        return json.dumps({"degrees": 21 if city == "Zürich" else 19})

    runner = sdk.beta.messages.tool_runner(
        model=f"{provider}-agent",
        max_tokens=4096,
        tools=[weather],
        messages=[{"role": "user", "content": "Where is it warmer?"}],
    )
    assert texts(runner.until_done()) == SUM
    assert asked_for == [("Zürich", 2), ("Bern", 1)]
    two_results(stage.understood())


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
def test_thinking_comes_before_the_answer(sdk: anthropic.Anthropic, provider: str, streamed: bool) -> None:
    more: Any = {
        "model": f"{provider}-thinker",
        "max_tokens": 4096,
        "thinking": THINKING,
        "messages": asked("Two and two?"),
    }
    if streamed:
        with sdk.messages.stream(**more) as stream:
            answer: Any = stream.get_final_message()
    else:
        answer = sdk.messages.create(**more)
    thoughts = [block for block in answer.content if block.type == "thinking"]
    assert "".join(block.thinking for block in thoughts) == "Two and two are four."
    assert texts(answer) == "It is 4."
    assert any(block.signature for block in thoughts) == SPOKEN[provider].keeps_state


@every_dialect
def test_structured_output(sdk: anthropic.Anthropic, stage: Stage, provider: str) -> None:
    more: Any = {
        "model": f"{provider}-former",
        "max_tokens": 500,
        "messages": asked("How will it be?"),
        "output_format": Forecast,
    }
    answer = sdk.messages.parse(**more)
    assert isinstance(answer.parsed_output, Forecast)
    assert set(stage.understood()["schema"]["properties"]) == {"place", "days", "notes"}
    with sdk.messages.stream(**more) as stream:
        assert isinstance(stream.get_final_message().parsed_output, Forecast)


@every_dialect
def test_pictures(sdk: anthropic.Anthropic, stage: Stage, provider: str) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PICTURE).decode()}
    content: list[Any] = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    sdk.messages.create(
        model=f"{provider}-mirror", max_tokens=99, messages=[{"role": "user", "content": content}]
    )
    (turn,) = stage.understood()["turns"]
    assert turn["parts"] == [PICTURE_SHOWN, {"text": "What is this?"}]


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
def test_stopped_by_length(sdk: anthropic.Anthropic, provider: str, streamed: bool) -> None:
    more: Any = {"model": f"{provider}-talker", "max_tokens": 16, "messages": asked("Talk.")}
    if streamed:
        with sdk.messages.stream(**more) as stream:
            answer: Any = stream.get_final_message()
    else:
        answer = sdk.messages.create(**more)
    assert answer.stop_reason == "max_tokens"
    assert len(texts(answer).split()) == 16
    assert answer.usage.output_tokens == 16


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
def test_usage(sdk: anthropic.Anthropic, provider: str, streamed: bool) -> None:
    more: Any = {"model": f"{provider}-counter", "max_tokens": 4096, "messages": asked("Count.")}
    if streamed:
        with sdk.messages.stream(**more) as stream:
            usage = stream.get_final_message().usage
    else:
        usage = sdk.messages.create(**more).usage
    assert usage.cache_read_input_tokens == 60
    assert usage.input_tokens == 100 - 60, "what is read from the cache is not among it"
    assert usage.output_tokens == 20


ERRORS: dict[str, tuple[type[anthropic.APIStatusError], int, str]] = {
    "busy": (anthropic.RateLimitError, 429, "Slow down."),
    "ill": (anthropic.InternalServerError, 502, "answered 500"),
    "full": (anthropic.InternalServerError, 503, "answered 503"),
    "picky": (anthropic.BadRequestError, 400, "Too hot for me."),
    "locked": (anthropic.InternalServerError, 502, "did not accept our credentials"),
    "missing": (anthropic.NotFoundError, 404, "missing"),
    "unheard-of": (anthropic.NotFoundError, 404, "unheard-of"),
}


@every_dialect
@pytest.mark.parametrize("model", ERRORS)
@pytest.mark.parametrize("streamed", [False, True])
def test_errors(sdk: anthropic.Anthropic, provider: str, model: str, streamed: bool) -> None:
    kind, status, words = ERRORS[model]
    with pytest.raises(kind, match=words) as caught:
        sdk.messages.create(model=f"{provider}-{model}", max_tokens=9, messages=asked("x"), stream=streamed)
    error = caught.value
    assert isinstance(error, kind)
    assert error.status_code == status
    assert isinstance(error.body, dict)
    assert error.body["type"] == "error"
    assert error.type is not None
    if model == "busy":
        assert error.response.headers["retry-after"] == "7"


def test_a_wrong_key(stage: Stage) -> None:
    with client_of(stage.endpoint, "fh-wrong") as sdk, pytest.raises(anthropic.AuthenticationError):
        sdk.messages.create(model="chat-parrot", max_tokens=9, messages=asked("x"))


@every_dialect
@pytest.mark.parametrize(("model", "words"), [("breaks", "Out of breath"), ("cut", "broke off")])
def test_a_stream_that_breaks(sdk: anthropic.Anthropic, provider: str, model: str, words: str) -> None:
    text = ""
    with (
        pytest.raises(anthropic.APIError, match=words),
        sdk.messages.stream(model=f"{provider}-{model}", max_tokens=99, messages=asked("x")) as stream,
    ):
        for piece in stream.text_stream:
            text += piece
    assert text


def test_async(stage: Stage) -> None:
    async def ask(sdk: anthropic.AsyncAnthropic, provider: str) -> str:
        more: Any = {"model": f"{provider}-parrot", "max_tokens": 99}
        answer = await sdk.messages.create(messages=asked(provider), **more)
        async with sdk.messages.stream(messages=asked("too"), **more) as stream:
            again = await stream.get_final_text()
        return f"{texts(answer)} {again}"

    async def run() -> list[str]:
        endpoint = stage.endpoint
        async with anthropic.AsyncAnthropic(
            base_url=endpoint.url, api_key=endpoint.key, max_retries=0
        ) as sdk:
            return await asyncio.gather(*(ask(sdk, provider) for provider in SPOKEN))

    assert asyncio.run(run()) == [f"{provider} too" for provider in SPOKEN]


# Beside the calls


def test_models(sdk: anthropic.Anthropic) -> None:
    names = [model.id for model in sdk.models.list(limit=10)]
    assert {f"{provider}-parrot" for provider in SPOKEN} <= set(names), "page after page"
    assert len(names) == len(set(names))
    assert sdk.models.retrieve("gemini-parrot").type == "model"
    with pytest.raises(anthropic.NotFoundError):
        sdk.models.retrieve("unheard-of")


@every_dialect
def test_counting_tokens(sdk: anthropic.Anthropic, stage: Stage, provider: str) -> None:
    said: Any = {"model": f"{provider}-parrot", "messages": asked("one two three four five six")}
    bare = sdk.messages.with_raw_response.count_tokens(**said)
    count = bare.parse().input_tokens
    assert 6 <= count <= 20
    assert sdk.messages.count_tokens(**said, system="seven eight nine").input_tokens > count
    with_tools = sdk.messages.count_tokens(**said, tools=TOOLS).input_tokens
    check_count(stage, provider, bare.headers.get("x-freehold-losses"), more=with_tools - count)
