"""OpenAI's SDK, chat completions: only the base URL and the key are ours, whatever dialect the provider speaks."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from cases import (
    FIRST,
    PICTURE,
    PICTURE_SHOWN,
    SECOND,
    SUM,
    WEATHER,
    WEATHER_SCHEMA,
    WEATHER_TEXT,
    Forecast,
    two_results,
)
from openai.types.chat import ChatCompletion, ParsedFunctionToolCall
from six_dialects import SPOKEN, Stage, every_dialect, running_fixture, stage_fixture  # noqa: F401 - fixtures

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": WEATHER,
            "description": WEATHER_TEXT,
            "parameters": WEATHER_SCHEMA,
            "strict": True,
        },
    }
]


@pytest.fixture(scope="module", name="client")
def client_fixture(running: Stage) -> Iterator[openai.OpenAI]:
    with running.endpoint.sdk() as client:
        yield client


@pytest.fixture(name="sdk")
def sdk_fixture(client: openai.OpenAI, stage: Stage) -> openai.OpenAI:
    return client


def asked(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@every_dialect
def test_text(sdk: openai.OpenAI, provider: str) -> None:
    answer = sdk.chat.completions.create(model=f"{provider}-parrot", messages=asked("hello there, Zoë 🏡"))
    assert answer.choices[0].message.content == "hello there, Zoë 🏡"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.object == "chat.completion"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 4


@every_dialect
def test_streamed_text(sdk: openai.OpenAI, provider: str) -> None:
    chunks = list(
        sdk.chat.completions.create(
            model=f"{provider}-parrot",
            messages=asked("hello there, Zoë 🏡"),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == "hello there, Zoë 🏡"
    assert next(piece for piece in pieces if piece) == "hello", "it comes piece by piece"
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] == "stop"
    assert set(reasons[:-1]) == {None}
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4


@every_dialect
def test_system_messages_and_sampling(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": " Two."}]},
        {"role": "assistant", "content": "Three."},
        {"role": "user", "content": "Four."},
    ]
    raw = sdk.chat.completions.with_raw_response.create(
        model=f"{provider}-mirror",
        messages=messages,
        temperature=0.5,
        top_p=0.9,
        max_completion_tokens=500,
        stop=["END"],
    )
    found = stage.understood()
    assert json.loads(raw.parse().choices[0].message.content or "") == found
    assert found["system"] == "Be brief."
    assert found["turns"] == [
        {"role": "user", "parts": [{"text": "One. Two."}]},
        {"role": "assistant", "parts": [{"text": "Three."}]},
        {"role": "user", "parts": [{"text": "Four."}]},
    ]
    wanted = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 500, "stop": ["END"]}
    claude = ("messages", "invoked", "predicted", "bedrock")  # which takes one of the two samplings
    lost = "stop" if provider == "responses" else "top_p" if provider in claude else None
    assert raw.headers.get("x-freehold-losses") == lost
    wanted.pop(lost or "", None)
    assert found["sampling"] == wanted


def called(answer: ChatCompletion) -> list[Any]:
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    calls: list[Any] = choice.message.tool_calls or []
    assert [(one.type, one.function.name, json.loads(one.function.arguments)) for one in calls] == [
        ("function", WEATHER, FIRST),
        ("function", WEATHER, SECOND),
    ]
    assert len({one.id for one in calls}) == 2
    return calls


def results_for(calls: list[Any]) -> list[Any]:
    return [
        {"role": "tool", "tool_call_id": one.id, "content": json.dumps({"degrees": degrees})}
        for one, degrees in zip(calls, (21, 19), strict=True)
    ]


def check_second_turn(stage: Stage, provider: str) -> None:
    found = stage.understood()
    two_results(found)
    assert found["tools"] == [{"name": WEATHER, "description": WEATHER_TEXT, "schema": WEATHER_SCHEMA}]
    assert found.get("reasoning_states", 0) == (1 if SPOKEN[provider].keeps_state else 0)


@every_dialect
def test_tools(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    messages = asked("Where is it warmer?")
    more: Any = {"model": f"{provider}-agent", "tools": TOOLS, "reasoning_effort": "low"}
    first = sdk.chat.completions.create(messages=messages, **more)
    calls = called(first)
    # As the SDK's documentation has it: the message goes back as it came.
    messages += [first.choices[0].message, *results_for(calls)]
    second = sdk.chat.completions.create(messages=messages, **more)
    assert second.choices[0].message.content == SUM
    check_second_turn(stage, provider)


@every_dialect
def test_streamed_tools(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    messages = asked("Where is it warmer?")
    more: Any = {"model": f"{provider}-agent", "tools": TOOLS, "reasoning_effort": "low"}
    with sdk.chat.completions.stream(messages=messages, **more) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        first = stream.get_final_completion()
    assert [json.loads(event.arguments) for event in done] == [FIRST, SECOND]
    calls = called(first)
    assert all(isinstance(one, ParsedFunctionToolCall) for one in calls)
    assert [one.function.parsed_arguments for one in calls] == [FIRST, SECOND]
    messages += [first.choices[0].message.to_dict(), *results_for(calls)]
    with sdk.chat.completions.stream(messages=messages, **more) as stream:
        assert stream.get_final_completion().choices[0].message.content == SUM
    check_second_turn(stage, provider)


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
def test_reasoning_is_shown(sdk: openai.OpenAI, provider: str, streamed: bool) -> None:
    model, messages = f"{provider}-thinker", asked("Two and two?")
    if streamed:
        with sdk.chat.completions.stream(model=model, messages=messages, reasoning_effort="low") as stream:
            message: Any = stream.get_final_completion().choices[0].message
    else:
        message = (
            sdk.chat.completions.create(model=model, messages=messages, reasoning_effort="low")
            .choices[0]
            .message
        )
    assert message.content == "It is 4."
    shown = "" if provider == "gemini" else "Two and two are four."  # which shows it only when asked to
    assert (getattr(message, "reasoning_content", None) or "") == shown


@every_dialect
def test_structured_output(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    answer = sdk.chat.completions.parse(
        model=f"{provider}-former", messages=asked("How will it be?"), response_format=Forecast
    )
    assert isinstance(answer.choices[0].message.parsed, Forecast)
    schema = stage.understood()["schema"]
    assert set(schema["properties"]) == {"place", "days", "notes"}


@every_dialect
def test_streamed_structured_output(sdk: openai.OpenAI, provider: str) -> None:
    with sdk.chat.completions.stream(
        model=f"{provider}-former", messages=asked("How will it be?"), response_format=Forecast
    ) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Forecast)


@every_dialect
def test_pictures(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    url = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
    content: list[Any] = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    sdk.chat.completions.create(model=f"{provider}-mirror", messages=[{"role": "user", "content": content}])
    (turn,) = stage.understood()["turns"]
    assert turn["parts"] == [{"text": "What is this?"}, PICTURE_SHOWN]


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
def test_stopped_by_length(sdk: openai.OpenAI, provider: str, streamed: bool) -> None:
    model, messages = f"{provider}-talker", asked("Talk.")
    if streamed:
        with sdk.chat.completions.stream(
            model=model, messages=messages, max_completion_tokens=16, stream_options={"include_usage": True}
        ) as stream:
            for _ in stream:
                pass
            # Not asked for the parsed answer, which would be an error of the SDK's for a cut one.
            answer: Any = stream.current_completion_snapshot
    else:
        answer = sdk.chat.completions.create(model=model, messages=messages, max_completion_tokens=16)
    assert answer.choices[0].finish_reason == "length"
    assert len(answer.choices[0].message.content.split()) == 16
    assert answer.usage.completion_tokens == 16


@every_dialect
def test_usage(sdk: openai.OpenAI, provider: str) -> None:
    usage = sdk.chat.completions.create(model=f"{provider}-counter", messages=asked("Count.")).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (100, 20, 120)
    details = usage.prompt_tokens_details
    assert details is not None
    assert details.cached_tokens == 60
    if provider not in ("messages", "bedrock", "cohere"):  # which do not say how much was reasoning
        assert usage.completion_tokens_details is not None
        assert usage.completion_tokens_details.reasoning_tokens == 7


ERRORS: dict[str, tuple[type[openai.APIStatusError], int, str]] = {
    "busy": (openai.RateLimitError, 429, "Slow down."),
    "ill": (openai.InternalServerError, 502, "answered 500"),
    "full": (openai.InternalServerError, 503, "answered 503"),
    "picky": (openai.BadRequestError, 400, "Too hot for me."),
    "locked": (openai.InternalServerError, 502, "did not accept our credentials"),
    "missing": (openai.NotFoundError, 404, "missing"),
    "unheard-of": (openai.NotFoundError, 404, "unheard-of"),
}


@every_dialect
@pytest.mark.parametrize("model", ERRORS)
@pytest.mark.parametrize("streamed", [False, True])
def test_errors(sdk: openai.OpenAI, provider: str, model: str, streamed: bool) -> None:
    kind, status, words = ERRORS[model]
    with pytest.raises(kind, match=words) as caught:
        sdk.chat.completions.create(model=f"{provider}-{model}", messages=asked("x"), stream=streamed)
    assert type(caught.value) is kind
    assert caught.value.status_code == status
    assert isinstance(caught.value.body, dict)
    assert caught.value.request_id
    if model == "busy":
        assert caught.value.response.headers["retry-after"] == "7"


def test_a_wrong_key(stage: Stage) -> None:
    with stage.endpoint.sdk("fh-wrong") as sdk, pytest.raises(openai.AuthenticationError):
        sdk.chat.completions.create(model="chat-parrot", messages=asked("x"))


@every_dialect
@pytest.mark.parametrize("model", ["breaks", "cut"])
def test_a_stream_that_breaks(sdk: openai.OpenAI, provider: str, model: str) -> None:
    text = ""
    with pytest.raises(openai.APIError, match="Out of breath" if model == "breaks" else "broke off"):
        for chunk in sdk.chat.completions.create(
            model=f"{provider}-{model}", messages=asked("x"), stream=True
        ):
            text += chunk.choices[0].delta.content or ""
    assert text


def test_async(stage: Stage) -> None:
    async def ask(sdk: openai.AsyncOpenAI, provider: str) -> str:
        answer = await sdk.chat.completions.create(model=f"{provider}-parrot", messages=asked(provider))
        async with sdk.chat.completions.stream(model=f"{provider}-parrot", messages=asked("too")) as stream:
            pieces = [event.delta async for event in stream if event.type == "content.delta"]
        return f"{answer.choices[0].message.content} {''.join(pieces)}"

    async def run() -> list[str]:
        endpoint = stage.endpoint
        async with openai.AsyncOpenAI(base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0) as sdk:
            return await asyncio.gather(*(ask(sdk, provider) for provider in SPOKEN))

    assert asyncio.run(run()) == [f"{provider} too" for provider in SPOKEN]
