"""The official SDK against the simulated provider: what it understands is right."""

from __future__ import annotations

import math

import openai
import pytest
from openai import OpenAI

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
    key="sk-right",
    models={
        "echo": Behaviour(text=Echo()),
        "tools": Behaviour(tool_calls=(ToolCall("add", '{"a": 1, "b": 2}'), ToolCall("stop"))),
        "busy": Behaviour(
            faults=(Refused(status=429, retry_after="7", headers={"x-ratelimit-remaining-requests": "0"}),)
        ),
        "vectors": Behaviour(dimensions=64),
    },
)


def client(provider: ThreadedProvider, key: str = "sk-right") -> OpenAI:
    return OpenAI(base_url=provider.base_url, api_key=key, max_retries=0)


def test_chat_stream_tools_and_models() -> None:
    with SimulatedProvider.in_thread(SCRIPT) as provider, client(provider) as sdk:
        whole = sdk.chat.completions.create(
            model="echo", messages=[{"role": "user", "content": "Say it again"}]
        )
        assert whole.choices[0].message.content == "Say it again"
        assert whole.usage is not None
        assert whole.usage.completion_tokens == 3

        with sdk.chat.completions.create(
            model="echo",
            messages=[{"role": "user", "content": "Say it again"}],
            stream=True,
            stream_options={"include_usage": True},
        ) as stream:
            chunks = list(stream)
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Say it again"
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.total_tokens == whole.usage.total_tokens

        with sdk.chat.completions.stream(
            model="tools", messages=[{"role": "user", "content": "Add"}]
        ) as events:
            final = events.get_final_completion()
        calls = final.choices[0].message.tool_calls
        assert calls is not None
        assert [(call.function.name, call.function.arguments) for call in calls] == [
            ("add", '{"a": 1, "b": 2}'),
            ("stop", "{}"),
        ]
        assert final.choices[0].finish_reason == "tool_calls"

        assert [model.id for model in sdk.models.list()] == ["echo", "tools", "busy", "vectors"]
        assert provider.connections.reused >= 1


def test_embeddings_depend_on_the_text_alone_and_both_encodings_agree() -> None:
    texts = ["the cat sat", "The cat sat", "the cat slept", "quarterly figures"]
    with SimulatedProvider.in_thread(SCRIPT) as provider, client(provider) as sdk:
        # Left to itself the SDK asks for base64 and decodes it.
        packed = sdk.embeddings.create(model="vectors", input=texts)
        plain = sdk.embeddings.create(model="vectors", input=texts, encoding_format="float")
        short = sdk.embeddings.create(model="vectors", input="one", dimensions=8)
        tokens = sdk.embeddings.create(model="vectors", input=[1, 2, 3])
        asked = [request.body for request in provider.requests]
    assert b"base64" in asked[0]
    assert b"float" in asked[1]
    vectors = [one.embedding for one in packed.data]
    assert vectors == [one.embedding for one in plain.data]
    assert [len(vector) for vector in vectors] == [64] * 4
    assert len(short.data[0].embedding) == 8
    assert (plain.usage.prompt_tokens, tokens.usage.prompt_tokens) == (11, 3)
    assert all(math.isclose(math.hypot(*vector), 1.0, abs_tol=1e-6) for vector in vectors)
    same, near, far = (sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors[1:])
    assert math.isclose(same, 1.0, abs_tol=1e-6)
    assert near > far + 0.3


def test_errors_arrive_as_the_sdk_s_own() -> None:
    with SimulatedProvider.in_thread(SCRIPT) as provider:
        with client(provider, "sk-wrong") as sdk, pytest.raises(openai.AuthenticationError):
            sdk.models.list()
        with client(provider) as sdk:
            with pytest.raises(openai.NotFoundError):
                sdk.embeddings.create(model="unheard-of", input="a")
            with pytest.raises(openai.BadRequestError):
                sdk.embeddings.create(model="vectors", input=[])
            with pytest.raises(openai.RateLimitError) as caught:
                sdk.chat.completions.create(model="busy", messages=[{"role": "user", "content": "x"}])
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"
