"""The endpoint in front of one simulated provider that is asked in every dialect, and what its models do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct
from running_endpoint import RunningEndpoint

from freehold.providers.simulated import (
    Behaviour,
    Cut,
    Describe,
    Echo,
    ErrorEvent,
    Lorem,
    Reasoning,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
    ToolCall,
    UsageNumbers,
)

PROVIDER_KEY = "sk-the-provider-s-own-key"

ZURICH = '{"city":"Zürich","days":2}'
BERN = '{"city":"Bern","days":1}'

CALLS = Behaviour(
    reasoning=Reasoning(text="Two cities, two calls."),
    tool_calls=(ToolCall("weather", ZURICH), ToolCall("weather", BERN, pieces=5)),
)
SUMS_UP = Behaviour(text="Zürich 21, Bern 19.")

MODELS: dict[str, Behaviour | tuple[Behaviour, ...]] = {
    "parrot": Behaviour(text=Echo()),
    "mirror": Behaviour(text=Describe()),
    "thinker": Behaviour(reasoning=Reasoning(text="Two and two are four."), text="It is 4."),
    "caller": CALLS,
    "agent": (CALLS, SUMS_UP) * 10,
    "former": Behaviour(),
    "talker": Behaviour(text=Lorem(tokens=200)),
    "counter": Behaviour(
        text="one two",
        reasoning=Reasoning(text="Counting."),
        usage=UsageNumbers(input_tokens=100, output_tokens=20, cache_read_tokens=60, reasoning_tokens=7),
    ),
    "busy": Behaviour(faults=(Refused(status=429, message="Slow down.", retry_after="7"),)),
    "ill": Behaviour(faults=(Refused(status=500, message="I feel ill."),)),
    "full": Behaviour(faults=(Refused(status=503, message="No room."),)),
    "picky": Behaviour(faults=(Refused(status=400, message="Too hot for me."),)),
    "locked": Behaviour(faults=(Refused(status=401, message="Who are you?"),)),
    "breaks": Behaviour(text=Lorem(tokens=50), faults=(ErrorEvent(after=6, message="Out of breath."),)),
    "cut": Behaviour(text=Lorem(tokens=50), faults=(Cut(after=6),)),
    "slow": Behaviour(text=Lorem(tokens=20), tokens_per_s=40.0),
    "endless": Behaviour(text=Lorem(tokens=20_000), tokens_per_s=50.0),
    "asleep": Behaviour(headers_s=60.0),
}
"""`missing` is among the routes and not among the models: the provider answers 404."""


class Spoken(Struct, frozen=True):
    """How the provider is reached in one dialect."""

    dialect: str
    path: str
    family: str
    """How its models' names begin: they say what the models take. No two providers share one."""
    auth: str = "bearer"
    hosting: str | None = None
    """Which cloud hosts the dialect in a form of its own."""
    keeps_state: bool = True
    """Its reasoning comes with a state that it wants back."""


SPOKEN = {
    "chat": Spoken("openai-chat", "/v1", "gpt-5.1-", keeps_state=False),
    "responses": Spoken("openai-responses", "/v1", "gpt-5-"),
    "messages": Spoken("anthropic-messages", "/v1", "claude-sonnet-4-5-", auth="x-api-key"),
    "invoked": Spoken("anthropic-messages", "", "anthropic.claude-haiku-4-5-", auth="aws", hosting="bedrock"),
    "predicted": Spoken(
        "anthropic-messages",
        "/v1/projects/acme/locations/europe-west1/publishers/anthropic",
        "claude-haiku-4-5@",
        hosting="vertex",
    ),
    "gemini": Spoken("gemini", "/v1beta", "gemini-3-", auth="x-goog-api-key"),
    "bedrock": Spoken("bedrock-converse", "", "anthropic.claude-sonnet-4-5-"),
    "cohere": Spoken("cohere", "/v2", "command-a-", keeps_state=False),
}
"""By provider: each dialect, and Anthropic's as Amazon and Google host it too. Routes are called `gemini-parrot`: the
provider's name and the model's."""

PROVIDER_SECRET = "the-secret-that-signs-for-the-provider-s-own-key"

SECRETS = {"PROVIDER_KEY": PROVIDER_KEY, "PROVIDER_SECRET": PROVIDER_SECRET}

SCRIPT = Script(
    key=PROVIDER_KEY,
    aws_secret=PROVIDER_SECRET,
    models={
        spoken.family + name: behaviour for spoken in SPOKEN.values() for name, behaviour in MODELS.items()
    },
)

every_dialect = pytest.mark.parametrize("provider", SPOKEN)


def configuration(root: str) -> str:
    """The `freehold.toml` in front of a simulated provider at `root`."""
    lines = ["[local]", "enabled = false", "[ledger]", "flush_ms = 10"]
    for name, spoken in SPOKEN.items():
        lines += [
            f"[providers.{name}]",
            f'base_url = "{root}{spoken.path}"',
            f'dialects = ["{spoken.dialect}"]',
            f'auth = "{spoken.auth}"',
        ]
        if spoken.auth == "aws":
            lines += ['api_key = "env:PROVIDER_SECRET"', 'access_key_id = "env:PROVIDER_KEY"']
            lines.append('region = "us-east-1"')
        else:
            lines.append('api_key = "env:PROVIDER_KEY"')
        if spoken.hosting is not None:
            lines.append(f'hosting = "{spoken.hosting}"')
        if name == "messages":
            lines.append('headers = { anthropic-version = "2023-06-01" }')
        for model in (*MODELS, "missing"):
            lines += [f"[routes.{name}-{model}]", f'incumbent = "{name}/{spoken.family}{model}"']
    lines += ['[routes."a:name:with:colons"]', 'incumbent = "chat/gpt-5.1-parrot"']
    return "\n".join(lines)


class Stage(Struct, frozen=True):
    """The endpoint and the provider behind it."""

    endpoint: RunningEndpoint
    simulated: ThreadedProvider

    def understood(self) -> dict[str, Any]:
        """What the last request meant to the provider, described alike in every dialect."""
        last = self.simulated.requests[-1]
        found = last.understood()
        assert found is not None, last.body
        return found


COUNTS = ("responses", "messages", "invoked", "predicted", "gemini")
"""Providers that can be asked to count."""


def check_count(stage: Stage, provider: str, losses: str | None, *, more: int | None = None) -> None:
    """Whoever can count was asked to; for the others there is an estimate, which is said. `more`: what the tools of
    the last request make of it; the simulated provider is told of them, and counts words alone.
    """
    if provider in COUNTS:
        assert losses is None
        target = stage.simulated.requests[-1].target.lower()
        assert "count" in target or "input_tokens" in target
        assert more is None or "weather" in str(stage.understood()["tools"])
    else:
        assert losses == "usage.estimated"
        assert not stage.simulated.requests
        assert more is None or more > 0


@pytest.fixture(scope="module", name="running")
def running_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("endpoint")
    with SimulatedProvider.in_thread(SCRIPT) as simulated:
        text = configuration(f"http://127.0.0.1:{simulated.port}")
        with RunningEndpoint(folder, text, environment=SECRETS) as endpoint:
            yield Stage(endpoint, simulated)


@pytest.fixture(name="stage")
def stage_fixture(running: Stage) -> Stage:
    """Sequences begin anew for every test."""
    running.simulated.play(SCRIPT)
    running.simulated.forget()
    return running
