"""Whatever decides for calls of a running endpoint, the ledger has it, and it can be made again from there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from plain_client import CHAT
from running_endpoint import RunningEndpoint

import freehold
from freehold.ledger.reading import Entry
from freehold.providers.simulated.faults import Refused
from freehold.providers.simulated.provider import SimulatedProvider
from freehold.providers.simulated.script import Behaviour, Script, ToolCall
from freehold.rollout.explaining import explain

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
SCRIPT = Script(
    models={"*": Behaviour(tool_calls=(ToolCall("look"),)), "sick": Behaviour(faults=(Refused(status=400),))}
)
TOML = """
[local]
enabled = false
[ledger]
flush_ms = 10
[providers.sim]
base_url = "{url}"
[models."sim/one"]
input = 2
output = 2
[models."sim/two"]
input = 1
output = 1
[routes.drawn]
incumbent = "sim/one"
fallbacks = ["sim/two"]
[routes.drawn.policy]
kind = "weighted"
weights = {{ "sim/one" = 1, "sim/two" = 1 }}
[routes.cheap]
incumbent = "sim/one"
fallbacks = ["sim/two"]
[routes.cheap.policy]
kind = "cheapest"
unproven = true
[routes.proven]
incumbent = "sim/one"
fallbacks = ["sim/two"]
[routes.proven.policy]
kind = "fastest"
[routes.sick]
incumbent = "sim/one"
fallbacks = ["sim/sick"]
[routes.sick.policy]
kind = "weighted"
weights = {{ "sim/sick" = 1 }}
[routes.plain]
incumbent = "sim/one"
"""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with SimulatedProvider.in_thread(SCRIPT) as provider:
        toml = TOML.format(url=provider.base_url)
        with RunningEndpoint(tmp_path_factory.mktemp("decisions"), toml) as running:
            yield running


def ask(endpoint: RunningEndpoint, route: str, messages: list[dict[str, Any]], **headers: str) -> Entry:
    """One call as the ledger has it; its answer is appended to `messages`."""
    with endpoint.connect() as client:
        answer = client.post(CHAT, {"model": route, "messages": messages, "tools": [TOOL]}, **headers)
    assert answer.status == 200, answer.body
    messages.append(answer.json()["choices"][0]["message"])
    return endpoint.recorded(answer.call)


def question(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def test_every_decision_can_be_made_again_from_the_ledger(endpoint: RunningEndpoint) -> None:
    reasons = set()
    for route in ("drawn", "cheap", "proven"):
        for number in range(6):
            messages = question(f"Question {number}.")
            for _ in range(2):
                entry = ask(endpoint, route, messages)
                explained = explain(entry)
                assert explained.again == "same", (route, entry.call.decision)
                assert explained.decision.chosen == f"{entry.call.provider}/{entry.call.model}"
                reasons.add((route, explained.decision.reason))
                messages += [
                    {"role": "tool", "tool_call_id": one["id"], "content": "seen"}
                    for one in messages[-1]["tool_calls"]
                ]
    assert {("drawn", "drawn"), ("drawn", "lock.tool_loop"), ("cheap", "cheapest")} <= reasons


def test_a_conversation_that_is_named_in_a_header_stays_together(endpoint: RunningEndpoint) -> None:
    draws = {
        name: {
            ask(
                endpoint, "drawn", question(f"Anything {number}."), **{"x-freehold-conversation": name}
            ).call.model
            for number in range(4)
        }
        for name in map(str, range(12))
    }
    assert all(len(models) == 1 for models in draws.values()), draws
    assert {model for models in draws.values() for model in models} == {"one", "two"}


def test_a_refusal_of_the_chosen_model_is_its_own(endpoint: RunningEndpoint) -> None:
    call = ask(endpoint, "sick", question("Anything.")).call
    assert [(one.model, one.reason, one.outcome) for one in call.attempts] == [
        ("sick", "policy", "refused"),
        ("one", "fallback", "answered"),
    ]


def test_a_route_without_a_policy_has_no_decisions(endpoint: RunningEndpoint) -> None:
    assert ask(endpoint, "plain", question("Anything.")).call.decision is None


def test_the_command_explains_a_call_while_the_endpoint_runs(endpoint: RunningEndpoint) -> None:
    entry = ask(endpoint, "drawn", question("And now?"))
    command = [sys.executable, "-m", "freehold", "route", "explain", entry.call.id, "--json"]
    source = Path(freehold.__file__ or "").parent.parent
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONWARNINGS": "error"}
    done = subprocess.run(command, cwd=endpoint.folder, capture_output=True, check=True, env=environment)
    told = msgspec.json.decode(done.stdout)
    assert (told["call"], told["route"], told["again"]) == (entry.call.id, "drawn", "same")
