"""Embeddings in OpenAI's and in Gemini's form, on providers of three dialects and on the local model."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator

import openai
import pytest
from google import genai
from google.genai import types
from running_endpoint import RunningEndpoint

from freehold.providers.simulated import Behaviour, Refused, Script, SimulatedProvider, ThreadedProvider

SCRIPT = Script(
    models={
        "vectors": Behaviour(dimensions=16),
        "silent": Behaviour(dimensions=4, usage="missing"),
        "busy": Behaviour(faults=(Refused(status=429),)),
    }
)

CONFIGURATION = """
[local]
enabled = false

[ledger]
flush_ms = 10

[providers.open]
base_url = "{url}"

[providers.gem]
base_url = "{url}beta"
dialects = ["gemini"]
auth = "x-goog-api-key"

[providers.co]
base_url = "{root}/v2"
dialects = ["cohere"]

[providers.claude]
base_url = "{url}"
dialects = ["anthropic-messages"]

[routes.vectors]
incumbent = "co/busy"
fallbacks = ["gem/vectors"]
"""

TEXTS = ["a house by the lake", "a house by the sea"]


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    url = provider.base_url
    toml = CONFIGURATION.format(url=url, root=url.removesuffix("/v1"))
    with RunningEndpoint(tmp_path_factory.mktemp("endpoint"), toml) as running:
        yield running


@pytest.fixture
def sdk(endpoint: RunningEndpoint) -> Iterator[openai.OpenAI]:
    with endpoint.sdk() as client:
        yield client


@pytest.fixture
def google(endpoint: RunningEndpoint) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=endpoint.url)
    with genai.Client(api_key=endpoint.key, http_options=options) as client:
        yield client


@pytest.mark.parametrize("model", ["gem/vectors", "co/vectors"])
def test_openais_client_on_another_dialect(sdk: openai.OpenAI, endpoint: RunningEndpoint, model: str) -> None:
    own = [one.embedding for one in sdk.embeddings.create(model="open/vectors", input=TEXTS).data]
    raw = sdk.embeddings.with_raw_response.create(model=model, input=TEXTS, dimensions=16, user="u")
    answer = raw.parse()
    assert [one.embedding for one in answer.data] == [pytest.approx(one, abs=1e-6) for one in own]
    numbers = sdk.embeddings.create(model=model, input=TEXTS, encoding_format="float")
    assert [one.embedding for one in numbers.data] == [pytest.approx(one, abs=1e-6) for one in own]
    packed = sdk.embeddings.create(model=model, input=TEXTS[0], encoding_format="base64")
    text = packed.data[0].embedding
    assert isinstance(text, str)
    assert struct.unpack("<16f", base64.b64decode(text)) == pytest.approx(own[0], abs=1e-6)
    assert answer.usage.prompt_tokens > 0
    assert raw.headers["x-freehold-losses"] == "user"
    call = endpoint.recorded(raw.headers["x-freehold-call"]).call
    assert (call.operation, call.dialect, call.outcome) == ("embeddings", "openai-chat", "answered")
    assert (call.usage.input_tokens, call.usage.output_tokens) == (answer.usage.prompt_tokens, 0)
    assert call.losses == ("user",)


def test_dimensions_reach_each_provider(sdk: openai.OpenAI) -> None:
    for model in ("open/vectors", "gem/vectors", "co/vectors"):
        answer = sdk.embeddings.create(model=model, input="one", dimensions=8)
        assert len(answer.data[0].embedding) == 8


@pytest.mark.parametrize(("model", "requests"), [("gem/vectors", 3), ("co/vectors", 3)])
def test_many_texts_are_asked_for_in_parts(
    sdk: openai.OpenAI, provider: ThreadedProvider, endpoint: RunningEndpoint, model: str, requests: int
) -> None:
    texts = [f"text number {number}" for number in range(250)]
    before = len(provider.requests)
    raw = sdk.embeddings.with_raw_response.create(model=model, input=texts)
    answer = raw.parse()
    assert len(provider.requests) - before == requests
    assert [one.index for one in answer.data] == list(range(250))
    alone = sdk.embeddings.create(model=model, input=texts[249]).data[0].embedding
    assert answer.data[249].embedding == pytest.approx(alone)
    assert answer.usage.prompt_tokens == sum(len(text.split()) for text in texts)
    assert endpoint.recorded(raw.headers["x-freehold-call"]).call.usage.input_tokens == 750


def test_a_part_that_is_refused_refuses_the_whole(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.RateLimitError):
        sdk.embeddings.create(model="co/busy", input=[str(number) for number in range(200)])


def test_a_fallback_may_speak_another_dialect(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    raw = sdk.embeddings.with_raw_response.create(model="vectors", input=TEXTS)
    assert len(raw.parse().data) == 2
    call = endpoint.recorded(raw.headers["x-freehold-call"]).call
    assert [(one.provider, one.outcome) for one in call.attempts] == [("co", "refused"), ("gem", "answered")]


@pytest.mark.parametrize("model", ["gem/vectors", "open/vectors", "co/vectors"])
def test_geminis_client(google: genai.Client, sdk: openai.OpenAI, model: str) -> None:
    own = [one.embedding for one in sdk.embeddings.create(model="open/vectors", input=TEXTS).data]
    answer = google.models.embed_content(model=model, contents=list(TEXTS))
    assert answer.embeddings is not None
    assert [one.values for one in answer.embeddings] == [pytest.approx(one, abs=1e-6) for one in own]
    short = google.models.embed_content(
        model=model,
        contents="one",
        config=types.EmbedContentConfig(output_dimensionality=8, task_type="RETRIEVAL_QUERY"),
    )
    assert short.embeddings is not None
    assert len(short.embeddings[0].values or ()) == 8


def test_gemini_to_gemini_passes_through(endpoint: RunningEndpoint, provider: ThreadedProvider) -> None:
    with endpoint.connect() as client:
        body = b'{"content":{"parts":[{"text":"one two"}]},"taskType":"QUESTION_ANSWERING"}'
        answer = client.post("/v1beta/models/gem%2Fvectors:embedContent", body)
    assert answer.status == 200
    assert answer.json()["embedding"]["values"]
    seen = provider.requests[-1]
    assert seen.target.endswith("/models/vectors:embedContent")
    assert seen.body == body


def test_what_a_text_is_for(endpoint: RunningEndpoint, provider: ThreadedProvider) -> None:
    def lost(model: str, task: str) -> str:
        body = b'{"content":{"parts":[{"text":"a"}]},"taskType":"%b","title":"T"}' % task.encode()
        with endpoint.connect() as client:
            answer = client.post(f"/v1beta/models/{model}:embedContent", body)
        assert answer.status == 200
        assert list(answer.json()) == ["embedding", "usageMetadata"]
        return answer.headers.get("x-freehold-losses", "")

    assert lost("co/vectors", "RETRIEVAL_QUERY") == "embeddings.title"
    assert b'"search_query"' in provider.requests[-1].body
    assert lost("co/vectors", "SEMANTIC_SIMILARITY") == "embeddings.purpose, embeddings.title"
    assert lost("open/vectors", "RETRIEVAL_DOCUMENT") == "embeddings.purpose, embeddings.title"
    assert lost("open/vectors", "FACT_VERIFICATION") == "field.taskType, embeddings.title"


def test_whoever_is_strict_gets_an_error(endpoint: RunningEndpoint, provider: ThreadedProvider) -> None:
    before = len(provider.requests)
    with endpoint.connect() as client:
        body = b'{"model":"gem/vectors","input":"a","user":"u"}'
        answer = client.post("/v1/embeddings", body, x_freehold_strict="on")
    assert answer.status == 400
    assert answer.json()["error"]["code"] == "loss_refused"
    assert len(provider.requests) == before


def test_what_cannot_be_embedded(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    with pytest.raises(openai.BadRequestError, match="send text"):
        sdk.embeddings.create(model="gem/vectors", input=[[1, 2, 3]])
    with pytest.raises(openai.BadRequestError, match="`claude`"):
        sdk.embeddings.create(model="claude/any", input="a")
    with endpoint.connect() as client:
        for body in (b"{}", b'{"requests":[]}', b'{"requests":3}'):
            answer = client.post("/v1beta/models/open/vectors:batchEmbedContents", body)
            assert (answer.status, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_usage_that_nobody_gave_is_unknown(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    raw = sdk.embeddings.with_raw_response.create(model="gem/silent", input="a b c")
    assert raw.parse().usage.prompt_tokens == 0
    call = endpoint.recorded(raw.headers["x-freehold-call"]).call
    assert call.usage.input_tokens is None


@pytest.mark.model
def test_the_local_model_in_geminis_form(tmp_path_factory: pytest.TempPathFactory) -> None:
    with RunningEndpoint(tmp_path_factory.mktemp("local"), "[ledger]\nflush_ms = 10\n") as endpoint:
        options = types.HttpOptions(base_url=endpoint.url)
        with genai.Client(api_key=endpoint.key, http_options=options) as google, endpoint.sdk() as sdk:
            (own,) = sdk.embeddings.create(model="embed", input="ein Haus am See").data
            answer = google.models.embed_content(model="embed", contents="ein Haus am See")
            assert answer.embeddings is not None
            assert answer.embeddings[0].values == pytest.approx(own.embedding, abs=1e-6)
            stored = google.models.embed_content(
                model="embed",
                contents="ein Haus am See",
                config=types.EmbedContentConfig(task_type="RETRIEVAL_DOCUMENT"),
            )
            assert stored.embeddings is not None
            assert stored.embeddings[0].values != pytest.approx(own.embedding, abs=1e-6)
