"""Answers whose form can only be asked for in words: whole or streamed, nobody gets one that is not in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types
from pydantic import BaseModel
from running_endpoint import RunningEndpoint, until

from freehold.ledger.record import Call
from freehold.providers.simulated import (
    Behaviour,
    Reasoning,
    Script,
    SimulatedProvider,
    ThreadedProvider,
    ToolCall,
)
from freehold.providers.simulated.faults import Cut, Refused

GOOD = '{"a": 7}'
THOUGHT = Reasoning(text="Seven, I think.", state="none")
SCRIPT = Script(
    models={
        "apt": Behaviour(text=f"Here: ```json\n{GOOD}\n```"),
        "plain": Behaviour(text=GOOD),
        "clumsy": (Behaviour(text="Sure! It is seven.", reasoning=THOUGHT), Behaviour(text=f"Here: {GOOD}")),
        **{
            model: (Behaviour(text="Sure! It is seven."), Behaviour(text=f"Here: {GOOD}"))
            for model in ("amazon.nova-clumsy", "claude-3-5-clumsy", "command-clumsy")
        },
        "stubborn": Behaviour(text="I would rather not."),
        "calls": Behaviour(text="Let me look.", tool_calls=(ToolCall("look", '{"b":1}'),)),
        "late": (Behaviour(text="No."), Behaviour(text="I know.", tool_calls=(ToolCall("look", '{"b":1}'),))),
        "wordy": Behaviour(text=" ".join(map(str, range(50)))),
        "cut": Behaviour(text=" ".join(map(str, range(50))), faults=(Cut(after=6),)),
        "second-cut": (
            Behaviour(text="No."),
            Behaviour(text=" ".join(map(str, range(50))), faults=(Cut(after=6),)),
        ),
        "second-refused": (Behaviour(text="No."), Behaviour(faults=(Refused(status=429),))),
    }
)


UNABLE = {
    "nova": ("bedrock-converse", "", "amazon.nova-clumsy"),
    "claude": ("anthropic-messages", "/v1", "claude-3-5-clumsy"),
    "command": ("cohere", "/v2", "command-clumsy"),
}
"""Dialect, path and model of providers whose dialect has forms, and the model, or a request with tools, none."""


class Seven(BaseModel):
    """The form."""

    a: int


SCHEMA = Seven.model_json_schema()
TOOL = {"type": "object", "properties": {"b": {"type": "integer"}}}


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture(scope="module")
def running(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    lines = [
        "[local]",
        "enabled = false",
        "[ledger]",
        "flush_ms = 10",
        "[providers.words]",
        f'base_url = "{provider.base_url}"',
    ]
    lines += ["quirks = { schema = false, json = false }"]
    for name in [one for one in SCRIPT.models if "." not in one]:
        lines += [f"[routes.{name}]", f'incumbent = "words/{name}"']
    root = provider.base_url.removesuffix("/v1")
    for name, (dialect, path, model) in UNABLE.items():
        lines += [f"[providers.{name}]", f'base_url = "{root}{path}"', f'dialects = ["{dialect}"]']
        lines += ['headers = { anthropic-version = "2023-06-01" }'] if name == "claude" else []
        lines += [f"[routes.{name}]", f'incumbent = "{name}/{model}"']
    lines += ['[routes.saved]\nincumbent = "words/stubborn"\nfallbacks = ["words/plain"]']
    with RunningEndpoint(tmp_path_factory.mktemp("forms"), "\n".join(lines)) as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(running: RunningEndpoint, provider: ThreadedProvider) -> RunningEndpoint:
    """Sequences begin anew for every test."""
    provider.play(SCRIPT)
    provider.forget()
    return running


class Got(BaseModel):
    """What a client has seen of an answer."""

    text: str = ""
    reasoning: str = ""
    calls: list[str] = []
    stop: str | None = None
    used: tuple[int, int] | None = None


def asked() -> list[Any]:
    return [{"role": "user", "content": "How many?"}]


def of_chat(endpoint: RunningEndpoint, model: str, *, tools: bool = False, most: int = 99) -> Got:
    fields: dict[str, Any] = {}
    if tools:
        fields["tools"] = [{"type": "function", "function": {"name": "look", "parameters": TOOL}}]
    form: Any = {"type": "json_schema", "json_schema": {"name": "seven", "schema": SCHEMA}}
    got = Got()
    with (
        endpoint.sdk() as client,
        client.chat.completions.create(
            model=model,
            messages=asked(),
            response_format=form,
            stream=True,
            max_completion_tokens=most,
            stream_options={"include_usage": True},
            **fields,
        ) as stream,
    ):
        for chunk in stream:
            if chunk.usage is not None:
                got.used = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
            for choice in chunk.choices:
                got.text += choice.delta.content or ""
                got.reasoning += getattr(choice.delta, "reasoning_content", None) or ""
                got.calls += [
                    one.function.name
                    for one in choice.delta.tool_calls or ()
                    if one.function and one.function.name
                ]
                got.stop = choice.finish_reason or got.stop
    return got


def of_responses(endpoint: RunningEndpoint, model: str, *, tools: bool = False, most: int = 99) -> Got:
    fields: dict[str, Any] = {}
    if tools:
        fields["tools"] = [{"type": "function", "name": "look", "parameters": TOOL, "strict": False}]
    form: Any = {"format": {"type": "json_schema", "name": "seven", "schema": SCHEMA}}
    got = Got()
    final: Any = None
    with (
        endpoint.sdk() as client,
        client.responses.stream(
            model=model, input="How many?", text=form, max_output_tokens=most, **fields
        ) as stream,
    ):
        for event in stream:
            if event.type == "response.output_text.delta":
                got.text += event.delta
            if event.type in ("response.completed", "response.incomplete"):
                final = event.response
    got.calls = [item.name for item in final.output if item.type == "function_call"]
    got.reasoning = "".join(
        part.text for item in final.output if item.type == "reasoning" for part in item.content or ()
    )
    said = [part.text for item in final.output if item.type == "message" for part in item.content]
    assert "".join(said) == got.text
    assert final.usage is not None
    got.used = (final.usage.input_tokens, final.usage.output_tokens)
    got.stop = final.status
    return got


def of_messages(endpoint: RunningEndpoint, model: str, *, tools: bool = False, most: int = 99) -> Got:
    fields: dict[str, Any] = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
    if tools:
        fields["tools"] = [{"name": "look", "input_schema": TOOL}]
    with (
        anthropic.Anthropic(base_url=endpoint.url, api_key=endpoint.key, max_retries=0) as client,
        client.messages.stream(model=model, max_tokens=most, messages=asked(), **fields) as stream,
    ):
        final = stream.get_final_message()
    return Got(
        text="".join(block.text for block in final.content if block.type == "text"),
        reasoning="".join(block.thinking for block in final.content if block.type == "thinking"),
        calls=[block.name for block in final.content if block.type == "tool_use"],
        stop=final.stop_reason,
        used=(final.usage.input_tokens, final.usage.output_tokens),
    )


def of_gemini(endpoint: RunningEndpoint, model: str, *, tools: bool = False, most: int = 99) -> Got:
    config = types.GenerateContentConfig(
        response_mime_type="application/json",
        response_json_schema=SCHEMA,
        max_output_tokens=most,
        thinking_config=types.ThinkingConfig(include_thoughts=True),
    )
    if tools:
        look = types.FunctionDeclaration(name="look", parameters_json_schema=TOOL)
        config.tools = [types.Tool(function_declarations=[look])]
    options = types.HttpOptions(base_url=endpoint.url)
    got = Got()
    with genai.Client(http_options=options, api_key=endpoint.key) as client:
        for chunk in client.models.generate_content_stream(model=model, contents="How many?", config=config):
            for candidate in chunk.candidates or ():
                for part in (candidate.content and candidate.content.parts) or ():
                    if part.function_call is not None:
                        got.calls.append(part.function_call.name or "")
                    elif part.thought:
                        got.reasoning += part.text or ""
                    else:
                        got.text += part.text or ""
                got.stop = candidate.finish_reason.name if candidate.finish_reason else got.stop
            told = chunk.usage_metadata
            if told is not None:
                written = (told.candidates_token_count or 0) + (told.thoughts_token_count or 0)
                got.used = (told.prompt_token_count or 0, written)
    return got


Ask = Callable[..., Got]
CLIENTS: dict[str, Ask] = {
    "chat": of_chat,
    "responses": of_responses,
    "messages": of_messages,
    "gemini": of_gemini,
}
every_client = pytest.mark.parametrize("ask", CLIENTS.values(), ids=CLIENTS)
ERRORS = (openai.APIError, anthropic.APIError, genai_errors.APIError)


@pytest.fixture
def newest(endpoint: RunningEndpoint) -> Callable[[], Call]:
    """The newest call of the test, once it is on record."""
    known = endpoint.ledger.last_seq()

    def find() -> Call:
        return until(lambda: endpoint.ledger.recorded_after(known) or None)[-1].call

    return find


@every_client
@pytest.mark.parametrize("model", ["apt", "plain"])
def test_what_is_in_its_form_is_told_without_what_is_around_it(
    ask: Ask, model: str, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    got = ask(endpoint, model)
    assert got.text == GOOD
    assert got.stop in ("stop", "completed", "end_turn", "STOP")
    assert len(provider.requests) == 1


@every_client
def test_what_is_not_is_asked_for_again_and_both_are_billed(
    ask: Ask, endpoint: RunningEndpoint, provider: ThreadedProvider, newest: Callable[[], Call]
) -> None:
    got = ask(endpoint, "clumsy")
    assert got.text == GOOD
    assert got.reasoning == "Seven, I think."
    first, second = provider.requests
    assert "That cannot be used" in second.body.decode() and "That cannot be used" not in first.body.decode()
    call = newest()
    assert [one.outcome for one in call.attempts] == ["answered", "answered"]
    assert call.outcome == "answered"
    assert call.usage.source == "provider"
    assert got.used == (call.usage.input_tokens, call.usage.output_tokens)
    assert call.usage.output_tokens == 4 + 3 + 3  # in the simulated provider's words


@every_client
def test_what_never_comes_in_its_form_is_an_error_in_the_stream(
    ask: Ask, endpoint: RunningEndpoint, provider: ThreadedProvider, newest: Callable[[], Call]
) -> None:
    with pytest.raises(ERRORS) as caught:
        ask(endpoint, "stubborn")
    assert "neither answer was in the form" in str(caught.value)
    assert len(provider.requests) == 2
    call = newest()
    assert (call.outcome, call.error) == ("cut", "answer_not_in_form")


@every_client
def test_calls_of_tools_go_on_and_so_does_what_is_said_beside_them(
    ask: Ask, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    got = ask(endpoint, "calls", tools=True)
    assert (got.text, got.calls) == ("Let me look.", ["look"])
    assert len(provider.requests) == 1
    got = ask(endpoint, "late", tools=True)
    assert (got.text, got.calls) == ("I know.", ["look"])


@every_client
def test_an_answer_that_was_cut_short_says_so(
    ask: Ask, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    got = ask(endpoint, "wordy", most=16)
    assert got.text.split() == [str(number) for number in range(16)]
    assert got.stop in ("length", "incomplete", "max_tokens", "MAX_TOKENS")
    assert len(provider.requests) == 1


@every_client
@pytest.mark.parametrize("model", ["cut", "second-cut", "second-refused"])
def test_a_provider_that_fails_meanwhile_is_an_error_in_the_stream(
    ask: Ask, model: str, endpoint: RunningEndpoint, newest: Callable[[], Call]
) -> None:
    with pytest.raises(ERRORS) as caught:
        ask(endpoint, model)
    assert not any(word in str(caught.value) for word in ("0 1", "No."))
    assert newest().outcome == "cut"


def test_a_list_is_json_throughout(endpoint: RunningEndpoint) -> None:
    body = {
        "contents": [{"role": "user", "parts": [{"text": "How many?"}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
    }
    with endpoint.connect() as client:
        good = client.post("/v1beta/models/clumsy:streamGenerateContent", body).json()
        *_, bad = client.post("/v1beta/models/stubborn:streamGenerateContent", body).json()
    parts = [part for piece in good for part in piece["candidates"][0]["content"].get("parts", [])]
    assert json.loads("".join(part["text"] for part in parts if not part.get("thought"))) == {"a": 7}
    assert "neither answer" in bad["error"]["message"]


def test_the_same_holds_for_whole_answers(endpoint: RunningEndpoint, provider: ThreadedProvider) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "seven", "schema": SCHEMA}}
    with endpoint.connect() as client:
        refused = client.chat("stubborn", response_format=form)
        saved = client.chat("saved", response_format=form)
        cut = client.chat("wordy", response_format=form, max_tokens=3)
        clumsy = client.chat("clumsy", response_format={"type": "json_object"})
    assert refused.status == 502
    assert refused.json()["error"]["code"] == "answer_not_in_form"
    assert saved.json()["choices"][0]["message"]["content"] == GOOD
    assert [one.error for one in endpoint.recorded(saved.call).call.attempts] == [
        None,
        "answer_not_in_form",
        None,
    ]
    assert cut.json()["choices"][0]["finish_reason"] == "length"
    assert cut.json()["choices"][0]["message"]["content"] == "0 1 2"
    assert clumsy.json()["choices"][0]["message"]["content"] == GOOD
    usage = endpoint.recorded(clumsy.call).call.usage
    assert clumsy.json()["usage"]["completion_tokens"] == usage.output_tokens == 4 + 3 + 3


def test_several_answers_are_not_held_back(endpoint: RunningEndpoint) -> None:
    form: Any = {"type": "json_object"}
    with endpoint.sdk() as client:
        stream = client.chat.completions.create(
            model="stubborn", messages=asked(), n=2, stream=True, response_format=form
        )
        said = [choice.delta.content or "" for chunk in stream for choice in chunk.choices]
    assert "".join(said).count("rather") == 2


@pytest.mark.parametrize("route", UNABLE)
def test_models_that_only_take_words_are_held_to_them_too(
    route: str, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    got = of_chat(endpoint, route, tools=route == "command")
    assert got.text == GOOD
    assert len(provider.requests) == 2
    provider.play(SCRIPT)
    form: Any = {"type": "json_schema", "json_schema": {"name": "seven", "schema": SCHEMA}}
    tools: Any = [{"type": "function", "function": {"name": "look", "parameters": TOOL}}]
    with endpoint.connect() as client:
        fields = {"tools": tools} if route == "command" else {}
        whole = client.chat(route, response_format=form, **fields)
    assert whole.json()["choices"][0]["message"]["content"] == GOOD
    assert "response_format" in whole.headers["x-freehold-losses"]
