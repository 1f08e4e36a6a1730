"""Two accounts with one provider's API: reasoning state finds back to the one that made it, and is dropped with a word
elsewhere, in the middle of a tool loop of the official SDKs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import anthropic
import openai
import pytest
from cases import FIRST, SUM, WEATHER, WEATHER_SCHEMA, WEATHER_TEXT
from google import genai
from google.genai import types
from msgspec.structs import replace
from running_endpoint import LIMIT, RunningEndpoint, until
from six_dialects import BERN, SPOKEN, SUMS_UP, ZURICH

from freehold.ledger.filters import Filter
from freehold.ledger.reading import Entry
from freehold.providers.simulated import (
    Behaviour,
    Reasoning,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
    ToolCall,
)

CALLS = Behaviour(
    reasoning=Reasoning(text="Two cities, two calls.", required=True),
    tool_calls=(ToolCall(WEATHER, ZURICH), ToolCall(WEATHER, BERN)),
)
BUSY = Behaviour(faults=(Refused(status=429, message="Slow down."),))
ILL = Behaviour(faults=(Refused(status=503, message="I feel ill."),))
MODELS: dict[str, Behaviour | tuple[Behaviour, ...]] = {
    "agent": (CALLS, SUMS_UP) * 4,
    "easy": replace(CALLS, reasoning=Reasoning(text="Two cities, two calls.")),
    "other": SUMS_UP,
    "busy": BUSY,
    "recovers": (BUSY, SUMS_UP),
    "dies": (CALLS, ILL),
}
DIALECTS = ("messages", "responses", "gemini")
SCRIPT = Script(
    models={SPOKEN[one].family + name: behaves for one in DIALECTS for name, behaves in MODELS.items()}
)
QUESTION = "Where is it warmer?"


def configuration(root: str) -> str:
    lines = ["[local]", "enabled = false", "[ledger]", "flush_ms = 10"]
    for name in DIALECTS:
        spoken = SPOKEN[name]
        # Three names for two accounts.
        for account, key in (("one", "ONE"), ("two", "TWO"), ("again", "ONE")):
            lines += [
                f"[providers.{name}-{account}]",
                f'base_url = "{root}{spoken.path}"',
                f'dialects = ["{spoken.dialect}"]',
                f'api_key = "env:{key}"',
                f'auth = "{spoken.auth}"',
            ]
            if name == "messages":
                lines.append('headers = { anthropic-version = "2023-06-01" }')
        for route, first, then in (("stays", "busy", "agent"), ("moves", "recovers", "dies")):
            lines += [
                f"[routes.{name}-{route}]",
                f'incumbent = "{name}-one/{spoken.family}{first}"',
                f'fallbacks = ["{name}-two/{spoken.family}{then}"]',
            ]
    return "\n".join(lines)


class Sdk(Protocol):
    """A tool loop in one SDK: what was said goes back as it came, as the SDK's documentation has it."""

    def call(self, model: str, *, streamed: bool) -> tuple[Any, list[str]]:
        """Asks what makes the model call; the conversation up to its results, and the state in it."""

    def go_on(self, model: str, said: Any, *, streamed: bool) -> str:
        """The words of the answer to the results."""

    def close(self) -> None:
        """Its connections are closed."""


class Messages:
    def __init__(self, endpoint: RunningEndpoint) -> None:
        self._sdk = anthropic.Anthropic(
            base_url=endpoint.url, api_key=endpoint.key, max_retries=0, timeout=LIMIT
        )

    def close(self) -> None:
        self._sdk.close()

    def _ask(self, model: str, said: Any, *, streamed: bool) -> Any:
        more: Any = {
            "model": model,
            "messages": said,
            "max_tokens": 4096,
            "thinking": {"type": "enabled", "budget_tokens": 2048},
            "tools": [{"name": WEATHER, "description": WEATHER_TEXT, "input_schema": WEATHER_SCHEMA}],
        }
        if not streamed:
            return self._sdk.messages.create(**more)
        with self._sdk.messages.stream(**more) as stream:
            return stream.get_final_message()

    def call(self, model: str, *, streamed: bool) -> tuple[Any, list[str]]:
        said: list[Any] = [{"role": "user", "content": QUESTION}]
        answer = self._ask(model, said, streamed=streamed)
        results = [
            {"type": "tool_result", "tool_use_id": one.id, "content": "21"}
            for one in answer.content
            if one.type == "tool_use"
        ]
        said += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
        return said, [one.signature for one in answer.content if one.type == "thinking"]

    def go_on(self, model: str, said: Any, *, streamed: bool) -> str:
        answer = self._ask(model, said, streamed=streamed)
        return "".join(one.text for one in answer.content if one.type == "text")


