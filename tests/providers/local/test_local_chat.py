"""The embedded chat model, asked through the official SDK."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import openai
import pytest
from local_models import CHAT, sdk, served
from openai import OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from freehold.providers.local.models import MODELS
from freehold.providers.local.supervised import Address

pytestmark = pytest.mark.model

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Repeat after me: good morning"}]
ENDLESS: dict[str, Any] = {"ignore_eos": True}
"""llama.cpp's own field: write until `max_tokens`."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with served(tmp_path_factory.mktemp("data"), CHAT) as found:
        yield found


@pytest.fixture
def client(address: Address) -> Iterator[OpenAI]:
    with sdk(address) as found:
        yield found


def ask(client: OpenAI, content: str, **more: Any) -> ChatCompletion:
    answer = client.chat.completions.create(
        model=CHAT, messages=[{"role": "user", "content": content}], **more
    )
    assert isinstance(answer, ChatCompletion)
    return answer


def test_it_does_as_it_is_told(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=CHAT, messages=QUESTION, temperature=0, max_tokens=40)
    assert "good morning" in (answer.choices[0].message.content or "").lower()
    assert f"local/{answer.model}" == CHAT
    assert answer.object == "chat.completion"
    assert answer.choices[0].finish_reason == "stop", "the end of turn of its chat template is understood"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_the_chat_template_of_the_file_is_used(client: OpenAI) -> None:
    """Its template adds a system message of 23 tokens where there is none; bare text would have 7 tokens."""
    bare = client.chat.completions.create(model=CHAT, messages=QUESTION, max_tokens=1)
    told = client.chat.completions.create(
        model=CHAT,
        messages=[
            {
                "role": "system",
                "content": "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
            },
            *QUESTION,
        ],
        max_tokens=1,
    )
    assert bare.usage is not None
    assert told.usage is not None
    assert bare.usage.prompt_tokens == told.usage.prompt_tokens == 36


def test_streamed_and_whole_answers_are_the_same(client: OpenAI) -> None:
    whole = client.chat.completions.create(
        model=CHAT, messages=QUESTION, temperature=0, max_tokens=12, logprobs=True, top_logprobs=2
    )
    with client.chat.completions.create(
        model=CHAT,
        messages=QUESTION,
        temperature=0,
        max_tokens=12,
        logprobs=True,
        top_logprobs=2,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)
    spoken = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in spoken) == whole.choices[0].message.content
    assert spoken[-1].finish_reason == whole.choices[0].finish_reason
    tokens = [token for choice in spoken if choice.logprobs for token in choice.logprobs.content or ()]
    assert whole.choices[0].logprobs is not None
    assert [token.token for token in tokens] == [
        token.token for token in whole.choices[0].logprobs.content or ()
    ]
    assert len(tokens[0].top_logprobs) == 2
    usage = chunks[-1].usage
    assert usage is not None
    assert whole.usage is not None
    assert usage.completion_tokens == whole.usage.completion_tokens
    assert usage.prompt_tokens == whole.usage.prompt_tokens
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_limit_is_kept_and_counted(client: OpenAI) -> None:
    answer = ask(client, "Tell a story", max_tokens=9, extra_body=ENDLESS)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 9
    assert answer.choices[0].finish_reason == "length"


def test_json_by_schema(client: OpenAI) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["city", "people"],
    }
    answer = client.chat.completions.create(
        model=CHAT,
        messages=QUESTION,
        temperature=0,
        max_tokens=60,
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema}},
    )
    assert json.loads(answer.choices[0].message.content or "").keys() == {"city", "people"}


def test_requests_beside_each_other_keep_to_themselves(client: OpenAI) -> None:
    """Twice as many as there are slots, each with the answer it has when it is alone."""
    words = ["apple", "river", "window", "seven", "garden", "letter", "winter", "stone"]
    assert len(words) == 2 * MODELS[CHAT].slots

    def say(word: str) -> str | None:
        # A schema with one possible answer: what is written does not depend on how requests are batched.
        return (
            ask(
                client,
                "Speak",
                max_tokens=30,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "word", "schema": {"type": "string", "enum": [word]}},
                },
            )
            .choices[0]
            .message.content
        )

    with ThreadPoolExecutor(len(words)) as pool:
        spoken = list(pool.map(say, words))
    assert [json.loads(text or "") for text in spoken] == words


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_hanging_up_frees_the_slot(address: Address, client: OpenAI, stream: bool) -> None:
    """Every slot is given an answer that takes far longer than the test; then all hang up."""
    slots = MODELS[CHAT].slots
    started = threading.Semaphore(0)
    leave = threading.Event()

    def write_on() -> None:
        with sdk(address) as mine, suppress(openai.APITimeoutError):
            limit: dict[str, Any] = {"max_tokens": 4000, "extra_body": ENDLESS}
            if stream:
                with mine.chat.completions.create(
                    model=CHAT, messages=QUESTION, stream=True, **limit
                ) as answer:
                    next(iter(answer))
                    started.release()
                    leave.wait(30)
            else:
                started.release()
                mine.chat.completions.create(model=CHAT, messages=QUESTION, timeout=1.5, **limit)

    writers = [threading.Thread(target=write_on) for _ in range(slots)]
    for writer in writers:
        writer.start()
    for _ in writers:
        assert started.acquire(timeout=30)
    leave.set()
    for writer in writers:
        writer.join(30)
    begun = time.monotonic()
    ask(client, "Hello", max_tokens=1)
    # 16,000 tokens would take well over a minute; a few tokens' time is what freeing a slot takes.
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"n": 2}, "n"),
        ({"messages": []}, "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"},
            "tool_choice",
        ),
        ({"messages": [{"role": "robot", "content": "x"}]}, None),
        ({"temperature": "hot"}, None),
        ({"messages": 7}, None),
    ],
    ids=["n", "no messages", "image", "forced tools", "role", "temperature", "type"],
)
def test_what_it_cannot_do_is_refused_and_said(
    client: OpenAI, change: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**{"model": CHAT, "messages": QUESTION, "max_tokens": 1, **change})
    assert caught.value.body is not None
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


def test_too_long_a_prompt_is_refused_at_once(client: OpenAI) -> None:
    begun = time.monotonic()
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "word " * 9000, stream=False)
    assert caught.value.code == "context_length_exceeded"
    assert time.monotonic() - begun < 5


def test_tools_that_may_be_ignored_are_a_declared_loss(client: OpenAI) -> None:
    answer = client.chat.completions.with_raw_response.create(
        model=CHAT,
        messages=QUESTION,
        max_tokens=4,
        tools=[{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}],
        tool_choice="auto",
    )
    assert answer.headers["x-freehold-losses"] == "tools,tool_choice"
    assert answer.parse().choices[0].message.content


def test_a_wrong_bearer_is_refused(address: Address) -> None:
    with sdk(address, key="not-the-token") as stranger, pytest.raises(openai.AuthenticationError) as caught:
        ask(stranger, "Hello")
    assert address[1] not in str(caught.value)
