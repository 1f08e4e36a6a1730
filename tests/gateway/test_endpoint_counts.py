"""Counts of tokens in three forms: asked of providers that count, estimated and said so elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types
from running_endpoint import RunningEndpoint

from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ThreadedProvider

SCRIPT = Script(
    models={"any": Behaviour(text="Hello.")},
)

CONFIGURATION = """
[local]
enabled = false

[ledger]
flush_ms = 10

[providers.chat]
base_url = "{url}"

[providers.responses]
base_url = "{url}"
dialects = ["openai-chat", "openai-responses"]

[providers.gem]
base_url = "{url}beta"
dialects = ["gemini"]
auth = "x-goog-api-key"

[providers.claude]
base_url = "{url}"
dialects = ["anthropic-messages"]
auth = "x-api-key"
headers = { "anthropic-version" = "2023-06-01" }

[providers.gone]
base_url = "{url}/nowhere"
dialects = ["anthropic-messages"]

[providers.dead]
base_url = "http://127.0.0.1:9/v1"
dialects = ["anthropic-messages"]

[routes.careful]
incumbent = "dead/any"
fallbacks = ["chat/any"]
"""

COUNTING = ["responses/any", "gem/any", "claude/any"]
WORDS = "one two three four five six seven"


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    toml = CONFIGURATION.replace("{url}", provider.base_url)
    with RunningEndpoint(tmp_path_factory.mktemp("endpoint"), toml) as running:
        yield running


@pytest.fixture
def claude(endpoint: RunningEndpoint) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=endpoint.url, api_key=endpoint.key, max_retries=0) as client:
        yield client


@pytest.fixture
def google(endpoint: RunningEndpoint) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=endpoint.url)
    with genai.Client(api_key=endpoint.key, http_options=options) as client:
        yield client


@pytest.fixture
def sdk(endpoint: RunningEndpoint) -> Iterator[openai.OpenAI]:
    with endpoint.sdk() as client:
        yield client


@pytest.mark.parametrize("model", COUNTING)
def test_every_form_of_every_provider_that_counts(
    claude: anthropic.Anthropic,
    google: genai.Client,
    endpoint: RunningEndpoint,
    provider: ThreadedProvider,
    model: str,
) -> None:
    messages: Any = [{"role": "user", "content": WORDS}]
    raw = claude.messages.with_raw_response.count_tokens(model=model, messages=messages)
    count = raw.parse().input_tokens
    assert 5 <= count <= 12
    assert google.models.count_tokens(model=model, contents=WORDS).total_tokens == count
    with endpoint.sdk() as sdk:
        assert sdk.responses.input_tokens.count(model=model, input=WORDS).input_tokens == count
    assert "count" in provider.requests[-1].target.lower() or "input_tokens" in provider.requests[-1].target
    assert "x-freehold-losses" not in raw.headers
    entry = endpoint.recorded(raw.headers["x-freehold-call"])
    assert (entry.call.operation, entry.call.outcome) == ("count", "answered")
    assert entry.call.usage.input_tokens is None, "it is the count of a call that was not made"
    assert entry.cost.amount == Decimal(0)


def test_an_estimate_is_declared(
    claude: anthropic.Anthropic, google: genai.Client, sdk: openai.OpenAI, endpoint: RunningEndpoint
) -> None:
    messages: Any = [{"role": "user", "content": WORDS}]
    raw = claude.messages.with_raw_response.count_tokens(model="chat/any", messages=messages)
    count = raw.parse().input_tokens
    assert 7 <= count <= 20
    assert raw.headers["x-freehold-losses"] == "usage.estimated"
    assert google.models.count_tokens(model="chat/any", contents=WORDS).total_tokens == count
    assert sdk.responses.input_tokens.count(model="chat/any", input=WORDS).input_tokens == count
    entry = endpoint.recorded(raw.headers["x-freehold-call"])
    assert (entry.call.outcome, entry.call.losses) == ("answered", ("usage.estimated",))
    assert entry.cost.amount == Decimal(0)


def test_instructions_and_tools_count(claude: anthropic.Anthropic) -> None:
    messages: Any = [{"role": "user", "content": WORDS}]
    tools: Any = [{"name": "look_up", "description": "Looks up", "input_schema": {"type": "object"}}]
    for model in ("chat/any", *COUNTING):
        bare = claude.messages.count_tokens(model=model, messages=messages).input_tokens
        more = claude.messages.count_tokens(
            model=model, messages=messages, system="Be brief and kind.", tools=tools
        ).input_tokens
        assert more > bare, model


def test_geminis_whole_request(endpoint: RunningEndpoint, provider: ThreadedProvider) -> None:
    body = {
        "generateContentRequest": {
            "model": "models/gem/any",
            "contents": [{"role": "user", "parts": [{"text": WORDS}]}],
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
        }
    }
    with endpoint.connect() as client:
        for model in ("gem/any", "claude/any", "chat/any"):
            answer = client.post(f"/v1beta/models/{model}:countTokens", body)
            assert answer.status == 200
            assert answer.json()["totalTokens"] > 7
    passed = next(one for one in reversed(provider.requests) if one.target.endswith(":countTokens"))
    assert b'"models/any"' in passed.body


def test_geminis_whole_request_with_names_as_python_has_them(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    body = {
        "generate_content_request": {"model": "models/gem/any", "contents": [{"parts": [{"text": WORDS}]}]}
    }
    with endpoint.connect() as client:
        assert client.post("/v1beta/models/gem/any:countTokens", body).status == 200
        assert b'"models/any"' in provider.requests[-1].body
        for name in ("generateContentRequest", "generate_content_request"):
            for wrong in (5, "x", [body]):
                answer = client.post("/v1beta/models/gem/any:countTokens", {name: wrong})
                assert (answer.status, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_a_provider_that_does_not_count_after_all(claude: anthropic.Anthropic) -> None:
    messages: Any = [{"role": "user", "content": WORDS}]
    raw = claude.messages.with_raw_response.count_tokens(model="gone/any", messages=messages)
    assert raw.headers["x-freehold-losses"] == "usage.estimated"


def test_a_fallback_counts_when_the_incumbent_is_gone(claude: anthropic.Anthropic) -> None:
    messages: Any = [{"role": "user", "content": WORDS}]
    raw = claude.messages.with_raw_response.count_tokens(model="careful", messages=messages)
    assert raw.headers["x-freehold-model"] == "chat/any"
    assert raw.headers["x-freehold-losses"] == "usage.estimated"


def test_whoever_is_strict_gets_no_estimate(claude: anthropic.Anthropic) -> None:
    messages: Any = [{"role": "user", "content": WORDS}]
    with pytest.raises(anthropic.BadRequestError, match=r"usage\.estimated"):
        claude.messages.count_tokens(
            model="chat/any", messages=messages, extra_headers={"x-freehold-strict": "on"}
        )


def test_a_stream_cannot_be_counted_into(endpoint: RunningEndpoint) -> None:
    body = {"model": "chat/any", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with endpoint.connect() as client:
        answer = client.post("/v1/messages/count_tokens", body)
    assert answer.json()["input_tokens"] > 0


def test_what_is_wrong_is_told_in_the_clients_form(
    claude: anthropic.Anthropic, google: genai.Client, endpoint: RunningEndpoint
) -> None:
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.count_tokens(model="nobody", messages=[{"role": "user", "content": "a"}])
    with pytest.raises(genai.errors.ClientError, match="NOT_FOUND"):
        google.models.count_tokens(model="nobody", contents="a")
    with endpoint.connect() as client:
        assert client.post("/v1/messages/count_tokens", b"{}").json()["type"] == "error"
        assert client.post("/v1beta/models/gem/any:countTokens", b"{}").status == 400
        assert client.get("/v1/messages/count_tokens").status == 405