class Responses:
    def __init__(self, endpoint: RunningEndpoint, *, kept: bool) -> None:
        self._sdk = openai.OpenAI(
            base_url=f"{endpoint.url}/v1", api_key=endpoint.key, max_retries=0, timeout=LIMIT
        )
        self._kept = kept

    def close(self) -> None:
        self._sdk.close()

    def _ask(self, model: str, *, streamed: bool, **more: Any) -> Any:
        more |= {
            "model": model,
            "reasoning": {"effort": "low"},
            "tools": [
                {
                    "type": "function",
                    "name": WEATHER,
                    "description": WEATHER_TEXT,
                    "parameters": WEATHER_SCHEMA,
                }
            ],
            "include": ["reasoning.encrypted_content"],
            "store": self._kept,
        }
        if not streamed:
            return self._sdk.responses.create(**more)
        with self._sdk.responses.stream(**more) as stream:
            for _ in stream:
                pass
            return stream.get_final_response()

    def call(self, model: str, *, streamed: bool) -> tuple[Any, list[str]]:
        said: list[Any] = [{"role": "user", "content": QUESTION}]
        answer = self._ask(model, input=said, streamed=streamed)
        results = [
            {"type": "function_call_output", "call_id": one.call_id, "output": "21"}
            for one in answer.output
            if one.type == "function_call"
        ]
        states = [one.encrypted_content for one in answer.output if one.type == "reasoning"]
        if self._kept:
            return {"input": results, "previous_response_id": answer.id}, states
        return {"input": [*said, *answer.output, *results]}, states

    def go_on(self, model: str, said: Any, *, streamed: bool) -> str:
        text: str = self._ask(model, **said, streamed=streamed).output_text
        return text


class Gemini:
    def __init__(self, endpoint: RunningEndpoint) -> None:
        options = types.HttpOptions(base_url=endpoint.url, timeout=int(LIMIT * 1000))
        self._sdk = genai.Client(api_key=endpoint.key, http_options=options)

    def close(self) -> None:
        self._sdk.close()

    def _ask(self, model: str, said: Any, *, streamed: bool) -> list[types.Part]:
        declared: Any = {"name": WEATHER, "parameters_json_schema": WEATHER_SCHEMA}
        config = types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=[types.FunctionDeclaration(**declared)])],
            thinking_config=types.ThinkingConfig(include_thoughts=True),
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        ask = self._sdk.models.generate_content_stream if streamed else self._sdk.models.generate_content
        answer: Any = ask(model=model, contents=said, config=config)
        contents = [one.candidates[0].content for one in (answer if streamed else [answer])]
        return [part for content in contents if content for part in content.parts or []]

    def call(self, model: str, *, streamed: bool) -> tuple[Any, list[str]]:
        question = types.Content(role="user", parts=[types.Part(text=QUESTION)])
        parts = self._ask(model, [question], streamed=streamed)
        results = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=part.function_call.id, name=WEATHER, response={"output": "21"}
                )
            )
            for part in parts
            if part.function_call
        ]
        turns = [types.Content(role="model", parts=parts), types.Content(role="user", parts=results)]
        states = [part.model_dump(mode="json")["thought_signature"] for part in parts]
        return [question, *turns], [one for one in states if one]

    def go_on(self, model: str, said: Any, *, streamed: bool) -> str:
        return "".join(part.text or "" for part in self._ask(model, said, streamed=streamed))


class Stage:
    """The endpoint in front of the accounts."""

    def __init__(self, endpoint: RunningEndpoint, simulated: ThreadedProvider) -> None:
        self.endpoint = endpoint
        self.simulated = simulated
        self.sdks: dict[str, Sdk] = {
            "messages": Messages(endpoint),
            "responses": Responses(endpoint, kept=False),
            "responses, kept": Responses(endpoint, kept=True),
            "gemini": Gemini(endpoint),
        }

    def begin(self) -> None:
        self.simulated.play(SCRIPT)
        self.simulated.forget()
        self._before = len(self._entries())

    def _entries(self) -> list[Entry]:
        return self.endpoint.ledger.calls(Filter(), limit=10_000)

    def calls(self, number: int) -> list[Entry]:
        """The calls of this test, in their order, once so many are on record."""
        found = until(lambda: entries if len(entries := self._entries()) >= self._before + number else None)
        assert len(found) == self._before + number
        return found[:number][::-1]

    def states_sent(self) -> int:
        """How many states the provider has seen in the last request."""
        last = self.simulated.requests[-1].understood()
        assert last is not None
        found: int = last.get("reasoning_states", 0)
        return found


@pytest.fixture(scope="module", name="running")
def running_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("endpoint")
    environment = {"ONE": "sk-of-the-first-account", "TWO": "sk-of-the-second-account"}
    with (
        SimulatedProvider.in_thread(SCRIPT) as simulated,
        RunningEndpoint(
            folder, configuration(f"http://127.0.0.1:{simulated.port}"), environment=environment
        ) as endpoint,
    ):
        stage = Stage(endpoint, simulated)
        yield stage
        for sdk in stage.sdks.values():
            sdk.close()


@pytest.fixture(name="stage")
def stage_fixture(running: Stage) -> Stage:
    running.begin()
    return running


