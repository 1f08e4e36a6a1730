"""OpenAI's SDK, responses: items, events and conversations that go on with any provider."""

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
from six_dialects import (
    SPOKEN,
    Stage,
    check_count,
    every_dialect,
    running_fixture,  # noqa: F401 - a fixture
    stage_fixture,  # noqa: F401 - a fixture
)

TOOLS: list[Any] = [
    {
        "type": "function",
        "name": WEATHER,
        "description": WEATHER_TEXT,
        "parameters": WEATHER_SCHEMA,
        "strict": True,
    }
]


@pytest.fixture(scope="module", name="client")
def client_fixture(running: Stage) -> Iterator[openai.OpenAI]:
    with running.endpoint.sdk() as client:
        yield client


@pytest.fixture(name="sdk")
def sdk_fixture(client: openai.OpenAI, stage: Stage) -> openai.OpenAI:
    return client


@every_dialect
def test_text(sdk: openai.OpenAI, provider: str) -> None:
    answer = sdk.responses.create(model=f"{provider}-parrot", input="hello there, Zoë 🏡")
    assert answer.output_text == "hello there, Zoë 🏡"
    assert (answer.status, answer.error, answer.incomplete_details) == ("completed", None, None)
    assert [item.type for item in answer.output] == ["message"]
    assert answer.usage is not None
    assert answer.usage.output_tokens == 4


@every_dialect
def test_streamed_text(sdk: openai.OpenAI, provider: str) -> None:
    kinds, numbers, text = [], [], ""
    with sdk.responses.stream(model=f"{provider}-parrot", input="hello there, Zoë 🏡") as stream:
        for event in stream:
            kinds.append(event.type)
            numbers.append(event.sequence_number)
            if event.type == "response.output_text.delta":
                text += event.delta
        answer = stream.get_final_response()
    assert text == answer.output_text == "hello there, Zoë 🏡"
    assert numbers == sorted(set(numbers))
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert kinds.count("response.output_text.delta") > 1, "it comes piece by piece"
    order = [kind for at, kind in enumerate(kinds) if kind not in kinds[:at]]
    wanted = [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [kind for kind in order if kind in wanted] == wanted


@every_dialect
def test_instructions_and_sampling(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    items: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": "One."}]},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Three."},
    ]
    answer = sdk.responses.create(
        model=f"{provider}-mirror",
        instructions="Be brief.",
        input=items,
        temperature=0.5,
        max_output_tokens=500,
    )
    found = stage.understood()
    assert json.loads(answer.output_text) == found
    assert found["system"] == "Be brief."
    assert [turn["parts"] for turn in found["turns"]] == [
        [{"text": "One."}],
        [{"text": "Two."}],
        [{"text": "Three."}],
    ]
    assert found["sampling"] == {"temperature": 0.5, "max_tokens": 500}
    assert (answer.instructions, answer.temperature, answer.max_output_tokens) == ("Be brief.", 0.5, 500)


def called(answer: Any) -> list[Any]:
    assert answer.status == "completed"
    calls = [item for item in answer.output if item.type == "function_call"]
    assert [(one.name, json.loads(one.arguments)) for one in calls] == [(WEATHER, FIRST), (WEATHER, SECOND)]
    assert len({one.call_id for one in calls}) == 2
    return calls


def results_for(calls: list[Any]) -> list[Any]:
    return [
        {
            "type": "function_call_output",
            "call_id": one.call_id,
            "output": json.dumps({"degrees": degrees}),
        }
        for one, degrees in zip(calls, (21, 19), strict=True)
    ]


