"""OpenAI's SDK, responses in the background: asked for later, taken up again, cancelled, whoever answers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from cases import WEATHER, WEATHER_SCHEMA, Forecast
from openai.types.responses import Response
from running_endpoint import LIMIT, until
from six_dialects import SPOKEN, Stage, every_dialect, running_fixture, stage_fixture  # noqa: F401 - fixtures

from freehold.providers.simulated import ReceivedRequest

REFUSALS = {"ill": "answered 500", "picky": "Too hot for me."}
TOOLS: list[Any] = [{"type": "function", "name": WEATHER, "parameters": WEATHER_SCHEMA, "strict": True}]


@pytest.fixture(scope="module", name="client")
def client_fixture(running: Stage) -> Iterator[openai.OpenAI]:
    with running.endpoint.sdk() as client:
        yield client


@pytest.fixture(name="sdk")
def sdk_fixture(client: openai.OpenAI, stage: Stage) -> openai.OpenAI:
    return client


def ended(sdk: openai.OpenAI, response: Any) -> Response:
    """The response once it has ended, as the documentation of this API has it."""
    end = time.monotonic() + LIMIT
    while response.status in ("queued", "in_progress"):
        assert time.monotonic() < end, response
        time.sleep(0.01)
        response = sdk.responses.retrieve(response.id)
    assert isinstance(response, Response)
    return response


def hung_up_on(stage: Stage) -> ReceivedRequest:
    """The provider's last request, once its connection was closed before the answer was complete."""
    until(lambda: stage.simulated.requests[-1].ending == "abandoned")
    (last,) = stage.simulated.requests
    return last


def record_of(stage: Stage, response_id: str) -> Any:
    return stage.endpoint.recorded("call_" + response_id.removeprefix("resp_")).call