every_sdk = pytest.mark.parametrize("sdk", ["messages", "responses", "responses, kept", "gemini"])
either_way = pytest.mark.parametrize("streamed", [False, True])


def model_of(sdk: str, account: str, name: str = "agent") -> str:
    dialect = sdk.partition(",")[0]
    return f"{dialect}-{account}/{SPOKEN[dialect].family}{name}"


@every_sdk
@either_way
@pytest.mark.parametrize("then", ["one", "again"])
def test_state_goes_back_to_the_account_that_made_it(
    stage: Stage, sdk: str, streamed: bool, then: str
) -> None:
    loop = stage.sdks[sdk]
    said, states = loop.call(model_of(sdk, "one"), streamed=streamed)
    assert states
    assert all(one.startswith("freehold") for one in states)
    # The provider demands its own state back, and refuses any other.
    assert loop.go_on(model_of(sdk, then), said, streamed=streamed) == SUM
    assert stage.states_sent() == 1
    assert [entry.call.losses for entry in stage.calls(2)] == [(), ()]


@every_sdk
@either_way
def test_another_account_answers_without_the_state_and_that_is_declared(
    stage: Stage, sdk: str, streamed: bool
) -> None:
    loop = stage.sdks[sdk]
    said, _ = loop.call(model_of(sdk, "one"), streamed=streamed)
    assert loop.go_on(model_of(sdk, "two"), said, streamed=streamed) == SUM
    assert stage.states_sent() == 0
    first, second = (entry.call for entry in stage.calls(2))
    assert first.losses == ()
    assert "reasoning.state" in second.losses
    assert [one.provider for one in second.attempts] == [model_of(sdk, "two").partition("/")[0]]


@either_way
def test_thinking_is_not_shown_to_another_model_of_the_same_account(stage: Stage, streamed: bool) -> None:
    # Anthropic's signatures are refused by any model but the one that made them.
    loop = stage.sdks["messages"]
    said, _ = loop.call(model_of("messages", "one", "easy"), streamed=streamed)
    assert loop.go_on(model_of("messages", "one", "other"), said, streamed=streamed) == SUM
    assert stage.states_sent() == 0
    assert "reasoning.state" in stage.calls(2)[1].call.losses


@every_sdk
@either_way
def test_a_conversation_stays_with_the_model_that_can_read_its_state(
    stage: Stage, sdk: str, streamed: bool
) -> None:
    loop = stage.sdks[sdk]
    dialect = sdk.partition(",")[0]
    said, _ = loop.call(f"{dialect}-stays", streamed=streamed)
    assert loop.go_on(f"{dialect}-stays", said, streamed=streamed) == SUM
    assert stage.states_sent() == 1
    tried = [[(one.provider, one.reason) for one in entry.call.attempts] for entry in stage.calls(2)]
    assert tried == [
        [(f"{dialect}-one", "incumbent"), (f"{dialect}-two", "fallback")],
        [(f"{dialect}-two", "state")],
    ]
    assert stage.calls(2)[1].call.losses == ()


@every_sdk
@either_way
def test_it_moves_when_that_model_fails(stage: Stage, sdk: str, streamed: bool) -> None:
    loop = stage.sdks[sdk]
    dialect = sdk.partition(",")[0]
    said, _ = loop.call(f"{dialect}-moves", streamed=streamed)
    assert loop.go_on(f"{dialect}-moves", said, streamed=streamed) == SUM
    second = stage.calls(2)[1].call
    assert [(one.provider, one.outcome, one.reason) for one in second.attempts] == [
        (f"{dialect}-two", "refused", "state"),
        (f"{dialect}-one", "answered", "incumbent"),
    ]
    assert "reasoning.state" in second.losses
    assert stage.states_sent() == 0


def test_what_is_not_sealed_still_works(stage: Stage) -> None:
    """A conversation from before state was sealed, or one that began at the provider itself."""
    root = f"http://127.0.0.1:{stage.simulated.port}"
    model = f"{SPOKEN['messages'].family}agent"
    more: Any = {
        "max_tokens": 4096,
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "tools": [{"name": WEATHER, "description": WEATHER_TEXT, "input_schema": WEATHER_SCHEMA}],
    }
    with anthropic.Anthropic(base_url=root, api_key="sk-of-the-first-account", timeout=LIMIT) as direct:
        said: list[Any] = [{"role": "user", "content": QUESTION}]
        answer: Any = direct.messages.create(model=model, messages=said, **more)
    calls = [one for one in answer.content if one.type == "tool_use"]
    assert json.loads(json.dumps(calls[0].input)) == FIRST
    results = [{"type": "tool_result", "tool_use_id": one.id, "content": "21"} for one in calls]
    said += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    loop = stage.sdks["messages"]
    assert loop.go_on(f"messages-one/{model}", said, streamed=False) == SUM
    assert stage.states_sent() == 1
    assert stage.calls(1)[0].call.losses == ()
