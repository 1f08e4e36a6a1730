"""Google's SDK: contents, chunks and thought signatures, whatever dialect the provider speaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
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
from google import genai
from google.genai import errors, types
from running_endpoint import LIMIT, RunningEndpoint
from six_dialects import (
    SPOKEN,
    Stage,
    check_count,
    every_dialect,
    running_fixture,  # noqa: F401 - a fixture
    stage_fixture,  # noqa: F401 - a fixture
)

TOOLS: list[Any] = [
    types.Tool(
        function_declarations=[
            types.FunctionDeclaration(
                name=WEATHER, description=WEATHER_TEXT, parameters_json_schema=WEATHER_SCHEMA
            )
        ]
    )
]
THINKING = types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.LOW)


def client_of(endpoint: RunningEndpoint, key: str | None = None) -> genai.Client:
    options = types.HttpOptions(base_url=endpoint.url, timeout=int(LIMIT * 1000))
    return genai.Client(api_key=key or endpoint.key, http_options=options)


@pytest.fixture(scope="module", name="client")
def client_fixture(running: Stage) -> Iterator[genai.Client]:
    with client_of(running.endpoint) as client:
        yield client


@pytest.fixture(name="sdk")
def sdk_fixture(client: genai.Client, stage: Stage) -> genai.Client:
    return client


def parts_of(answer: types.GenerateContentResponse) -> list[types.Part]:
    assert answer.candidates
    content = answer.candidates[0].content
    return (content.parts if content else None) or []


def reason_of(answer: types.GenerateContentResponse) -> str | None:
    assert answer.candidates
    reason = answer.candidates[0].finish_reason
    return None if reason is None else reason.value


def ask(
    sdk: genai.Client, model: str, contents: Any, *, streamed: bool, **config: Any
) -> tuple[list[types.Part], types.GenerateContentResponse]:
    """All parts, and the last chunk or the whole answer."""
    settings = types.GenerateContentConfig(**config)
    if not streamed:
        answer = sdk.models.generate_content(model=model, contents=contents, config=settings)
        return parts_of(answer), answer
    chunks = list(sdk.models.generate_content_stream(model=model, contents=contents, config=settings))
    return [part for chunk in chunks for part in parts_of(chunk)], chunks[-1]


def said(parts: list[types.Part], *, thought: bool = False) -> str:
    return "".join(part.text or "" for part in parts if bool(part.thought) == thought)


either_way = pytest.mark.parametrize("streamed", [False, True])


@every_dialect
def test_text(sdk: genai.Client, provider: str) -> None:
    answer = sdk.models.generate_content(model=f"{provider}-parrot", contents="hello there, Zoë 🏡")
    assert answer.text == "hello there, Zoë 🏡"
    assert reason_of(answer) == "STOP"
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.candidates_token_count == 4


@every_dialect
def test_streamed_text(sdk: genai.Client, provider: str) -> None:
    chunks = list(
        sdk.models.generate_content_stream(model=f"{provider}-parrot", contents="hello there, Zoë 🏡")
    )
    pieces = [said(parts_of(chunk)) for chunk in chunks]
    assert "".join(pieces) == "hello there, Zoë 🏡"
    assert len([piece for piece in pieces if piece]) > 1, "it comes piece by piece"
    assert [reason_of(chunk) for chunk in chunks][-1] == "STOP"
    assert chunks[-1].usage_metadata is not None
    assert chunks[-1].usage_metadata.candidates_token_count == 4


@every_dialect
def test_system_and_sampling(sdk: genai.Client, stage: Stage, provider: str) -> None:
    contents: list[Any] = [
        types.Content(role="user", parts=[types.Part(text="One.")]),
        types.Content(role="model", parts=[types.Part(text="Two.")]),
        types.Content(role="user", parts=[types.Part(text="Three.")]),
    ]
    answer = sdk.models.generate_content(
        model=f"{provider}-mirror",
        contents=contents,
        config=types.GenerateContentConfig(
            system_instruction="Be brief.", temperature=0.5, max_output_tokens=500, stop_sequences=["END"]
        ),
    )
    found = stage.understood()
    assert json.loads(answer.text or "") == found
    assert found["system"] == "Be brief."
    assert [turn["parts"] for turn in found["turns"]] == [
        [{"text": "One."}],
        [{"text": "Two."}],
        [{"text": "Three."}],
    ]
    wanted = {"temperature": 0.5, "max_tokens": 500, "stop": ["END"]}
    lost = "stop" if provider == "responses" else None
    assert answer.sdk_http_response is not None
    assert (answer.sdk_http_response.headers or {}).get("x-freehold-losses") == lost
    wanted.pop(lost or "", None)
    assert found["sampling"] == wanted


@every_dialect
@either_way
def test_tools(sdk: genai.Client, stage: Stage, provider: str, streamed: bool) -> None:
    more: Any = {
        "tools": TOOLS,
        "thinking_config": THINKING,
        "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True),
    }
    question = types.Content(role="user", parts=[types.Part(text="Where is it warmer?")])
    parts, last = ask(sdk, f"{provider}-agent", [question], streamed=streamed, **more)
    assert reason_of(last) == "STOP"
    assert said(parts, thought=True) == THOUGHT
    calls = [part.function_call for part in parts if part.function_call]
    assert [(one.name, one.args) for one in calls] == [(WEATHER, FIRST), (WEATHER, SECOND)]
    results = [
        types.Part(
            function_response=types.FunctionResponse(id=one.id, name=one.name, response={"degrees": degrees})
        )
        for one, degrees in zip(calls, (21, 19), strict=True)
    ]
    # As the SDK's documentation has it: the parts go back as they came, signatures and all.
    contents = [question, types.Content(role="model", parts=parts), types.Content(role="user", parts=results)]
    parts, last = ask(sdk, f"{provider}-agent", contents, streamed=streamed, **more)
    assert said(parts) == SUM
    assert last.sdk_http_response is not None
    assert "blank" not in (last.sdk_http_response.headers or {}).get("x-freehold-losses", "")
    check_second_turn(stage, provider)


def check_second_turn(stage: Stage, provider: str) -> None:
    found = stage.understood()
    two_results(found)
    assert found["tools"] == [{"name": WEATHER, "description": WEATHER_TEXT, "schema": WEATHER_SCHEMA}]
    assert found.get("reasoning_states", 0) == (1 if SPOKEN[provider].keeps_state else 0)


@every_dialect
@either_way
def test_functions_called_by_the_sdk(sdk: genai.Client, stage: Stage, provider: str, streamed: bool) -> None:
    asked_for: list[tuple[str, int]] = []

    def weather(city: str, days: int) -> dict[str, int]:
        """The weather in a city."""
        asked_for.append((city, days))
        return {"degrees": 21 if city == "Zürich" else 19}

    config = types.GenerateContentConfig(tools=[weather], thinking_config=THINKING)
    chat = sdk.chats.create(model=f"{provider}-agent", config=config)
    if streamed:
        chunks = list(chat.send_message_stream("Where is it warmer?"))
        assert "".join(said(parts_of(chunk)) for chunk in chunks) == SUM
    else:
        assert chat.send_message("Where is it warmer?").text == SUM
    assert asked_for == [("Zürich", 2), ("Bern", 1)]
    two_results(stage.understood())


@every_dialect
@either_way
def test_a_chat_keeps_its_thoughts(sdk: genai.Client, stage: Stage, provider: str, streamed: bool) -> None:
    config = types.GenerateContentConfig(thinking_config=THINKING)
    chat = sdk.chats.create(model=f"{provider}-thinker", config=config)
    for number in range(2):
        if streamed:
            parts = [part for chunk in chat.send_message_stream("Two and two?") for part in parts_of(chunk)]
        else:
            parts = parts_of(chat.send_message("Two and two?"))
        assert said(parts) == "It is 4."
        assert said(parts, thought=True) == "Two and two are four."
        found = stage.understood()
        wanted = ["Two and two?", "It is 4."] * number + ["Two and two?"]
        texts = ["".join(part.get("text", "") for part in turn["parts"]) for turn in found["turns"]]
        assert texts == wanted
    assert found.get("reasoning_states", 0) == (1 if SPOKEN[provider].keeps_state else 0)


@every_dialect
@either_way
def test_structured_output(sdk: genai.Client, stage: Stage, provider: str, streamed: bool) -> None:
    more: Any = {"response_mime_type": "application/json", "response_schema": Forecast}
    parts, answer = ask(sdk, f"{provider}-former", "How will it be?", streamed=streamed, **more)
    if streamed:
        Forecast.model_validate_json(said(parts))
    else:
        assert isinstance(answer.parsed, Forecast)
    assert set(stage.understood()["schema"]["properties"]) == {"place", "days", "notes"}


@every_dialect
def test_a_json_schema(sdk: genai.Client, stage: Stage, provider: str) -> None:
    more: Any = {
        "response_mime_type": "application/json",
        "response_json_schema": Forecast.model_json_schema(),
    }
    parts, _ = ask(sdk, f"{provider}-former", "How will it be?", streamed=False, **more)
    Forecast.model_validate_json(said(parts))
    assert set(stage.understood()["schema"]["properties"]) == {"place", "days", "notes"}


@every_dialect
def test_pictures(sdk: genai.Client, stage: Stage, provider: str) -> None:
    contents: Any = ["What is this?", types.Part.from_bytes(data=PICTURE, mime_type="image/png")]
    sdk.models.generate_content(model=f"{provider}-mirror", contents=contents)
    (turn,) = stage.understood()["turns"]
    assert turn["parts"] == [{"text": "What is this?"}, PICTURE_SHOWN]


@every_dialect
@either_way
def test_stopped_by_length(sdk: genai.Client, provider: str, streamed: bool) -> None:
    parts, last = ask(sdk, f"{provider}-talker", "Talk.", streamed=streamed, max_output_tokens=16)
    assert reason_of(last) == "MAX_TOKENS"
    assert len(said(parts).split()) == 16
    assert last.usage_metadata is not None
    assert last.usage_metadata.candidates_token_count == 16


@every_dialect
@either_way
def test_usage(sdk: genai.Client, provider: str, streamed: bool) -> None:
    _, last = ask(sdk, f"{provider}-counter", "Count.", streamed=streamed)
    usage = last.usage_metadata
    assert usage is not None
    assert usage.prompt_token_count == 100
    written = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    assert written == 20, "thoughts are not among what is counted of the candidates"
    assert usage.total_token_count == 120
    assert usage.cached_content_token_count == 60


ERRORS: dict[str, tuple[type[errors.APIError], int, str]] = {
    "busy": (errors.ClientError, 429, "Slow down."),
    "ill": (errors.ServerError, 502, "answered 500"),
    "full": (errors.ServerError, 503, "answered 503"),
    "picky": (errors.ClientError, 400, "Too hot for me."),
    "locked": (errors.ServerError, 502, "did not accept our credentials"),
    "missing": (errors.ClientError, 404, "missing"),
    "unheard-of": (errors.ClientError, 404, "unheard-of"),
}
STATUSES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}


@every_dialect
@pytest.mark.parametrize("model", ERRORS)
@either_way
def test_errors(sdk: genai.Client, provider: str, model: str, streamed: bool) -> None:
    kind, code, words = ERRORS[model]
    with pytest.raises(kind, match=words) as caught:
        ask(sdk, f"{provider}-{model}", "x", streamed=streamed)
    error = caught.value
    assert type(error) is kind
    assert error.code == code
    assert error.status == STATUSES.get(code, error.status)
    if model == "busy":
        details = error.details["error"]["details"]
        assert [one["retryDelay"] for one in details if "retryDelay" in one] == ["7s"]
        assert error.response.headers["retry-after"] == "7"


def test_a_wrong_key(stage: Stage) -> None:
    with client_of(stage.endpoint, "fh-wrong") as sdk, pytest.raises(errors.ClientError) as caught:
        sdk.models.generate_content(model="chat-parrot", contents="x")
    assert caught.value.code == 401


@every_dialect
@pytest.mark.parametrize(("model", "words"), [("breaks", "Out of breath"), ("cut", "broke off")])
def test_a_stream_that_breaks(sdk: genai.Client, provider: str, model: str, words: str) -> None:
    text = ""
    with pytest.raises(errors.APIError, match=words):
        for chunk in sdk.models.generate_content_stream(model=f"{provider}-{model}", contents="x"):
            text += said(parts_of(chunk))
    assert text


def test_async(stage: Stage) -> None:
    async def ask_async(sdk: Any, provider: str) -> str:
        model = f"{provider}-parrot"
        answer = await sdk.models.generate_content(model=model, contents=provider)
        pieces = [
            chunk.text or ""
            async for chunk in await sdk.models.generate_content_stream(model=model, contents="too")
        ]
        return f"{answer.text} {''.join(pieces)}"

    async def run() -> list[str]:
        async with client_of(stage.endpoint).aio as sdk:
            return await asyncio.gather(*(ask_async(sdk, provider) for provider in SPOKEN))

    assert asyncio.run(run()) == [f"{provider} too" for provider in SPOKEN]


# Beside the calls


def test_models(sdk: genai.Client) -> None:
    """The SDK asks at `/v1/models`, as OpenAI's does."""
    names = [model.name for model in sdk.models.list()]
    assert {f"models/{provider}-parrot" for provider in SPOKEN} <= set(names)
    assert sdk.models.get(model="gemini-parrot").name == "models/gemini-parrot"
    with pytest.raises(errors.ClientError) as caught:
        sdk.models.get(model="unheard-of")
    assert caught.value.code == 404


