"""OpenAI's own SDK against the running endpoint, with nothing changed but the base URL and the key."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator

import msgspec
import openai
import pytest
from plain_client import CHAT, EMBEDDINGS, PlainClient, chat_request
from running_endpoint import RunningEndpoint

from freehold.providers.simulated import (
    Behaviour,
    Echo,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
    ToolCall,
)

SCRIPT = Script(
    models={
        "parrot": Behaviour(text=Echo()),
        "agent": Behaviour(
            tool_calls=(
                ToolCall("look_up", '{"city":"Zürich"}', id="call_a"),
                ToolCall("look_up", '{"city":"Bern"}', id="call_b", pieces=7),
            )
        ),
        "vectors": Behaviour(dimensions=16),
        "busy": Behaviour(faults=(Refused(status=429, retry_after="7", code="rate_limit_exceeded"),)),
        "strict": Behaviour(faults=(Refused(status=400, message="Too hot.", param="temperature"),)),
        "locked": Behaviour(faults=(Refused(status=401),)),
        "ill": Behaviour(faults=(Refused(status=500),)),
        "full": Behaviour(faults=(Refused(status=503, retry_after="3"),)),
    }
)

CONFIGURATION = """
[local]
enabled = false

[ledger]
flush_ms = 10

[providers.sim]
base_url = "{url}"
models = ["parrot", "agent"]

[routes.default]
incumbent = "sim/parrot"

[routes.copilot]
incumbent = "sim/agent"

