"""`freehold up` in an empty folder, and OpenAI's own SDK against the model that comes with it."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import openai
import pytest
from running_endpoint import RunningEndpoint, until

pytestmark = pytest.mark.model

READY = 60.0
"""Seconds until both models are loaded, on a machine that is busy with everything else."""


@pytest.fixture(scope="module")
def endpoint(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[RunningEndpoint]:
    folder = tmp_path_factory.mktemp("empty")
    began = time.monotonic()
    with RunningEndpoint(folder, None) as running:
        up = time.monotonic() - began
        until(lambda: running.get("/health/ready").status == 200, READY)
        assert running.health["parts"]["local/smollm2-135m"] == "ready"
        assert running.health["parts"]["local/e5-small"] == "ready"
        running.started["seconds"] = (up, time.monotonic() - began)
        yield running


@pytest.fixture(scope="module")
def sdk(endpoint: RunningEndpoint) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0) as client:
        yield client


def calls(endpoint: RunningEndpoint, *words: str) -> list[dict[str, Any]]:
    """What `freehold calls --json` says in the endpoint's folder."""
    done = subprocess.run(
        [sys.executable, "-m", "freehold", "calls", "--json", *words],
        cwd=endpoint.folder,
        env=endpoint.environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return [msgspec.json.decode(line) for line in done.stdout.splitlines()]


def test_nothing_was_configured(endpoint: RunningEndpoint, show: Callable[[str], None]) -> None:
    assert {path.name for path in endpoint.folder.iterdir()} == {".freehold", "log"}
    assert endpoint.started["config"] is None
    up, ready = endpoint.started["seconds"]
    show(f"up in an empty folder after {up:.1f} s, both models loaded after {ready:.1f} s")


def test_a_model_asked_for_what_it_cannot_do_says_so(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    with pytest.raises(openai.BadRequestError, match="writes text and makes no embeddings") as chat:
        sdk.embeddings.create(model="local/smollm2-135m", input="x")
    with pytest.raises(openai.BadRequestError, match="makes embeddings and writes no text") as embeddings:
        sdk.chat.completions.create(model="local/e5-small", messages=[{"role": "user", "content": "x"}])
    for error, other in ((chat.value, "local/e5-small"), (embeddings.value, "local/smollm2-135m")):
        assert error.param == "model"
        assert other in error.message
        call = endpoint.recorded(error.response.headers["x-freehold-call"]).call
        assert (call.outcome, call.status) == ("refused", 400)


def test_chat(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    raw = sdk.chat.completions.with_raw_response.create(
        model="default",
        messages=[{"role": "user", "content": "Name three rivers."}],
        temperature=0,
        max_tokens=24,
    )
    answer = raw.parse()
    assert len((answer.choices[0].message.content or "").split()) > 3
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 24
    call = endpoint.recorded(raw.headers["x-freehold-call"]).call
    assert (call.route, call.provider, call.model, call.outcome) == (
        "default",
        "local",
        "smollm2-135m",
        "answered",
    )
    assert call.usage.input_tokens == answer.usage.prompt_tokens
    assert call.usage.output_tokens == answer.usage.completion_tokens


def test_streamed_chat(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    raw = sdk.chat.completions.with_raw_response.create(
        model="default",
        messages=[{"role": "user", "content": "Count from one to five."}],
        temperature=0,
        max_tokens=40,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(raw.parse())
    *pieces, last = chunks
    text = "".join(chunk.choices[0].delta.content or "" for chunk in pieces)
    assert len(text.split()) > 3
    assert last.usage is not None
    assert pieces[-1].choices[0].finish_reason in ("stop", "length")
    call = endpoint.recorded(raw.headers["x-freehold-call"]).call
    assert call.usage.output_tokens == last.usage.completion_tokens
    assert call.first_token_ms is not None
    assert call.first_token_ms < call.duration_ms
    assert call.stop_reason == pieces[-1].choices[0].finish_reason


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_model_cannot_do_is_a_declared_loss(
    sdk: openai.OpenAI, endpoint: RunningEndpoint, stream: bool
) -> None:
    raw = sdk.chat.completions.with_raw_response.create(
        model="default",
        messages=[{"role": "user", "content": "What is the weather in Seoul?"}],
        tools=[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
        max_tokens=8,
        stream=stream,
    )
    parsed = raw.parse()
    if isinstance(parsed, openai.Stream):
        list(parsed)
    assert raw.headers["x-freehold-losses"] == "tools"
    assert endpoint.recorded(raw.headers["x-freehold-call"]).call.losses == ("tools",)


def test_hanging_up_stops_the_model(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    raw = sdk.chat.completions.with_raw_response.create(
        model="default",
        messages=[{"role": "user", "content": "Write a very long story about the sea."}],
        max_tokens=1500,
        stream=True,
    )
    stream = raw.parse()
    next(iter(stream))
    stream.close()
    call = endpoint.recorded(raw.headers["x-freehold-call"]).call
    assert (call.outcome, call.status) == ("cancelled", 499)
    assert call.usage.output_tokens is not None
    assert call.usage.output_tokens < 1000
    began = time.monotonic()
    answer = sdk.chat.completions.create(
        model="default", messages=[{"role": "user", "content": "Hello"}], max_tokens=4
    )
    assert answer.choices[0].message.content
    assert time.monotonic() - began < 10, "the model is free for the next one"


def test_embeddings(sdk: openai.OpenAI) -> None:
    texts = [
        "query: Wie wird das Wetter?",
        "query: What is the weather like?",
        "query: The invoice is overdue.",
    ]
    answer = sdk.embeddings.create(model="embed", input=texts)
    german, english, invoice = (one.embedding for one in answer.data)
    assert len(german) == 384
    assert cosine(german, english) > cosine(german, invoice)
    assert answer.usage.prompt_tokens > 10


def cosine(one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))


def test_models(sdk: openai.OpenAI) -> None:
    names = {model.id for model in sdk.models.list()}
    assert {"default", "embed", "local/smollm2-135m", "local/e5-small"} <= names


def test_the_calls_are_listed_with_tokens_and_timings(endpoint: RunningEndpoint) -> None:
    listed = {(one["route"], one["streamed"], one["outcome"]): one for one in calls(endpoint)}
    for which in (
        ("default", False, "answered"),
        ("default", True, "answered"),
        ("embed", False, "answered"),
    ):
        call = listed[which]
        assert call["usage"]["input_tokens"] > 0
        assert 0 < call["first_token_ms"] <= call["duration_ms"]
        (attempt,) = call["attempts"]
        assert attempt["provider"] == "local"
        assert attempt["status"] == 200
        assert attempt["start_ms"] <= attempt["first_ms"] <= attempt["end_ms"]
        assert call["key_name"] == "up"
        assert Decimal(call["cost"]) == 0, "one's own machine costs nothing, and that is known"
    assert listed["default", True, "cancelled"]["usage"]["source"] == "counted"


def test_switched_off_while_it_talks(sdk: openai.OpenAI, endpoint: RunningEndpoint) -> None:
    """What runs on the embedded model finishes before the model ends."""
    stream = sdk.chat.completions.create(
        model="default",
        messages=[{"role": "user", "content": "Write a story about the sea."}],
        max_tokens=120,
        stream=True,
    )
    chunks = [next(iter(stream))]
    endpoint.configure("[local]\nenabled = false\n")
    until(lambda: endpoint.says("the changed configuration is in force"))
    chunks += list(stream)
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")
    with pytest.raises(openai.NotFoundError):
        sdk.embeddings.create(model="embed", input="x")
    assert "local/smollm2-135m" not in endpoint.health["parts"]
    endpoint.configure("[local]\nenabled = true\n")
    until(lambda: endpoint.health["parts"].get("local/e5-small") == "ready", READY)
    assert sdk.embeddings.create(model="embed", input="x").data