@every_dialect
def test_counting_tokens(sdk: genai.Client, stage: Stage, provider: str) -> None:
    model, words = f"{provider}-parrot", "one two three four five six"
    answer = sdk.models.count_tokens(model=model, contents=words)
    count = answer.total_tokens or 0
    assert 6 <= count <= 20
    assert (sdk.models.count_tokens(model=model, contents=[words, words]).total_tokens or 0) > count
    assert answer.sdk_http_response is not None
    headers = answer.sdk_http_response.headers or {}
    check_count(stage, provider, headers.get("x-freehold-losses"))


@every_dialect
def test_embeddings(sdk: genai.Client, provider: str) -> None:
    model = f"{provider}-parrot"
    if provider not in ("chat", "gemini", "cohere"):
        with pytest.raises(errors.ClientError, match="embeddings"):
            sdk.models.embed_content(model=model, contents="one")
        return
    config = types.EmbedContentConfig(output_dimensionality=16)
    # Of bare strings the SDK makes one content when the model's name begins as Google's newest do.
    texts: Any = [types.Content(parts=[types.Part(text=word)]) for word in ("one", "two", "three")]
    found = sdk.models.embed_content(model=model, contents=texts, config=config).embeddings
    assert found is not None
    assert [len(one.values or ()) for one in found] == [16, 16, 16]
    alone = sdk.models.embed_content(model=model, contents="two", config=config).embeddings
    assert alone is not None
    assert alone[0].values == pytest.approx(found[1].values)
    assert found[0].values != pytest.approx(found[1].values)