[routes.quiet]
incumbent = "sim/parrot"
keep_bodies = false
"""

QUESTION = "Ein Häuschen am See? 🏡"

TOOLS: list[openai.types.chat.ChatCompletionToolUnionParam] = [
    {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
]


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    folder = tmp_path_factory.mktemp("endpoint")
    with RunningEndpoint(folder, CONFIGURATION.format(url=provider.base_url)) as running:
        yield running


@pytest.fixture
def sdk(endpoint: RunningEndpoint) -> Iterator[openai.OpenAI]:
    with endpoint.sdk() as client:
        yield client


# What is answered


def test_chat(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    raw = sdk.chat.completions.with_raw_response.create(
        model="default", messages=[{"role": "user", "content": "Grüezi, wie geht es?"}]
    )
    answer = raw.parse()
    assert answer.choices[0].message.content == "Grüezi, wie geht es?"
    assert answer.usage is not None
    assert raw.headers["x-freehold-model"] == "sim/parrot"
    entry = endpoint.recorded(raw.headers["x-freehold-call"])
    call = entry.call
    assert (call.route, call.provider, call.model, call.outcome) == ("default", "sim", "parrot", "answered")
    assert (call.usage.input_tokens, call.usage.output_tokens) == (
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )
    (attempt,) = call.attempts
    assert attempt.status == 200
    assert attempt.first_ms is not None
    assert 0 <= attempt.start_ms <= attempt.first_ms <= attempt.end_ms <= call.duration_ms
    assert call.first_token_ms is not None
    assert call.answer_body == raw.content


def test_a_streamed_chat(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    with sdk.chat.completions.with_streaming_response.create(
        model="default", messages=[{"role": "user", "content": "one two three four"}], stream=True
    ) as raw:
        chunks = list(raw.parse())
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "one two three four"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.choices for chunk in chunks), "the usage that we asked for is not the client's"
    call = endpoint.recorded(raw.headers["x-freehold-call"]).call
    assert call.streamed
    assert call.outcome == "answered"
    assert (call.usage.input_tokens, call.usage.output_tokens, call.usage.source) == (7, 4, "provider")
    assert call.stop_reason == "stop"
    assert call.first_token_ms is not None
    assert 0 < call.first_token_ms <= call.duration_ms


def test_usage_is_streamed_when_it_is_asked_for(sdk: openai.OpenAI) -> None:
    chunks = list(
        sdk.chat.completions.create(
            model="default",
            messages=[{"role": "user", "content": "one two three"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


def test_parallel_tool_calls(sdk: openai.OpenAI, provider: ThreadedProvider) -> None:
    provider.forget()
    answer = sdk.chat.completions.create(
        model="copilot",
        messages=[{"role": "user", "content": "Where?"}],
        tools=TOOLS,
        parallel_tool_calls=True,
    )
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert [
        (one.id, one.function.name, one.function.arguments) for one in calls if one.type == "function"
    ] == [
        ("call_a", "look_up", '{"city":"Zürich"}'),
        ("call_b", "look_up", '{"city":"Bern"}'),
    ]
    assert answer.choices[0].finish_reason == "tool_calls"
    (received,) = provider.requests
    sent = msgspec.json.decode(received.body)
    assert sent["tools"] == TOOLS
    assert sent["parallel_tool_calls"] is True


def test_streamed_parallel_tool_calls(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    with sdk.chat.completions.stream(
        model="copilot", messages=[{"role": "user", "content": "Where?"}], tools=TOOLS
    ) as stream:
        message = stream.get_final_completion().choices[0].message
        call = stream._response.headers["x-freehold-call"]
    assert message.tool_calls is not None
    assert [(one.id, one.function.arguments) for one in message.tool_calls] == [
        ("call_a", '{"city":"Zürich"}'),
        ("call_b", '{"city":"Bern"}'),
    ]
    assert endpoint.recorded(call).call.stop_reason == "tool_calls"


def test_embeddings_as_base64_and_as_numbers(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    texts = ["a house by the lake", "a house by the sea"]
    decoded = sdk.embeddings.create(model="sim/vectors", input=texts)  # the SDK itself asks for base64
    raw = sdk.embeddings.with_raw_response.create(model="sim/vectors", input=texts, encoding_format="float")
    numbers = raw.parse()
    packed = sdk.embeddings.create(model="sim/vectors", input=texts, encoding_format="base64")
    assert [len(one.embedding) for one in numbers.data] == [16, 16]
    for one, other, third in zip(decoded.data, numbers.data, packed.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding)
        assert isinstance(third.embedding, str)
        assert struct.unpack("<16f", base64.b64decode(third.embedding)) == pytest.approx(other.embedding)
    call = endpoint.recorded(raw.headers["x-freehold-call"]).call
    assert (call.operation, call.usage.input_tokens) == ("embeddings", numbers.usage.prompt_tokens)
    assert not call.usage.output_tokens


def test_models(sdk: openai.OpenAI) -> None:
    names = [model.id for model in sdk.models.list()]
    assert names == ["default", "copilot", "quiet", "sim/parrot", "sim/agent"]
    assert sdk.models.retrieve("copilot").id == "copilot"
    assert sdk.models.retrieve("sim/parrot").owned_by == "sim"
    with pytest.raises(openai.NotFoundError, match="gpt-5"):
        sdk.models.retrieve("gpt-5")


# What is refused


def ask(client: openai.OpenAI, model: str) -> None:
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello"}])


@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_key_is_an_authentication_error(endpoint: RunningEndpoint, *, stream: bool) -> None:
    with endpoint.sdk("fh-" + "x" * 43) as stranger, pytest.raises(openai.AuthenticationError) as caught:
        stranger.chat.completions.create(
            model="default", messages=[{"role": "user", "content": "Hello"}], stream=stream
        )
    assert caught.value.status_code == 401
    assert caught.value.code == "invalid_api_key"
    assert caught.value.response.headers["www-authenticate"] == "Bearer"


def test_an_unknown_model_is_not_found_and_the_nearest_is_named(
    sdk: openai.OpenAI, endpoint: RunningEndpoint
) -> None:
    with pytest.raises(openai.NotFoundError, match=r"`copilto`.*Did you mean `copilot`") as caught:
        ask(sdk, "copilto")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    call = endpoint.recorded(caught.value.response.headers["x-freehold-call"]).call
    assert (call.status, call.outcome, call.error, call.attempts) == (404, "refused", "model_not_found", [])
    assert call.route is None, "what a client makes up does not become a name of ours"


def test_a_bad_request_names_the_field(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    with pytest.raises(openai.BadRequestError, match="`messages`") as caught:
        sdk.chat.completions.create(model="default", messages=[])
    assert caught.value.param == "messages"
    call = endpoint.recorded(caught.value.response.headers["x-freehold-call"]).call
    assert (call.status, call.outcome) == (400, "refused")


def test_a_providers_own_refusal_comes_in_its_own_words(
    sdk: openai.OpenAI, endpoint: RunningEndpoint
) -> None:
    with pytest.raises(openai.BadRequestError, match=r"Too hot\.") as caught:
        ask(sdk, "sim/strict")
    assert caught.value.param == "temperature"
    call = endpoint.recorded(caught.value.response.headers["x-freehold-call"]).call
    assert (call.status, call.outcome, call.attempts[0].status) == (400, "refused", 400)


def test_a_rate_limit_says_when_to_come_back(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        ask(sdk, "sim/busy")
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "7"
    call = endpoint.recorded(caught.value.response.headers["x-freehold-call"]).call
    assert (call.status, call.outcome, call.attempts[0].outcome) == (429, "refused", "refused")


@pytest.mark.parametrize(("model", "status"), [("ill", 502), ("locked", 502), ("full", 503)])
def test_a_providers_trouble_is_not_the_clients_fault(
    model: str, status: int, sdk: openai.OpenAI, endpoint: RunningEndpoint
) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        ask(sdk, f"sim/{model}")
    assert caught.value.status_code == status
    assert caught.value.code == "provider_refused"
    assert caught.value.response.headers["x-freehold-model"] == f"sim/{model}"
    call = endpoint.recorded(caught.value.response.headers["x-freehold-call"]).call
    assert (call.status, call.outcome) == (status, "failed")


def test_the_request_id_of_the_sdk_is_the_calls(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    answer = sdk.chat.completions.create(model="default", messages=[{"role": "user", "content": "Hello"}])
    assert answer._request_id is not None
    assert endpoint.recorded(answer._request_id).call.outcome == "answered"
    with pytest.raises(openai.NotFoundError) as caught:
        ask(sdk, "nobody")
    assert caught.value.request_id is not None
    assert endpoint.recorded(caught.value.request_id).call.outcome == "refused"


# What passes through


@pytest.mark.parametrize("model", ["parrot", "agent"])
def test_a_whole_answer_passes_through_byte_for_byte(
    model: str, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    with endpoint.connect() as client:
        provider.play(SCRIPT)
        through = client.chat(f"sim/{model}", QUESTION)
        provider.play(SCRIPT)
        direct = directly(provider, CHAT, chat_request(model, QUESTION))
    assert through.body == direct
    assert endpoint.recorded(through.call).call.answer_body == direct


@pytest.mark.parametrize("usage", [False, True])
@pytest.mark.parametrize("model", ["parrot", "agent"])
def test_a_stream_passes_through_byte_for_byte(
    model: str, endpoint: RunningEndpoint, provider: ThreadedProvider, *, usage: bool
) -> None:
    """Without `include_usage`, what we asked for besides leaves one trace: `"usage":null`, as the API has it."""
    options = {"stream_options": {"include_usage": True}} if usage else {}
    with endpoint.connect() as client:
        provider.play(SCRIPT)
        stream = client.stream(f"sim/{model}", QUESTION, **options)
        through = stream.raw()
        provider.play(SCRIPT)
        direct = directly(provider, CHAT, chat_request(model, QUESTION, stream=True, **options))
    assert through.replace(b',"usage":null', b"") == direct.replace(b',"usage":null', b"")
    if usage:
        assert through == direct
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert endpoint.recorded(stream.call).call.answer_body == through


def test_what_we_do_not_know_reaches_the_provider(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    provider.forget()
    body = (
        b'{"temperature":0.10,"model":"default","x_new":{"b":1,"a":[1.0,"\\u00e9",1e-1]},'
        b'"messages":[{"role":"user","content":"x"}]}'
    )
    with endpoint.connect() as client:
        assert client.post(CHAT, body).status == 200
    (received,) = provider.requests
    assert received.body == body.replace(b'"default"', b'"parrot"')


def directly(provider: ThreadedProvider, path: str, body: dict[str, object]) -> bytes:
    """What the provider itself answers."""
    with PlainClient(provider.base_url, "", 10) as client:
        return client.post(path, body).body


# What is kept


def test_bodies_are_not_kept_when_the_client_says_so(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        loud = client.post(CHAT, chat_request("default", "Remember me"))
        quiet = client.post(CHAT, chat_request("default", "Forget me"), x_freehold_bodies="off")
        route = client.chat("quiet", "Forget me too")
        vectors = client.post(
            EMBEDDINGS, {"model": "sim/vectors", "input": "Forget me as well"}, x_freehold_bodies="OFF"
        )
    kept = endpoint.recorded(loud.call).call
    assert kept.request_body is not None
    assert b"Remember me" in kept.request_body
    assert kept.answer_body is not None
    for answer in (quiet, route, vectors):
        call = endpoint.recorded(answer.call).call
        assert (call.request_body, call.answer_body) == (None, None)
        assert call.answer_bytes == len(answer.body)
        assert call.usage.input_tokens


def test_streams_too_are_not_kept_when_the_client_says_so(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        answer = client.post(
            CHAT, chat_request("default", "Forget me", stream=True), x_freehold_bodies=" off "
        )
    call = endpoint.recorded(answer.call).call
    assert (call.request_body, call.answer_body) == (None, None)
    assert call.usage.output_tokens == 2