@every_dialect
def test_asked_for_later(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    begun = sdk.responses.create(model=f"{provider}-slow", input="Take your time.", background=True)
    assert begun.status in ("queued", "in_progress")
    assert (begun.background, begun.output, begun.usage) == (True, [], None)
    assert sdk.responses.retrieve(begun.id).status in ("queued", "in_progress")
    answer = ended(sdk, begun)
    assert (answer.status, answer.id, answer.background) == ("completed", begun.id, True)
    assert len(answer.output_text.split()) == 20
    assert answer.usage is not None
    assert answer.usage.output_tokens == 20
    assert b"background" not in stage.simulated.requests[-1].body
    (item,) = sdk.responses.input_items.list(begun.id)
    assert item.content[0].text == "Take your time."  # type: ignore[union-attr,index]
    record = record_of(stage, begun.id)
    assert (record.outcome, record.status, record.usage.output_tokens) == ("answered", 200, 20)
    assert not any(name.startswith("field.background") for name in record.losses)


@every_dialect
def test_a_stream_is_taken_up_again(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    kinds: list[str] = []
    numbers: list[int] = []
    text, name = "", ""
    with sdk.responses.create(
        model=f"{provider}-slow", input="Tell me.", background=True, stream=True
    ) as stream:
        for event in stream:
            kinds.append(event.type)
            numbers.append(event.sequence_number)
            if event.type == "response.created":
                name = event.response.id
                assert event.response.status == "queued"
            if event.type == "response.output_text.delta":
                text += event.delta
                if len(text.split()) > 3:
                    break
    assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
    assert sdk.responses.retrieve(name).status == "in_progress", "it goes on without its client"
    for event in sdk.responses.retrieve(name, stream=True, starting_after=numbers[-1]):
        kinds.append(event.type)
        numbers.append(event.sequence_number)
        if event.type == "response.output_text.delta":
            text += event.delta
        final = getattr(event, "response", None)
    assert numbers == list(range(len(numbers))), "no event is missing, none comes twice"
    assert kinds.count("response.created") == kinds.count("response.in_progress") == 1
    assert kinds[-1] == "response.completed"
    assert final is not None
    assert (final.id, final.background, final.output_text) == (name, True, text)
    assert sdk.responses.retrieve(name).to_dict() == final.to_dict()
    with sdk.responses.stream(response_id=name) as again:
        assert [event.sequence_number for event in again] == numbers
        assert again.get_final_response().output_text == text


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
def test_cancelled(sdk: openai.OpenAI, stage: Stage, provider: str, streamed: bool) -> None:
    asked: Any = {"model": f"{provider}-endless", "input": "Go on and on.", "background": True}
    if streamed:
        events = iter(sdk.responses.create(stream=True, **asked))
        first = next(events)
        name = first.response.id
        next(event for event in events if event.type == "response.output_text.delta")
    else:
        name = sdk.responses.create(**asked).id
        until(lambda: sdk.responses.retrieve(name).status == "in_progress" and stage.simulated.requests)
    cancelled = sdk.responses.cancel(name)
    assert cancelled.status == "cancelled"
    hung_up_on(stage)
    if streamed:
        assert not [event for event in events if event.type == "response.completed"]
    assert sdk.responses.cancel(name).to_dict() == cancelled.to_dict(), "twice is once"
    assert sdk.responses.retrieve(name).to_dict() == cancelled.to_dict()
    record = record_of(stage, name)
    assert (record.outcome, record.error, record.attempts[-1].outcome) == (
        "cancelled",
        "cancelled",
        "cancelled",
    )


def test_cancelled_before_anybody_answers(sdk: openai.OpenAI, stage: Stage) -> None:
    name = sdk.responses.create(model="chat-asleep", input="x", background=True).id
    assert sdk.responses.cancel(name).status == "cancelled"
    assert record_of(stage, name).outcome == "cancelled"


def test_one_that_has_ended_stays_as_it_is(sdk: openai.OpenAI) -> None:
    answer = ended(sdk, sdk.responses.create(model="gemini-parrot", input="x", background=True))
    assert sdk.responses.cancel(answer.id).to_dict() == answer.to_dict()


def test_only_what_runs_in_the_background_is_cancelled(sdk: openai.OpenAI) -> None:
    answer = sdk.responses.create(model="chat-parrot", input="x")
    with pytest.raises(openai.BadRequestError, match="background") as caught:
        sdk.responses.cancel(answer.id)
    assert caught.value.type == "invalid_request_error"
    with pytest.raises(openai.NotFoundError):
        sdk.responses.cancel("resp_" + "0" * 32)


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("model", REFUSALS)
def test_failed(sdk: openai.OpenAI, stage: Stage, provider: str, streamed: bool, model: str) -> None:
    asked: Any = {"model": f"{provider}-{model}", "input": "x", "background": True}
    if streamed:
        events = list(sdk.responses.create(stream=True, **asked))
        assert events[-1].type == "response.failed"
        answer: Any = events[-1].response
    else:
        answer = ended(sdk, sdk.responses.create(**asked))
    assert answer.status == "failed"
    assert answer.error is not None
    assert REFUSALS[model] in answer.error.message
    record = record_of(stage, answer.id)
    assert record.outcome in ("failed", "refused")
    assert sdk.responses.retrieve(answer.id).to_dict() == answer.to_dict()


@every_dialect
def test_a_stream_that_breaks(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    name = ""
    try:
        for event in sdk.responses.create(model=f"{provider}-cut", input="x", background=True, stream=True):
            if event.type == "response.created":
                name = event.response.id
    except openai.APIError:
        pass  # the SDK raises for `error` events
    answer = ended(sdk, sdk.responses.retrieve(name))
    assert answer.status == "failed"
    assert answer.error is not None
    assert "broke off" in answer.error.message
    assert record_of(stage, name).outcome == "cut"


@every_dialect
def test_gone_on_from(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    begun = sdk.responses.create(model=f"{provider}-slow", input="One.", background=True)
    with pytest.raises(openai.BadRequestError, match="not complete") as caught:
        sdk.responses.create(model=f"{provider}-parrot", input="Two.", previous_response_id=begun.id)
    assert caught.value.param == "previous_response_id"
    first = ended(sdk, begun)
    second = ended(
        sdk,
        sdk.responses.create(
            model=f"{provider}-mirror", input="Two.", previous_response_id=first.id, background=True
        ),
    )
    assert (second.previous_response_id, second.background) == (first.id, True)
    turns = stage.understood()["turns"]
    assert [turn["parts"] for turn in turns] == [
        [{"text": "One."}],
        [{"text": first.output_text}],
        [{"text": "Two."}],
    ]


@every_dialect
def test_tools(sdk: openai.OpenAI, provider: str) -> None:
    answer = ended(
        sdk,
        sdk.responses.create(
            model=f"{provider}-caller", input="Where is it warmer?", tools=TOOLS, background=True
        ),
    )
    assert [item.name for item in answer.output if item.type == "function_call"] == [WEATHER] * 2


@every_dialect
@pytest.mark.parametrize("streamed", [False, True])
def test_structured_output(sdk: openai.OpenAI, provider: str, streamed: bool) -> None:
    asked: Any = {"model": f"{provider}-former", "input": "How will it be?", "background": True}
    if streamed:
        with sdk.responses.stream(text_format=Forecast, **asked) as stream:
            parsed = stream.get_final_response()
        assert isinstance(parsed.output_parsed, Forecast)
        name = parsed.id
    else:
        name = ended(sdk, sdk.responses.parse(text_format=Forecast, **asked)).id
    Forecast.model_validate_json(sdk.responses.retrieve(name).output_text)


def test_others_do_not_see_it(sdk: openai.OpenAI, stage: Stage) -> None:
    name = sdk.responses.create(model="chat-endless", input="Mine.", background=True, stream=True)
    mine = next(iter(name)).response.id  # type: ignore[union-attr]
    with stage.endpoint.sdk(stage.endpoint.make_key("other")) as other:
        for ask in (
            lambda: other.responses.retrieve(mine),
            lambda: other.responses.retrieve(mine, stream=True),
            lambda: other.responses.cancel(mine),
            lambda: other.responses.delete(mine),
            lambda: other.responses.input_items.list(mine),
        ):
            with pytest.raises(openai.NotFoundError):
                ask()
    assert sdk.responses.cancel(mine).status == "cancelled"


def test_one_that_runs_is_deleted(sdk: openai.OpenAI, stage: Stage) -> None:
    name = sdk.responses.create(model="messages-endless", input="x", background=True).id
    until(lambda: stage.simulated.requests)
    sdk.responses.delete(name)
    hung_up_on(stage)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(name)
    record = record_of(stage, name)
    assert (record.outcome, record.request_body, record.answer_body) == ("cancelled", None, None)


@pytest.mark.parametrize("provider", ["chat", "responses"])
def test_what_is_not_to_be_kept_is_there_for_a_while(sdk: openai.OpenAI, stage: Stage, provider: str) -> None:
    begun = sdk.responses.create(model=f"{provider}-parrot", input="Hush.", background=True, store=False)
    answer = ended(sdk, begun)
    assert (answer.id, answer.output_text) == (begun.id, "Hush.")
    assert answer.to_dict()["store"] is False


def test_no_stream_without_one(sdk: openai.OpenAI) -> None:
    begun = sdk.responses.create(model="chat-parrot", input="x", background=True)
    with pytest.raises(openai.BadRequestError, match="stream"):
        sdk.responses.retrieve(begun.id, stream=True)
    ended(sdk, begun)


def test_a_stream_of_long_ago_is_told_again(sdk: openai.OpenAI) -> None:
    """Any that is on record, the foreground's too."""
    told = list(sdk.responses.create(model="gemini-parrot", input="one two three", stream=True))
    name = told[0].response.id  # type: ignore[union-attr]
    again = list(sdk.responses.retrieve(name, stream=True))
    assert [event.to_dict() for event in again] == [event.to_dict() for event in told]
    rest = list(sdk.responses.retrieve(name, stream=True, starting_after=told[4].sequence_number))
    assert [event.to_dict() for event in rest] == [event.to_dict() for event in told[5:]]


def test_losses_are_told(sdk: openai.OpenAI) -> None:
    begun = sdk.responses.create(model="messages-parrot", input="x", background=True, truncation="auto")
    ended(sdk, begun)
    raw = sdk.responses.with_raw_response.retrieve(begun.id)
    assert "field.truncation" in raw.headers["x-freehold-losses"]


@pytest.mark.parametrize("provider", SPOKEN)
def test_what_cannot_be_understood_is_refused_at_once(sdk: openai.OpenAI, provider: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.responses.create(
            model=f"{provider}-parrot",
            input="x",
            background="yes",  # type: ignore[call-overload]
        )
    assert caught.value.param == "background"
    with pytest.raises(openai.NotFoundError):
        sdk.responses.create(model=f"{provider}-unheard-of", input="x", background=True)


def test_a_batch_has_no_background(sdk: openai.OpenAI) -> None:
    line = {
        "custom_id": "one",
        "method": "POST",
        "url": "/v1/responses",
        "body": {"model": "chat-parrot", "input": "x", "background": True},
    }
    file = sdk.files.create(file=("in.jsonl", json.dumps(line).encode()), purpose="batch")
    batch = sdk.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h")
    until(lambda: sdk.batches.retrieve(batch.id).error_file_id)
    told = sdk.files.content(sdk.batches.retrieve(batch.id).error_file_id or "").text
    assert json.loads(told)["response"]["body"]["error"]["param"] == "background"
