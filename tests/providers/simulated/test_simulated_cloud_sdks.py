"""The SDKs of Google, Amazon and Cohere against the simulated dialects, in the same way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import botocore.eventstream
import botocore.session
import cohere
import httpx
import pytest
from botocore.config import Config
from dialect_script import ALIKE, HELLO, SCRIPT
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

from freehold.providers.simulated import (
    Behaviour,
    Reasoning,
    Script,
    SimulatedProvider,
    ThreadedProvider,
)


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture
def anew(provider: ThreadedProvider) -> ThreadedProvider:
    provider.play(SCRIPT)
    return provider


@pytest.fixture
def gemini(anew: ThreadedProvider) -> Iterator[genai.Client]:
    sdk = genai.Client(api_key="sk-right", http_options=genai_types.HttpOptions(base_url=anew.root_url))
    yield sdk
    sdk.close()


@pytest.fixture
def bedrock(anew: ThreadedProvider) -> Iterator[Any]:
    sdk = botocore.session.get_session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=anew.root_url,
        aws_access_key_id="sk-right",
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 0}),
    )
    yield sdk
    sdk.close()


@pytest.fixture
def chats(anew: ThreadedProvider) -> Iterator[cohere.ClientV2]:
    with httpx.Client() as connections:
        yield cohere.ClientV2(api_key="sk-right", base_url=anew.root_url, httpx_client=connections)


@pytest.mark.parametrize("model", ALIKE)
def test_gemini_whole_and_streamed(anew: ThreadedProvider, gemini: genai.Client, model: str) -> None:
    config = genai_types.GenerateContentConfig(
        thinking_config=genai_types.ThinkingConfig(include_thoughts=True), response_logprobs=True, logprobs=2
    )
    whole = gemini.models.generate_content(model=model, contents="hello", config=config)
    anew.play(SCRIPT)
    chunks = list(gemini.models.generate_content_stream(model=model, contents="hello", config=config))
    assert _joined(chunks) == _joined([whole])
    assert chunks[-1].usage_metadata == whole.usage_metadata
    candidates = whole.candidates
    assert candidates
    last = chunks[-1].candidates
    assert last
    assert last[0].finish_reason == candidates[0].finish_reason
    assert last[0].grounding_metadata == candidates[0].grounding_metadata
    if model == "counts" and whole.usage_metadata:
        usage = whole.usage_metadata
        assert (usage.prompt_token_count, usage.cached_content_token_count) == (100, 60)
        assert (usage.candidates_token_count, usage.thoughts_token_count) == (13, 7)


def _joined(chunks: list[genai_types.GenerateContentResponse]) -> list[tuple[Any, ...]]:
    """Texts as one, everything else as it is; what is empty is the end of a stream."""
    joined: list[tuple[Any, ...]] = []
    for chunk in chunks:
        assert chunk.candidates
        content = chunk.candidates[0].content
        for part in (content.parts if content else None) or []:
            call = part.function_call.model_dump() if part.function_call else None
            now = (part.thought, part.text, call, part.thought_signature)
            if now == (None, "", None, None):
                continue
            if joined and part.text and joined[-1][1] and joined[-1][0] == part.thought:
                now = (part.thought, joined[-1][1] + part.text, None, part.thought_signature)
                joined.pop()
            joined.append(now)
    return joined


def test_gemini_wants_its_signatures_back_where_they_were(gemini: genai.Client) -> None:
    answer = gemini.models.generate_content(model="calls", contents="hello")
    assert answer.candidates
    content = answer.candidates[0].content
    assert content
    assert content.parts
    text, first, second = content.parts
    assert first.thought_signature
    results = [
        genai_types.Part(
            function_response=genai_types.FunctionResponse(name="add", id=one, response={"output": 3})
        )
        for one in (None, "call_own")
    ]

    def go_on(*parts: genai_types.Part) -> str | None:
        said: Any = [
            genai_types.Content(role="user", parts=[genai_types.Part(text="hello")]),
            genai_types.Content(role="model", parts=list(parts)),
            genai_types.Content(role="user", parts=results),
        ]
        return gemini.models.generate_content(model="plain", contents=said).text

    assert go_on(text, first, second) == "one two three"
    bare = first.model_copy(update={"thought_signature": None})
    with pytest.raises(genai_errors.ClientError, match="missing a thought_signature"):
        go_on(text, bare, second)
    moved = second.model_copy(update={"thought_signature": first.thought_signature})
    with pytest.raises(genai_errors.ClientError, match="not valid"):
        go_on(text, first, moved)
    dummy = first.model_copy(update={"thought_signature": b"skip_thought_signature_validator"})
    with pytest.raises(genai_errors.ClientError, match=r"not valid|it was lost"):
        go_on(text, dummy, second)


@pytest.mark.parametrize("sits", ["text", "empty"])
def test_gemini_signs_text_and_empty_parts_too(sits: Any) -> None:
    behaviour = Behaviour(text="one two", reasoning=Reasoning(sits=sits, required=True))
    with SimulatedProvider.in_thread(Script(models={"m": behaviour})) as running:
        options = genai_types.HttpOptions(base_url=running.root_url)
        with genai.Client(api_key="k", http_options=options) as sdk:
            chat = sdk.chats.create(model="m")
            assert [chat.send_message("hello").text for _ in range(2)] == ["one two"] * 2
            streamed = [one.text or "" for one in chat.send_message_stream("and?")]
            assert "".join(streamed) == "one two"
            assert chat.send_message("and?").text == "one two"


def test_gemini_beside_it(gemini: genai.Client) -> None:
    vectors = gemini.models.embed_content(model="plain", contents=["one", "two"]).embeddings
    assert vectors
    assert len(vectors) == 2
    assert math.isclose(math.hypot(*(vectors[0].values or [])), 1.0, abs_tol=1e-6)
    assert gemini.models.count_tokens(model="plain", contents="one two").total_tokens == 5
    assert next(iter(gemini.models.list())).name == "models/plain"
    with pytest.raises(genai_errors.ClientError) as caught:
        gemini.models.generate_content(model="busy", contents="hello")
    assert caught.value.status == "RESOURCE_EXHAUSTED"
    (detail,) = caught.value.details["error"]["details"]
    assert detail["retryDelay"] == "7s"


@pytest.mark.parametrize("model", ALIKE)
def test_converse_whole_and_streamed(anew: ThreadedProvider, bedrock: Any, model: str) -> None:
    said = [{"role": "user", "content": [{"text": "hello"}]}]
    whole = bedrock.converse(modelId=model, messages=said)
    anew.play(SCRIPT)
    blocks: dict[int, str] = {}
    for event in bedrock.converse_stream(modelId=model, messages=said)["stream"]:
        delta = event.get("contentBlockDelta", {"delta": {}})
        found = delta["delta"]
        reasoning = found.get("reasoningContent", {})
        piece = found.get("text") or found.get("toolUse", {}).get("input") or reasoning.get("text")
        if piece or reasoning:
            blocks[delta["contentBlockIndex"]] = blocks.get(delta["contentBlockIndex"], "") + (piece or "")
        if "messageStop" in event:
            assert event["messageStop"]["stopReason"] == whole["stopReason"]
        if "metadata" in event:
            assert event["metadata"]["usage"] == whole["usage"]
    content = whole["output"]["message"]["content"]
    assert len(blocks) == len(content)
    for place, block in enumerate(content):
        if "text" in block:
            assert blocks[place] == block["text"]
        if "reasoningText" in block.get("reasoningContent", {}):
            assert blocks[place] == block["reasoningContent"]["reasoningText"]["text"]


def test_converse_wants_its_reasoning_back(bedrock: Any) -> None:
    tools = {"tools": [{"toolSpec": {"name": "add", "inputSchema": {"json": {"type": "object"}}}}]}
    said = [{"role": "user", "content": [{"text": "hello"}]}]
    answer = bedrock.converse(modelId="calls", messages=said, toolConfig=tools)["output"]["message"]
    results = [
        {"toolResult": {"toolUseId": one["toolUse"]["toolUseId"], "content": [{"text": "3"}]}}
        for one in answer["content"]
        if "toolUse" in one
    ]
    said += [answer, {"role": "user", "content": results}]
    assert bedrock.converse(modelId="plain", messages=said, toolConfig=tools)["stopReason"] == "end_turn"
    del answer["content"][0]
    with pytest.raises(bedrock.exceptions.ValidationException, match="it was lost"):
        bedrock.converse(modelId="plain", messages=said, toolConfig=tools)


def test_converse_fails_in_amazon_s_way(bedrock: Any) -> None:
    said = [{"role": "user", "content": [{"text": "hello"}]}]
    with pytest.raises(bedrock.exceptions.ThrottlingException):
        bedrock.converse(modelId="busy", messages=said)
    for model, error in (
        ("breaks", botocore.exceptions.EventStreamError),
        ("garbled", botocore.eventstream.ChecksumMismatch),
    ):
        stream = bedrock.converse_stream(modelId=model, messages=said)["stream"]
        with pytest.raises(error):
            list(stream)
        stream.close()


@pytest.mark.parametrize("model", ALIKE)
def test_cohere_whole_and_streamed(anew: ThreadedProvider, chats: cohere.ClientV2, model: str) -> None:
    whole = chats.chat(model=model, messages=HELLO)
    anew.play(SCRIPT)
    text, thought, plan, arguments = "", "", "", ""
    finished: Any = None
    for event in chats.chat_stream(model=model, messages=HELLO):
        if event.type == "content-delta":
            content: Any = event.delta and event.delta.message and event.delta.message.content
            text, thought = text + (content.text or ""), thought + (content.thinking or "")
        elif event.type == "tool-plan-delta":
            found: Any = event.delta and event.delta.message
            plan += found.tool_plan
        elif event.type == "tool-call-delta":
            call: Any = event.delta
            arguments += call.message.tool_calls.function.arguments
        elif event.type == "message-end":
            finished = event.delta
    message: Any = whole.message
    assert text == "".join(one.text for one in message.content or [] if one.type == "text")
    assert thought == "".join(one.thinking for one in message.content or [] if one.type == "thinking")
    assert plan == (message.tool_plan or "")
    assert arguments == "".join(one.function.arguments for one in message.tool_calls or [])
    assert finished.finish_reason == whole.finish_reason
    assert finished.usage == whole.usage


def test_cohere_beside_it(chats: cohere.ClientV2) -> None:
    found: Any = chats.embed(
        model="plain", texts=["one", "two"], input_type="search_query", embedding_types=["float", "int8"]
    )
    assert [len(found.embeddings.float_), len(found.embeddings.int8)] == [2, 2]
    with pytest.raises(cohere.errors.TooManyRequestsError):
        chats.chat(model="busy", messages=HELLO, request_options={"max_retries": 0})
