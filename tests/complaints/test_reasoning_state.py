"""B1.5: the signed or encrypted state of a model's reasoning is stripped, misplaced or sent to the wrong account."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import anthropic
import msgspec
import pytest
from anthropic.types import Message
from rehearsing import rehearsing
from running_endpoint import LIMIT, RunningEndpoint
from told_provider import ToldProvider, data_events

from freehold.providers.simulated import Behaviour, Reasoning, Script, ThreadedProvider, ToolCall

CLAUDE, GPT, GEMINI = "claude-sonnet-4-5-agent", "gpt-5-agent", "gemini-3-agent"
"""Their names say what the models take."""
TOOL = "look_up"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CALLS = (ToolCall(TOOL, '{"city": "Bern"}'),)
BARE = Behaviour(reasoning=Reasoning(required=True), tool_calls=CALLS)
"""Nothing is shown of what it thought; and it refuses to go on without its state."""
ENDS = Behaviour(text="It is 19.")
SCRIPT = Script(
    models={
        CLAUDE: (BARE, ENDS) * 6,
        f"anthropic.{CLAUDE}": (BARE, ENDS) * 6,
        GPT: (Behaviour(reasoning=Reasoning(summary=("Look.",), required=True), tool_calls=CALLS), ENDS) * 30,
    }
)
TOML = """
[local]
enabled = false
[providers.messages]
base_url = "URL"
dialects = ["anthropic-messages"]
auth = "x-api-key"
api_key = "env:ONE"
[providers.converse]
base_url = "ROOT"
dialects = ["bedrock-converse"]
api_key = "env:ONE"
[providers.first]
base_url = "URL"
dialects = ["openai-responses"]
api_key = "env:ONE"
[providers.second]
base_url = "URL"
dialects = ["openai-responses"]
api_key = "env:TWO"
[pools.both]
providers = ["first", "second"]
"""
KEYS = {"ONE": "sk-of-the-first-account", "TWO": "sk-of-the-second-account"}
either_way = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def told() -> Iterator[ToldProvider]:
    with ToldProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, told: ToldProvider
) -> Iterator[tuple[RunningEndpoint, ThreadedProvider]]:
    toml = f'{TOML}[providers.told]\nbase_url = "{told.url}/v1beta"\ndialects = ["gemini"]\n'
    with rehearsing(tmp_path_factory.mktemp("endpoint"), SCRIPT, toml, environment=KEYS) as stage:
        yield stage


@pytest.fixture
def provider(running: tuple[RunningEndpoint, ThreadedProvider]) -> ThreadedProvider:
    running[1].play(SCRIPT)
    running[1].forget()
    return running[1]


@pytest.fixture
def endpoint(
    provider: ThreadedProvider, running: tuple[RunningEndpoint, ThreadedProvider]
) -> RunningEndpoint:
    assert running[1] is provider, "which begins anew for each test"
    return running[0]


def ask(endpoint: RunningEndpoint, model: str, messages: list[Any], *, streamed: bool) -> Message:
    """Anthropic's SDK with thinking and a tool."""
    fields: Any = {
        "model": model,
        "messages": messages,
        "max_tokens": 4096,
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "tools": [{"name": TOOL, "input_schema": SCHEMA}],
    }
    with anthropic.Anthropic(
        base_url=endpoint.url, api_key=endpoint.key, max_retries=0, timeout=LIMIT
    ) as sdk:
        if not streamed:
            whole: Message = sdk.messages.create(**fields)
            return whole
        with sdk.messages.stream(**fields) as stream:
            return stream.get_final_message()


