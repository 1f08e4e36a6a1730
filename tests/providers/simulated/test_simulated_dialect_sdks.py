"""The official SDKs against the simulated dialects: whole and streamed say the same, and state has to come back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

import anthropic
import botocore.eventstream
import botocore.session
import cohere
import httpx
import openai
import pytest
from botocore.config import Config
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

from freehold.providers.simulated import (
    Behaviour,
    Citation,
    ErrorEvent,
    Malformed,
    Reasoning,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
    ToolCall,
    UsageNumbers,
)

CALLS = (ToolCall("add", '{"a": 1}'), ToolCall("add", '{"a": 2}', id="call_own"))
THOUGHT = Reasoning(text="Let me see.", required=True)
SCRIPT = Script(
    seed=3,
    key="sk-right",
    models={
        "plain": Behaviour(text="one two three"),
        "thinks": Behaviour(text="one two", reasoning=THOUGHT),
        "sums": Behaviour(text="one two", reasoning=Reasoning(summary=("First part.", "Second part."))),
        "silent": Behaviour(text="one two", reasoning=Reasoning()),
        "hides": Behaviour(text="one two", reasoning=Reasoning(text="secret", state="redacted")),
        "calls": Behaviour(text="Wait.", reasoning=THOUGHT, tool_calls=CALLS),
        "cites": Behaviour(
            text="It rains. Yes.",
            citations=(Citation(url="https://a.example", title="A", quote="rain", end=9),),
        ),
        "declines": Behaviour(refusal="I will not."),
        "counts": Behaviour(
            text="a b",
            usage=UsageNumbers(
                input_tokens=100,
                output_tokens=20,
                cache_read_tokens=60,
                cache_write_tokens=30,
                reasoning_tokens=7,
            ),
        ),
        "busy": Behaviour(faults=(Refused(status=429, retry_after="7"),)),
        "breaks": Behaviour(faults=(ErrorEvent(after=3),)),
        "garbled": Behaviour(faults=(Malformed(after=2),)),
    },
)
ALIKE = [name for name in SCRIPT.models if name not in ("busy", "breaks", "garbled")]
HELLO: Any = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture
def anew(provider: ThreadedProvider) -> ThreadedProvider:
    provider.play(SCRIPT)
    return provider


@pytest.fixture
def responses(anew: ThreadedProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=anew.base_url, api_key="sk-right", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def messages(anew: ThreadedProvider) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=anew.root_url, api_key="sk-right", max_retries=0) as sdk:
        yield sdk


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
def test_responses_whole_and_streamed(anew: ThreadedProvider, responses: openai.OpenAI, model: str) -> None:
    wanted: Any = {
        "model": model,
        "input": "hello",
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    whole = responses.responses.create(**wanted).to_dict()
    anew.play(SCRIPT)
    with responses.responses.stream(**wanted) as stream:
        numbers = [event.sequence_number for event in stream]
        streamed = stream.get_final_response().to_dict()
    assert numbers == sorted(set(numbers))
    for item in cast("list[Any]", streamed["output"]):
        item.pop("parsed_arguments", None)
        for part in item.get("content") or []:
            part.pop("parsed", None)
    assert streamed == whole


def test_responses_want_their_reasoning_back(responses: openai.OpenAI) -> None:
    include: Any = ["reasoning.encrypted_content"]
    answer = responses.responses.create(model="calls", input="hello", include=include, store=False)
    said: Any = [{"role": "user", "content": "hello"}, *(one.to_dict() for one in answer.output)]
    said += [
        {"type": "function_call_output", "call_id": one.call_id, "output": "3"}
        for one in answer.output
        if one.type == "function_call"
    ]
    assert responses.responses.create(model="plain", input=said, store=False).output_text == "one two three"
    without: Any = [one for one in said if one.get("type") != "reasoning"]
    with pytest.raises(openai.BadRequestError, match="required 'reasoning' item"):
        responses.responses.create(model="plain", input=without, store=False)
    with pytest.raises(openai.BadRequestError, match="it was lost"):
        stripped: Any = [{key: value for key, value in one.items() if key != "id"} for one in without]
        responses.responses.create(model="plain", input=stripped, store=False)
    said[1] = {**said[1], "encrypted_content": "gAAAsomebodyelse"}
    with pytest.raises(openai.BadRequestError, match="could not be verified") as caught:
        responses.responses.create(model="plain", input=said, store=False)
    assert caught.value.code == "invalid_encrypted_content"


def test_responses_go_on_from_a_stored_one(anew: ThreadedProvider, responses: openai.OpenAI) -> None:
    first = responses.responses.create(model="plain", input="My name is Ada.", instructions="Be brief.")
    responses.responses.create(model="plain", input="And?", previous_response_id=first.id)
    understood = anew.requests[-1].understood()
    assert understood is not None
    assert [turn["parts"] for turn in understood["turns"]] == [
        [{"text": "My name is Ada."}],
        [{"text": "one two three"}],
        [{"text": "And?"}],
    ]
    with pytest.raises(openai.BadRequestError) as caught:
        responses.responses.create(model="plain", input="And?", previous_response_id="resp_unknown")
    assert caught.value.code == "previous_response_not_found"


@pytest.mark.parametrize("model", ALIKE)
def test_messages_whole_and_streamed(
    anew: ThreadedProvider, messages: anthropic.Anthropic, model: str
) -> None:
    whole = messages.messages.create(model=model, max_tokens=100, messages=HELLO)
    anew.play(SCRIPT)
    with messages.messages.stream(model=model, max_tokens=100, messages=HELLO) as stream:
        streamed = stream.get_final_message()
    assert streamed.to_dict() == whole.to_dict()
    if model == "counts":
        usage = whole.usage
        found = (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
        assert found == (10, 60, 30)


def test_messages_want_their_thoughts_back(messages: anthropic.Anthropic) -> None:
    tools: Any = [{"name": "add", "input_schema": {"type": "object"}}]
    answer = messages.messages.create(model="calls", max_tokens=2000, messages=HELLO, tools=tools)
    content: list[Any] = [one.to_dict() for one in answer.content]
    results = [
        {"type": "tool_result", "tool_use_id": one.id, "content": "3"}
        for one in answer.content
        if one.type == "tool_use"
    ]
    assert len(results) == 2

    def go_on(content: list[Any], **more: Any) -> Any:
        said: Any = [*HELLO, {"role": "assistant", "content": content}, {"role": "user", "content": results}]
        return messages.messages.create(model="plain", max_tokens=2000, messages=said, tools=tools, **more)

    assert go_on(content).stop_reason == "end_turn"
    with pytest.raises(anthropic.BadRequestError, match="it was lost"):
        go_on(content[1:])
    with pytest.raises(anthropic.BadRequestError, match="Expected `thinking`"):
        go_on(content[1:], thinking={"type": "enabled", "budget_tokens": 1024})
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        go_on([{**content[0], "thinking": "Something else."}, *content[1:]])


def test_messages_beside_them(messages: anthropic.Anthropic, anew: ThreadedProvider) -> None:
    assert messages.messages.count_tokens(model="plain", messages=HELLO).input_tokens == 4
    assert [one.id for one in messages.models.list()] == list(SCRIPT.models)
    assert messages.models.retrieve("plain").display_name == "plain"
    with pytest.raises(anthropic.RateLimitError) as caught:
        messages.messages.create(model="busy", max_tokens=10, messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "7"
    with (
        pytest.raises(anthropic.APIStatusError, match="api_error"),
        messages.messages.stream(model="breaks", max_tokens=10, messages=HELLO) as stream,
    ):
        stream.get_final_message()
    with (
        anthropic.Anthropic(base_url=anew.root_url, api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError),
    ):
        stranger.models.list()


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
    """Texts as one, everything else as it is."""
    joined: list[tuple[Any, ...]] = []
    for chunk in chunks:
        assert chunk.candidates
        content = chunk.candidates[0].content
        for part in (content.parts if content else None) or []:
            call = part.function_call.model_dump() if part.function_call else None
            now = (part.thought, part.text, call, part.thought_signature)
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
