"""OpenAI's SDK, responses that are kept: their items page by page, what is deleted, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from six_dialects import SPOKEN, Stage, every_dialect, running_fixture, stage_fixture  # noqa: F401 - fixtures

FIELDS: dict[str, tuple[Any, str, set[str]]] = {
    "max_tool_calls": (37, "field.max_tool_calls", {"responses"}),
    "metadata": ({"who": "label-7"}, "metadata", {"chat", "responses", "bedrock"}),
    "prompt_cache_key": ("key-1", "cache", {"chat", "responses"}),
    "safety_identifier": ("user-1", "user", {"chat", "responses", "messages", "invoked", "predicted"}),
    "service_tier": ("flex", "service_tier", {"chat", "responses", "gemini", "bedrock"}),
    "truncation": ("auto", "field.truncation", {"responses"}),
    "text": ({"verbosity": "low"}, "verbosity", {"chat", "responses"}),
    "include": (["web_search_call.action.sources"], "field.include", {"responses"}),
}
"""Field -> a value, what its loss is called, and the providers that it can be passed on to."""


@pytest.fixture(scope="module", name="client")
def client_fixture(running: Stage) -> Iterator[openai.OpenAI]:
    with running.endpoint.sdk() as client:
        yield client


@pytest.fixture(name="sdk")
def sdk_fixture(client: openai.OpenAI, stage: Stage) -> openai.OpenAI:
    return client


def texts_of(items: Any) -> list[str]:
    return [item.content[0].text for item in items]


def test_input_items_page_by_page(sdk: openai.OpenAI) -> None:
    said: Any = [{"role": "user", "content": f"Number {number}."} for number in range(25)]
    answer = sdk.responses.create(model="gemini-parrot", input=said)
    texts = [one["content"] for one in said]
    newest = sdk.responses.input_items.list(answer.id)
    assert (len(newest.data), newest.has_more) == (20, True)
    assert texts_of(newest) == texts[::-1], "the SDK goes on by itself"
    oldest = sdk.responses.input_items.list(answer.id, order="asc", limit=10)
    assert texts_of(oldest.data) == texts[:10]
    behind = sdk.responses.input_items.list(
        answer.id, order="asc", limit=100, after=oldest.data[-1].id, include=["message.output_text.logprobs"]
    )
    assert (texts_of(behind.data), behind.has_more) == (texts[10:], False)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"order": "newest"}, "order"),
        ({"after": "msg_of_somebody_else"}, "after"),
    ],
)
def test_pages_that_there_are_not(sdk: openai.OpenAI, query: Any, param: str) -> None:
    answer = sdk.responses.create(model="chat-parrot", input="x")
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.responses.input_items.list(answer.id, **query)
    assert (caught.value.param, caught.value.type) == (param, "invalid_request_error")


@every_dialect
def test_what_was_deleted_is_missing_from_what_goes_on(
    sdk: openai.OpenAI, stage: Stage, provider: str
) -> None:
    """As at OpenAI: the conversation goes on without the deleted turn and those before it. Here that is told."""
    model = f"{provider}-parrot"
    first = sdk.responses.create(model=model, input="One.")
    second = sdk.responses.create(model=model, input="Two.", previous_response_id=first.id)
    third = sdk.responses.create(model=model, input="Three.", previous_response_id=second.id)
    sdk.responses.delete(second.id)
    raw = sdk.responses.with_raw_response.create(model=model, input="Four.", previous_response_id=third.id)
    assert raw.parse().output_text == "Four."
    assert "conversation" in raw.headers["x-freehold-losses"].split(", ")
    turns = stage.understood()["turns"]
    assert [turn["parts"] for turn in turns] == [[{"text": text}] for text in ("Three.", "Three.", "Four.")]
    assert texts_of(sdk.responses.input_items.list(third.id)) == ["Three."]
    strict = sdk.with_options(default_headers={"x-freehold-strict": "on"})
    with pytest.raises(openai.BadRequestError, match="conversation") as caught:
        strict.responses.create(model=model, input="Four.", previous_response_id=third.id)
    assert caught.value.code == "loss_refused"
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.responses.create(model=model, input="x", previous_response_id=second.id)
    assert caught.value.code == "previous_response_not_found"


@every_dialect
@pytest.mark.parametrize("given", [{}, {"input": None}, {"input": []}])
def test_no_input(sdk: openai.OpenAI, stage: Stage, provider: str, given: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="`input`") as caught:
        sdk.post(
            "/responses", body={"model": f"{provider}-parrot", "instructions": "x", **given}, cast_to=object
        )
    assert caught.value.param == "input"
    assert stage.simulated.requests == []


@every_dialect
def test_conversations_are_refused_before_anybody_is_asked(
    sdk: openai.OpenAI, stage: Stage, provider: str
) -> None:
    with pytest.raises(openai.BadRequestError, match="previous_response_id") as caught:
        sdk.responses.create(model=f"{provider}-parrot", input="x", conversation="conv_1")
    assert caught.value.param == "conversation"
    assert stage.simulated.requests == []


@every_dialect
@pytest.mark.parametrize("field", FIELDS)
def test_every_field_is_passed_on_or_a_loss(
    sdk: openai.OpenAI, stage: Stage, provider: str, field: str
) -> None:
    value, loss, able = FIELDS[field]
    given: Any = {"model": f"{provider}-parrot", "input": "x", field: value}
    raw = sdk.responses.with_raw_response.create(**given)
    losses = raw.headers.get("x-freehold-losses", "").split(", ")
    sent = stage.simulated.requests[-1].body.decode()
    last = value
    while isinstance(last, dict | list):
        last = next(iter(last.values() if isinstance(last, dict) else last))
    assert (loss in losses) == (provider not in able)
    assert (str(last) in sent) == (provider in able)
    if provider != "responses":  # which says for itself what it was asked
        assert raw.parse().to_dict().get(field) is not None or field == "include"


@every_dialect
def test_what_says_nothing_is_no_loss(sdk: openai.OpenAI, provider: str) -> None:
    raw = sdk.responses.with_raw_response.create(
        model=f"{provider}-parrot",
        input="x",
        truncation="disabled",
        metadata={},
        store=True,
        background=False,
        include=[],
        previous_response_id=None,
        extra_headers={"x-freehold-strict": "on"},
    )
    assert "x-freehold-losses" not in raw.headers
    assert sdk.responses.retrieve(raw.parse().id).truncation == "disabled"
