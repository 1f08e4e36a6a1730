"""Cascades of a running endpoint, asked in every dialect, by providers of every dialect."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import msgspec
import openai
import pytest
from running_endpoint import RunningEndpoint

from freehold.ledger.record import Call
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ToolCall
from freehold.providers.simulated.faults import (
    Cut,
    Empty,
    ErrorEvent,
    Garbage,
    Gzip,
    Hang,
    Malformed,
    Page,
    Refused,
)

SCRIPT = Script(
    models={
        "cheap": Behaviour(text="The cheap answer."),
        "dear": Behaviour(text="The dear answer."),
        "rambling": (Behaviour(text="One two."), Behaviour(text="Three four."), Behaviour(text="Five six.")),
        "clumsy": Behaviour(tool_calls=(ToolCall("look", '{"where": 7}'),)),
    }
)
PROVIDERS = {
    "chat": ("openai-chat", "/v1"),
    "responses": ("openai-responses", "/v1"),
    "anthropic": ("anthropic-messages", "/v1"),
    "gemini": ("gemini", "/v1beta"),
    "cohere": ("cohere", "/v2"),
}
TELLING = ("chat", "responses", "gemini", "cohere")
"""Those that say how probable their words are."""
CLIENTS = ("chat", "responses", "anthropic", "gemini", "gemini-list")
CASCADES = {
    "sure": ("cheap", 'confidence = "logprobs"\nthreshold = 0.01'),
    "unsure": ("cheap", 'confidence = "logprobs"\nthreshold = 0.99'),
    "same": ("cheap", 'confidence = "agreement"\nthreshold = 0.9'),
    "rambling": ("rambling", 'confidence = "agreement"\nthreshold = 0.9'),
    "form": ("clumsy", 'confidence = "schema"'),
}
LOOK = {"type": "object", "properties": {"where": {"type": "string"}}, "required": ["where"]}


def toml_for(root: str) -> str:
    lines = ["[local]\nenabled = false"]
    for name, (dialect, path) in PROVIDERS.items():
        lines.append(f'[providers.{name}]\nbase_url = "{root}{path}"\ndialects = ["{dialect}"]')
        for cascade, (model, how) in CASCADES.items():
            lines.append(
                f'[routes.{name}-{cascade}]\nincumbent = "{name}/dear"\n'
                f'[routes.{name}-{cascade}.policy]\nkind = "cascade"\n'
                f'models = ["{name}/{model}", "{name}/dear"]\n{how}'
            )
    return "\n".join(lines)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    with SimulatedProvider.in_thread(SCRIPT) as provider:
        toml = toml_for(provider.base_url.removesuffix("/v1"))
        with RunningEndpoint(tmp_path_factory.mktemp("cascades"), toml) as running:
            yield running


def ask(endpoint: RunningEndpoint, client: str, route: str, *, stream: bool) -> tuple[str, str]:
    """What a client reads, and its call's id."""
    body: dict[str, Any]
    path, kind = "/v1/chat/completions", ""
    if client == "chat":
        body = {"model": route, "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
    elif client == "responses":
        path, body = "/v1/responses", {"model": route, "input": "Hello", "stream": stream}
    elif client == "anthropic":
        message = {"role": "user", "content": "Hello"}
        path = "/v1/messages"
        body = {"model": route, "messages": [message], "max_tokens": 100, "stream": stream}
    else:
        kind = "?alt=sse" if client == "gemini" and stream else ""
        path = f"/v1beta/models/{route}:{'streamGenerateContent' if stream else 'generateContent'}{kind}"
        body = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    with endpoint.connect() as connection:
        answer = connection.post(path, body)
    assert answer.status == 200, answer.body
    assert b"logprob" not in answer.body.replace(b'"logprobs":[]', b"").replace(
        b'"top_logprobs"', b""
    ).replace(b'"logprobs":null', b"")
    assert b"error" not in answer.body.replace(b'"error":null', b"")
    if client == "gemini-list" or not stream:
        json.loads(answer.body)
    return answer.body.decode(), answer.call


def call_of(endpoint: RunningEndpoint, call_id: str) -> Call:
    call = endpoint.recorded(call_id).call
    assert call.outcome == "answered"
    assert call.decision is not None
    return call


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_the_client_gets_one_answer_of_the_right_model(
    endpoint: RunningEndpoint, client: str, provider: str, *, stream: bool
) -> None:
    for route in ("sure", "unsure"):
        told, call_id = ask(endpoint, client, f"{provider}-{route}", stream=stream)
        call = call_of(endpoint, call_id)
        decision = call.decision
        assert decision is not None
        tells = provider in TELLING and not (provider == "cohere" and stream)  # the simulated one does not
        is_cheap = route == "sure" and tells
        expected, other = ("cheap", "dear") if is_cheap else ("dear", "cheap")
        assert (call.model, decision.chosen) == (expected, f"{provider}/{expected}")
        assert expected in told
        assert other not in told
        assert len(call.attempts) == 1 + (not is_cheap)
        why = "not needed" if is_cheap else "unsure" if tells else "no score"
        assert [one.why for one in decision.rejected] == [why]
        assert call.losses == ()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_model_that_contradicts_itself_is_not_believed(
    endpoint: RunningEndpoint, client: str, *, stream: bool
) -> None:
    told, call_id = ask(endpoint, client, "chat-same", stream=stream)
    assert "cheap" in told
    assert [one.reason for one in call_of(endpoint, call_id).attempts].count("sample") == 2
    told, call_id = ask(endpoint, client, "chat-rambling", stream=stream)
    assert ("dear" in told) != ("Five" in told)  # the last answer of the script stays


def test_a_tool_is_called_as_it_wants_to_be(endpoint: RunningEndpoint) -> None:
    tool: Any = {"type": "function", "function": {"name": "look", "parameters": LOOK}}
    sdk = endpoint.sdk()
    answer = sdk.chat.completions.create(
        model="chat-form", messages=[{"role": "user", "content": "Where?"}], tools=[tool]
    )
    assert answer.choices[0].message.content == "The dear answer."
    decision = call_of(endpoint, answer._request_id or "").decision
    assert decision is not None
    assert [one.why for one in decision.rejected] == ["wrong arguments"]


def test_official_clients_read_a_held_stream_as_any_other(endpoint: RunningEndpoint) -> None:
    sdk = endpoint.sdk()
    for route, word in (("chat-sure", "cheap"), ("chat-unsure", "dear")):
        chunks = list(
            sdk.chat.completions.create(
                model=route,
                messages=[{"role": "user", "content": "Hello"}],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        text = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
        assert text == f"The {word} answer."
        assert all(one.choices[0].logprobs is None for one in chunks if one.choices)
        assert chunks[-1].usage is not None
        claude = anthropic.Anthropic(base_url=endpoint.url, api_key=endpoint.key, max_retries=0)
        with claude.messages.stream(
            model=route, max_tokens=100, messages=[{"role": "user", "content": "Hello"}]
        ) as stream:
            assert stream.get_final_text() == f"The {word} answer."
        claude.close()
        with sdk.responses.stream(model=route, input="Hello") as events:
            assert events.get_final_response().output_text == f"The {word} answer."


def test_a_conversation_goes_up_and_not_down(endpoint: RunningEndpoint) -> None:
    sdk = endpoint.sdk()
    turns: list[Any] = [{"role": "user", "content": "A conversation of two turns"}]
    first = sdk.chat.completions.create(model="chat-unsure", messages=turns)
    turns += [
        {"role": "assistant", "content": first.choices[0].message.content},
        {"role": "user", "content": "And now?"},
    ]
    second = sdk.chat.completions.create(model="chat-unsure", messages=turns)
    call = call_of(endpoint, second._request_id or "")
    assert [one.model for one in call.attempts] == ["dear"]
    assert call.decision is not None
    assert [one.why for one in call.decision.rejected] == ["the conversation left it"]


def test_a_sure_conversation_is_looked_at_in_each_turn(endpoint: RunningEndpoint) -> None:
    sdk = endpoint.sdk()
    turns: list[Any] = [{"role": "user", "content": "Another conversation of two turns"}]
    first = sdk.chat.completions.create(model="chat-sure", messages=turns)
    turns += [
        {"role": "assistant", "content": first.choices[0].message.content},
        {"role": "user", "content": "And now?"},
    ]
    second = sdk.chat.completions.create(model="chat-sure", messages=turns)
    call = call_of(endpoint, second._request_id or "")
    assert call.decision is not None
    assert (call.decision.chosen, call.decision.reason) == ("chat/cheap", "sure")


def test_why_it_was_answered_by_that_model_can_be_explained_and_made_again(endpoint: RunningEndpoint) -> None:
    _, call_id = ask(endpoint, "chat", "chat-unsure", stream=True)
    call_of(endpoint, call_id)
    done = subprocess.run(
        [sys.executable, "-m", "freehold", "route", "explain", call_id, "--json"],
        cwd=endpoint.folder,
        env=endpoint.environment,
        check=True,
        capture_output=True,
    )
    told = msgspec.json.decode(done.stdout)
    assert told["again"] == "same"
    assert [one["reason"] for one in told["attempts"]] == ["policy", "escalation"]


def test_a_client_that_wants_probabilities_gets_those_of_who_answered(endpoint: RunningEndpoint) -> None:
    sdk = endpoint.sdk()
    for stream in (False, True):
        made: Any = sdk.chat.completions.create(
            model="chat-sure", messages=[{"role": "user", "content": "Hello"}], logprobs=True, stream=stream
        )
        choices = [one.choices[0] for one in made if one.choices] if stream else made.choices
        tokens = [
            token.token for one in choices if one.logprobs is not None for token in one.logprobs.content or ()
        ]
        assert "".join(tokens) == "The cheap answer."


def test_an_error_of_all_models_is_told_as_any_error(endpoint: RunningEndpoint) -> None:
    sdk = endpoint.sdk()
    with pytest.raises(openai.BadRequestError):
        sdk.chat.completions.create(
            model="chat-sure",
            messages=[{"role": "user", "content": "Hello"}],
            extra_body={"temperature": "hot"},
        )


FAULTS: dict[str, Any] = {
    "refused": Refused(status=401),
    "storm": Refused(status=429),
    "down": Refused(status=500),
    "cut": Cut(after=1),
    "reset": Cut(after=0, how="reset"),
    "silent": Hang(),
    "stuck": Hang(after=1),
    "malformed": Malformed(after=1),
    "empty": Empty(),
    "garbage": Garbage(),
    "packed": Gzip(),
    "error": ErrorEvent(after=1),
    "page": Page(status=200),
}


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    models: dict[str, Any] = {
        name: Behaviour(text="The cheap answer.", faults=(fault,)) for name, fault in FAULTS.items()
    }
    script = Script(models={**models, "dear": Behaviour(text="The dear answer.")})
    with SimulatedProvider.in_thread(script) as provider:
        lines = [f'[local]\nenabled = false\n[providers.good]\nbase_url = "{provider.base_url}"']
        lines += [
            f'[providers.{name}]\nbase_url = "{provider.base_url}"\n'
            'timeouts = { first_token = "1s", silence = "1s" }\n'
            f'[routes.{name}]\nincumbent = "good/dear"\n[routes.{name}.policy]\nkind = "cascade"\n'
            f'models = ["{name}/{name}", "good/dear"]\nconfidence = "schema"'
            for name in FAULTS
        ]
        with RunningEndpoint(tmp_path_factory.mktemp("sick"), "\n".join(lines)) as running:
            yield running


@pytest.mark.parametrize("stream", [False, True])
def test_nobody_notices_how_ill_the_cheap_model_is(sick: RunningEndpoint, *, stream: bool) -> None:
    def one(number: int) -> tuple[str, str]:
        client, fault = CLIENTS[number % len(CLIENTS)], [*FAULTS][number % len(FAULTS)]
        return ask(sick, client, fault, stream=stream)

    with ThreadPoolExecutor(16) as pool:
        for told, call_id in pool.map(one, range(130)):
            assert "dear" in told
            assert "cheap" not in told
            call = call_of(sick, call_id)
            assert call.model == "dear"
            assert [one.outcome for one in call.attempts][:-1] != ["answered"]
    assert sick.figures["freehold_calls_active"] == 0