def check_second_turn(stage: Stage, provider: str) -> None:
    found = stage.understood()
    two_results(found)
    assert found["tools"] == [{"name": WEATHER, "description": WEATHER_TEXT, "schema": WEATHER_SCHEMA}]
    assert found.get("reasoning_states", 0) == (1 if SPOKEN[provider].keeps_state else 0)


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("stateless", [False, True])
def test_tools(sdk: openai.OpenAI, stage: Stage, provider: str, streamed: bool, stateless: bool) -> None:
    more: Any = {"model": f"{provider}-agent", "tools": TOOLS, "reasoning": {"effort": "low"}}
    if stateless:
        more |= {"store": False, "include": ["reasoning.encrypted_content"]}

    def ask(**what: Any) -> Any:
        if not streamed:
            return sdk.responses.create(**what, **more)
        with sdk.responses.stream(**what, **more) as stream:
            for _ in stream:
                pass
            return stream.get_final_response()

    said: list[Any] = [{"role": "user", "content": "Where is it warmer?"}]
    first = ask(input=said)
    results = results_for(called(first))
    if stateless:  # as the SDK's documentation has it: the output goes back as it came
        second = ask(input=[*said, *first.output, *results])
    else:
        second = ask(input=results, previous_response_id=first.id)
        assert (first.previous_response_id, second.previous_response_id) == (None, first.id)
    assert (first.store, second.store) == (not stateless, not stateless)
    assert second.output_text == SUM
    check_second_turn(stage, provider)


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
def test_reasoning_comes_before_the_answer(sdk: openai.OpenAI, provider: str, streamed: bool) -> None:
    more: Any = {
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
    }
    if streamed:
        with sdk.responses.stream(model=f"{provider}-thinker", input="Two and two?", **more) as stream:
            answer: Any = stream.get_final_response()
    else:
        answer = sdk.responses.create(model=f"{provider}-thinker", input="Two and two?", **more)
    items = [item for item in answer.output if item.type == "reasoning"]
    assert answer.output_text == "It is 4."
    shown = "".join(one.text for item in items for one in [*item.summary, *(item.content or [])])
    assert shown == "Two and two are four."
    assert any(item.encrypted_content for item in items) == SPOKEN[provider].keeps_state