def with_results(messages: list[Any], answer: Message) -> list[Any]:
    """The conversation with the answer as it came, as the SDK's documentation has it, and what its calls gave."""
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "19"}
        for block in answer.content
        if block.type == "tool_use"
    ]
    assert results
    return [*messages, {"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]


@either_way
@pytest.mark.parametrize("model", [f"messages/{CLAUDE}", f"converse/anthropic.{CLAUDE}"])
def test_thinking_that_is_nothing_but_a_signature_comes_back(
    model: str, endpoint: RunningEndpoint, provider: ThreadedProvider, *, streamed: bool
) -> None:
    """https://github.com/BerriAI/litellm/issues/41361: blocks with a signature and an empty text, which newer
    models send unless told otherwise, were taken for empty and stripped from the next request, on every path to
    Claude; the same in other stacks: https://github.com/strands-agents/harness-sdk/pull/2704,
    https://github.com/langgenius/dify/issues/41092.
    """
    said: list[Any] = [{"role": "user", "content": "How warm is it?"}]
    first = ask(endpoint, model, said, streamed=streamed)
    (thinking,) = [block for block in first.content if block.type == "thinking"]
    assert thinking.thinking == ""
    assert thinking.signature
    second = ask(endpoint, model, with_results(said, first), streamed=streamed)
    assert [block.text for block in second.content if block.type == "text"] == ["It is 19."]
    understood = provider.requests[-1].understood()
    assert understood is not None
    assert understood["reasoning_states"] == 1


THOUGHT = {"thought": True, "text": "I need to look it up.", "thoughtSignature": "RXJjTkNyUU4="}
CALL = {"functionCall": {"name": TOOL, "args": {"city": "Bern"}}}


@either_way
@pytest.mark.parametrize("placed", ["on the thought", "on the call"])
def test_a_signature_goes_back_to_where_it_was(
    placed: str, endpoint: RunningEndpoint, told: ToldProvider, *, streamed: bool
) -> None:
    """https://github.com/BerriAI/litellm/issues/25322: Gemini's signature was looked for on the call alone; where
    it was on the thought before it, it was lost, and the model fell into babbling after some turns.
    """
    parts: list[dict[str, Any]] = [THOUGHT, CALL]
    if placed == "on the call":
        parts = [{**THOUGHT}, {**CALL, "thoughtSignature": THOUGHT["thoughtSignature"]}]
        del parts[0]["thoughtSignature"]
    told.tell(answer_of(parts, streamed=streamed), answer_of([{"text": "It is 19."}], streamed=streamed))
    said: list[Any] = [{"role": "user", "content": "How warm is it?"}]
    first = ask(endpoint, f"told/{GEMINI}", said, streamed=streamed)
    ask(endpoint, f"told/{GEMINI}", with_results(said, first), streamed=streamed)
    turn = told.asked[1]["contents"][1]
    assert turn["role"] == "model"
    (call,) = [part for part in turn["parts"] if "functionCall" in part]
    signed = [part for part in turn["parts"] if "thoughtSignature" in part]
    assert [part["thoughtSignature"] for part in signed] == [THOUGHT["thoughtSignature"]], "once"
    assert (signed[0] is call) == (placed == "on the call")


def answer_of(parts: list[dict[str, Any]], *, streamed: bool) -> bytes:
    """Gemini's answer with these parts; a stream has each in an event of its own."""
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 5, "totalTokenCount": 10}
    pieces = [[part] for part in parts] if streamed else [parts]
    events = [
        {
            "candidates": [
                {
                    "content": {"role": "model", "parts": piece},
                    **({"finishReason": "STOP"} if number == len(pieces) else {}),
                }
            ],
            "usageMetadata": usage,
            "modelVersion": GEMINI,
        }
        for number, piece in enumerate(pieces, 1)
    ]
    return data_events(*events) if streamed else msgspec.json.encode(events[0])


@either_way
def test_encrypted_reasoning_finds_its_account_behind_a_pool(
    endpoint: RunningEndpoint, provider: ThreadedProvider, *, streamed: bool
) -> None:
    """https://docs.litellm.ai/blog/responses-api-encrypted-content-incident: load was spread over organisations,
    and each refused the encrypted reasoning of the other's models.
    """
    began: Counter[str] = Counter()
    with endpoint.sdk() as sdk:
        create: Any = sdk.responses.create
        fields: dict[str, Any] = {
            "model": f"both/{GPT}",
            "include": ["reasoning.encrypted_content"],
            "store": False,
            "tools": [{"type": "function", "name": TOOL, "parameters": SCHEMA, "strict": True}],
        }
        while (len(began) < 2 or began.total() < 6) and began.total() < 30:
            said: list[Any] = [{"role": "user", "content": f"How warm is it in {began.total()}?"}]
            first = finished(create(input=said, stream=streamed, **fields), streamed=streamed)
            began[account_of(provider)] += 1
            output = [one.model_dump(exclude_none=True) for one in first.output]
            (call,) = [one for one in output if one["type"] == "function_call"]
            assert json.loads(call["arguments"]) == {"city": "Bern"}
            result = {"type": "function_call_output", "call_id": call["call_id"], "output": "19"}
            account = account_of(provider)
            second = finished(
                create(input=[*said, *output, result], stream=streamed, **fields), streamed=streamed
            )
            assert second.output_text == "It is 19."
            assert account_of(provider) == account
            understood = provider.requests[-1].understood()
            assert understood is not None
            assert understood["reasoning_states"] == 1
    assert len(began) == 2, "the load was spread"
    assert all(request.status == 200 for request in provider.requests)


def finished(answer: Any, *, streamed: bool) -> Any:
    """The whole response."""
    if not streamed:
        return answer
    *_, last = answer
    assert last.type == "response.completed"
    return last.response


def account_of(provider: ThreadedProvider) -> str:
    """Whose key the last request came with."""
    return dict(provider.requests[-1].headers)["authorization"]