@every_dialect
def test_structured_output(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    answer = sdk.responses.parse(model=f"{provider}-former", input="How will it be?", text_format=Forecast)
    assert isinstance(answer.output_parsed, Forecast)
    assert set(stage.understood()["schema"]["properties"]) == {"place", "days", "notes"}
    with sdk.responses.stream(
        model=f"{provider}-former", input="How will it be?", text_format=Forecast
    ) as stream:
        assert isinstance(stream.get_final_response().output_parsed, Forecast)


@every_dialect
def test_pictures(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    url = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
    content: Any = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": url, "detail": "auto"},
    ]
    sdk.responses.create(model=f"{provider}-mirror", input=[{"role": "user", "content": content}])
    (turn,) = stage.understood()["turns"]
    assert turn["parts"] == [{"text": "What is this?"}, PICTURE_SHOWN]


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
def test_stopped_by_length(sdk: openai.OpenAI, provider: str, streamed: bool) -> None:
    if streamed:
        kinds = []
        answer: Any = None
        for event in sdk.responses.create(
            model=f"{provider}-talker", input="Talk.", max_output_tokens=16, stream=True
        ):
            kinds.append(event.type)
            answer = getattr(event, "response", answer)
        assert kinds[-1] == "response.incomplete"
    else:
        answer = sdk.responses.create(model=f"{provider}-talker", input="Talk.", max_output_tokens=16)
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert len(answer.output_text.split()) == 16
    assert answer.usage.output_tokens == 16


@every_dialect
def test_usage(sdk: openai.OpenAI, provider: str) -> None:
    usage = sdk.responses.create(model=f"{provider}-counter", input="Count.").usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (100, 20, 120)
    assert usage.input_tokens_details.cached_tokens == 60


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
        sdk.responses.create(model=f"{provider}-{model}", input="x", stream=streamed)
    assert type(caught.value) is kind
    assert caught.value.status_code == status
    if model == "busy":
        assert caught.value.response.headers["retry-after"] == "7"


def test_a_wrong_key(stage: Stage) -> None:
    with stage.endpoint.sdk("fh-wrong") as sdk, pytest.raises(openai.AuthenticationError):
        sdk.responses.create(model="chat-parrot", input="x")


@every_dialect
@pytest.mark.parametrize(("model", "words"), [("breaks", "Out of breath"), ("cut", "broke off")])
def test_a_stream_that_breaks(sdk: openai.OpenAI, provider: str, model: str, words: str) -> None:
    """The SDK raises for `error` events, and hands on those that say `response.failed`."""
    text, failed = "", ""
    try:
        for event in sdk.responses.create(model=f"{provider}-{model}", input="x", stream=True):
            if event.type == "response.output_text.delta":
                text += event.delta
            if event.type == "response.failed":
                assert event.response.status == "failed"
                assert event.response.error is not None
                failed = event.response.error.message
            if event.type == "error":
                failed = event.message
    except openai.APIError as error:
        failed = error.message
    assert text
    assert words in failed


# What OpenAI keeps on its servers is kept by the endpoint


def test_a_conversation_over_every_provider(sdk: openai.OpenAI, stage: Stage) -> None:
    previous: str | None = None
    said: list[str] = []
    for provider in SPOKEN:
        said.append(f"I am with {provider} now.")
        answer = sdk.responses.create(
            model=f"{provider}-parrot", input=said[-1], previous_response_id=previous
        )
        assert answer.output_text == said[-1]
        turns = stage.understood()["turns"]
        assert [turn["parts"] for turn in turns] == [
            [{"text": text}] for one in said[:-1] for text in (one, one)
        ] + [[{"text": said[-1]}]]
        previous = answer.id
    assert previous is not None
    items = list(sdk.responses.input_items.list(previous, order="asc", limit=4))
    texts = [content.text for item in items for content in item.content]  # type: ignore[union-attr]
    assert texts == [text for one in said[:-1] for text in (one, one)] + [said[-1]]


@every_dialect
@pytest.mark.parametrize("other", ["chat", "messages", "gemini"])
def test_tools_are_gone_on_with_elsewhere(
    sdk: openai.OpenAI, stage: Stage, provider: str, other: str
) -> None:
    """Whose reasoning it was does not matter: another provider gets all but that. So does another model, where
    the signatures are a model's own.
    """
    more: Any = {"tools": TOOLS, "reasoning": {"effort": "low"}}
    first = sdk.responses.create(model=f"{provider}-caller", input="Where is it warmer?", **more)
    results = results_for(called(first))
    raw = sdk.responses.with_raw_response.create(
        model=f"{other}-mirror", input=results, previous_response_id=first.id, **more
    )
    two_results(json.loads(raw.parse().output_text))
    found = stage.understood()
    same = provider == other and provider != "messages"
    assert found.get("reasoning_states", 0) == (1 if same and SPOKEN[provider].keeps_state else 0)
    if not same and SPOKEN[provider].keeps_state:
        assert "reasoning" in raw.headers["x-freehold-losses"]


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
def test_items_are_named_instead_of_sent(
    sdk: openai.OpenAI, stage: Stage, provider: str, streamed: bool
) -> None:
    """As other clients of this API do where they think that OpenAI keeps them."""
    more: Any = {"model": f"{provider}-agent", "tools": TOOLS, "reasoning": {"effort": "low"}}
    said: list[Any] = [{"role": "user", "content": "Where is it warmer?"}]
    if streamed:
        with sdk.responses.stream(input=said, **more) as stream:
            first: Any = stream.get_final_response()
    else:
        first = sdk.responses.create(input=said, **more)
    named: list[Any] = [{"type": "item_reference", "id": item.id} for item in first.output]
    assert len(named) >= 3
    second = sdk.responses.create(input=[*said, *named, *results_for(called(first))], **more)
    assert second.output_text == SUM
    check_second_turn(stage, provider)


def test_items_of_others_are_not_found(sdk: openai.OpenAI, stage: Stage) -> None:
    first = sdk.responses.create(model="responses-thinker", input="Two and two?", reasoning={"effort": "low"})
    said: list[Any] = [{"type": "item_reference", "id": item.id} for item in first.output]
    said.append({"role": "user", "content": "And three?"})
    assert sdk.responses.create(model="responses-thinker", input=said).output_text == "It is 4."
    with (
        stage.endpoint.sdk(stage.endpoint.make_key("stranger")) as stranger,
        pytest.raises(openai.APIStatusError, match="not found"),
    ):
        stranger.responses.create(model="responses-thinker", input=said)


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
def test_kept_responses(sdk: openai.OpenAI, provider: str, streamed: bool) -> None:
    answer: Any = None
    if streamed:
        for event in sdk.responses.create(model=f"{provider}-parrot", input="Keep me.", stream=True):
            answer = getattr(event, "response", answer)
    else:
        answer = sdk.responses.create(model=f"{provider}-parrot", input="Keep me.")
    again = sdk.responses.retrieve(answer.id)
    assert again.to_dict() == answer.to_dict()
    (item,) = sdk.responses.input_items.list(answer.id)
    assert item.content[0].text == "Keep me."  # type: ignore[union-attr,index]
    sdk.responses.delete(answer.id)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(answer.id)
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.responses.create(model=f"{provider}-parrot", input="x", previous_response_id=answer.id)
    assert caught.value.code == "previous_response_not_found"


@every_dialect
def test_what_is_not_to_be_kept(sdk: openai.OpenAI, provider: str) -> None:
    answer = sdk.responses.create(model=f"{provider}-parrot", input="Forget me.", store=False)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(answer.id)


def test_async(stage: Stage) -> None:
    async def ask(sdk: openai.AsyncOpenAI, provider: str) -> str:
        answer = await sdk.responses.create(model=f"{provider}-parrot", input=provider)
        async with sdk.responses.stream(model=f"{provider}-parrot", input="too") as stream:
            again = await stream.get_final_response()
        return f"{answer.output_text} {again.output_text}"

    async def run() -> list[str]:
        endpoint = stage.endpoint
        async with openai.AsyncOpenAI(base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0) as sdk:
            return await asyncio.gather(*(ask(sdk, provider) for provider in SPOKEN))

    assert asyncio.run(run()) == [f"{provider} too" for provider in SPOKEN]


# Beside the calls


def test_models(sdk: openai.OpenAI) -> None:
    names = [model.id for model in sdk.models.list()]
    assert {f"{provider}-parrot" for provider in SPOKEN} <= set(names)
    assert sdk.models.retrieve("gemini-parrot").id == "gemini-parrot"
    assert sdk.models.retrieve("a:name:with:colons").id == "a:name:with:colons"
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("unheard-of")


def test_embeddings(sdk: openai.OpenAI) -> None:
    found = sdk.embeddings.create(model="chat-parrot", input=["one", "two"])
    assert [len(one.embedding) for one in found.data] == [384, 384]
    for provider in SPOKEN:
        model = f"{provider}-parrot"
        if provider in ("chat", "gemini", "cohere"):
            assert len(sdk.embeddings.create(model=model, input="one").data) == 1
        else:
            with pytest.raises(openai.BadRequestError, match="embeddings"):
                sdk.embeddings.create(model=model, input="one")


@every_dialect
def test_counting_tokens(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    model, words = f"{provider}-parrot", "one two three four five six"
    raw = sdk.responses.input_tokens.with_raw_response.count(model=model, input=words)
    count = raw.parse().input_tokens
    assert 6 <= count <= 20
    more = sdk.responses.input_tokens.count(model=model, input=words, instructions="seven eight nine")
    assert more.input_tokens > count
    with_tools = sdk.responses.input_tokens.count(model=model, input=words, tools=TOOLS).input_tokens
    check_count(stage, provider, raw.headers.get("x-freehold-losses"), more=with_tools - count)
