"""Policies at work: who answers which call, and that conversations stay where they have to."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from plain_client import CHAT, Answer
from running_endpoint import RunningEndpoint, until
from several_workers import one_to_each
from valkey_server import ValkeyServer, needs_valkey

from freehold.compare.archive import Archive
from freehold.compare.database import Database
from freehold.compare.terms import Comparison, Terms
from freehold.compare.verdict import Evidence, Verdict
from freehold.providers.simulated.provider import SimulatedProvider
from freehold.providers.simulated.script import Behaviour, Reasoning, Script, ToolCall

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
CALLS = Script(models={"*": Behaviour(tool_calls=(ToolCall("look"),))})
TOML = """
[local]
enabled = false
[providers.one]
base_url = "{one}"
[providers.two]
base_url = "{two}"
dialects = ["{dialect}"]
[routes.chat]
incumbent = "one/m"
fallbacks = ["two/m"]
"""
ALL_TO_TWO = '[routes.chat.policy]\nkind = "weighted"\nweights = { "two/m" = 1 }\n'
PRICES = '[models."one/m"]\ninput = 10\noutput = 10\n[models."two/m"]\ninput = 1\noutput = 1\n'
CHEAPEST = f'[routes.chat.policy]\nkind = "cheapest"\n{PRICES}'
HALF = '[routes.chat.policy]\nkind = "weighted"\nweights = { "one/m" = 1, "two/m" = 1 }\n'


@contextmanager
def running(
    folder: Path, policy: str, *words: str, script: Script = CALLS, dialect: str = "openai-chat"
) -> Iterator[tuple[RunningEndpoint, str]]:
    """The endpoint, and its configuration without a policy."""
    other = msgspec.structs.replace(script, seed=2)  # or both would give their tool calls the same ids
    with SimulatedProvider.in_thread(script) as one, SimulatedProvider.in_thread(other) as two:
        toml = TOML.format(one=one.base_url, two=two.base_url, dialect=dialect)
        with RunningEndpoint(folder, toml + policy, *words) as endpoint:
            yield endpoint, toml


def model_of(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    return answer.headers["x-freehold-model"]


def asked(endpoint: RunningEndpoint) -> str:
    """Which model answers a new conversation."""
    with endpoint.connect() as client:
        return model_of(client.chat("chat", "Anything new?"))


class Talk:
    """A conversation in the dialect `openai-chat`."""

    def __init__(self, endpoint: RunningEndpoint, text: str) -> None:
        self.endpoint = endpoint
        self.messages: list[dict[str, Any]] = [{"role": "user", "content": text}]

    def go_on(self, **headers: str) -> str:
        """Send it, keep the answer, and say which model gave it."""
        with self.endpoint.connect() as client:
            body = {"model": "chat", "messages": self.messages, "tools": [TOOL]}
            answer = client.post(CHAT, body, **headers)
        self.call = answer.call
        self.messages.append(answer.json()["choices"][0]["message"])
        return model_of(answer)

    def use_tools(self) -> None:
        for call in self.messages[-1]["tool_calls"]:
            self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": "seen"})

    def say(self, text: str) -> None:
        self.use_tools()
        self.messages[-1:] = [*self.messages[-1:], {"role": "assistant", "content": "So it is."}]
        self.messages.append({"role": "user", "content": text})


def test_each_model_gets_its_part_of_the_conversations(tmp_path: Path) -> None:
    with running(tmp_path, HALF) as (endpoint, _), endpoint.connect() as client:
        answers = [client.chat("chat", f"Question {number}.") for number in range(60)]
        by_model = Counter(map(model_of, answers))
        assert min(by_model["one/m"], by_model["two/m"]) >= 15, by_model
        again = [client.chat("chat", f"Question {number}.") for number in range(60)]
        assert list(map(model_of, again)) == list(map(model_of, answers))
        entry = endpoint.recorded(answers[0].call)
        decision = entry.call.decision
        assert decision is not None
        assert decision.policy == "weighted"
        assert decision.chosen == model_of(answers[0])
        assert entry.call.attempts[0].reason == ("policy" if decision.chosen == "two/m" else "incumbent")


def test_a_tool_loop_outlasts_its_policy_and_its_process(tmp_path: Path) -> None:
    with running(tmp_path, ALL_TO_TWO) as (endpoint, toml):
        talk = Talk(endpoint, "Look around.")
        assert talk.go_on() == "two/m"
        talk.use_tools()
        endpoint.configure(toml)
        until(lambda: asked(endpoint) == "one/m")
        assert talk.go_on() == "two/m"
        talk.use_tools()
        endpoint.kill()
        endpoint.start()
        assert talk.go_on() == "two/m"
        decision = endpoint.recorded(talk.call).call.decision
        assert decision is not None
        assert (decision.policy, decision.reason) == ("none", "lock.tool_loop")
        talk.say("Thank you. And now?")
        assert talk.go_on() == "one/m"


def test_a_conversation_stays_while_its_route_is_given_to_another(tmp_path: Path) -> None:
    with running(tmp_path, ALL_TO_TWO) as (endpoint, toml):
        talk, other = Talk(endpoint, "One thing."), Talk(endpoint, "Another thing.")
        assert talk.go_on() == "two/m"
        talk.say("Go on.")
        endpoint.configure(toml + ALL_TO_TWO.replace("two/m", "one/m"))
        until(lambda: asked(endpoint) == "one/m")
        assert talk.go_on() == "two/m"
        decision = endpoint.recorded(talk.call).call.decision
        assert decision is not None
        assert decision.reason == "lock.conversation"
        assert other.go_on() == "one/m"


def test_workers_know_of_each_others_tool_loops(tmp_path: Path) -> None:
    with running(tmp_path, HALF, "--workers", "2") as (endpoint, _), one_to_each(endpoint) as workers:
        first, second = workers.values()
        for number in range(30):
            talk = Talk(endpoint, f"Look at number {number}.")
            body = {"model": "chat", "messages": talk.messages, "tools": [TOOL]}
            # The same draw would choose the same model again: the other half has to be remembered.
            answer = first.post(CHAT, {**body, "metadata": {"session_id": "a"}})
            talk.messages.append(answer.json()["choices"][0]["message"])
            talk.use_tools()
            later = second.post(CHAT, {**body, "metadata": {"session_id": f"{number}"}})
            assert model_of(later) == model_of(answer)


def test_state_is_brought_back_to_who_made_it(tmp_path: Path) -> None:
    script = Script(models={"*": Behaviour(text="Yes.", reasoning=Reasoning(text="Hm."))})
    with running(tmp_path, ALL_TO_TWO, script=script, dialect="anthropic-messages") as (endpoint, toml):
        body: dict[str, Any] = {"model": "chat", "max_tokens": 50, "thinking": {"type": "adaptive"}}
        messages: list[dict[str, Any]] = [{"role": "user", "content": "Is it?"}]
        with endpoint.connect() as client:
            answer = client.post("/v1/messages", {**body, "messages": messages})
            assert model_of(answer) == "two/m"
            assert '"freehold' in answer.body.decode()
            messages += [
                {"role": "assistant", "content": answer.json()["content"]},
                {"role": "user", "content": "Is it really?"},
            ]
            endpoint.configure(toml + ALL_TO_TWO.replace("two/m", "one/m"))
            until(lambda: asked(endpoint) == "one/m")
            answer = client.post("/v1/messages", {**body, "messages": messages})
        assert model_of(answer) == "two/m"
        decision = endpoint.recorded(answer.call).call.decision
        assert decision is not None
        assert (decision.reason, decision.facts["found_by"]) == ("lock.state", "state")


def test_a_response_goes_on_with_who_gave_it(tmp_path: Path) -> None:
    script = Script(models={"*": Behaviour(text="Yes.")})
    with running(tmp_path, ALL_TO_TWO, script=script) as (endpoint, toml), endpoint.connect() as client:
        first = client.post("/v1/responses", {"model": "chat", "input": "Is it?"})
        assert model_of(first) == "two/m"
        endpoint.configure(toml + ALL_TO_TWO.replace("two/m", "one/m"))
        until(lambda: asked(endpoint) == "one/m")
        body = {"model": "chat", "input": "Why?", "previous_response_id": first.json()["id"]}
        second = client.post("/v1/responses", body)
        assert model_of(second) == "two/m"
        decision = endpoint.recorded(second.call).call.decision
        assert decision is not None
        assert decision.facts["found_by"] == "answer"


def test_the_cheapest_waits_for_a_verdict(tmp_path: Path) -> None:
    policy = (
        '[routes.chat.policy]\nkind = "cheapest"\n'
        '[models."one/m"]\ninput = 10\noutput = 10\n[models."two/m"]\ninput = 1\noutput = 1\n'
    )
    script = Script(models={"*": Behaviour(text="Yes.")})
    with running(tmp_path, policy, script=script) as (endpoint, toml), endpoint.connect() as client:
        answer = client.chat("chat")
        assert model_of(answer) == "one/m"
        decision = endpoint.recorded(answer.call).call.decision
        assert decision is not None
        assert [(one.model, one.why) for one in decision.rejected] == [("two/m", "no verdict")]
        endpoint.configure(toml + policy.replace('"cheapest"', '"cheapest"\nunproven = true'))
        until(lambda: asked(endpoint) == "two/m")


def test_the_cheapest_takes_who_is_found_to_replace_the_incumbent(tmp_path: Path) -> None:
    find_that_two_replaces_one(tmp_path)
    script = Script(models={"*": Behaviour(text="Yes.")})
    with running(tmp_path, CHEAPEST, script=script) as (endpoint, _), endpoint.connect() as client:
        until(lambda: asked(endpoint) == "two/m")
        decision = endpoint.recorded(client.chat("chat").call).call.decision
        assert decision is not None
        assert (decision.reason, decision.facts["proven two/m"]) == ("cheapest", True)
        assert [(one.model, one.why) for one in decision.rejected] == [("one/m", "dearer")]


def test_a_changed_policy_goes_at_once_by_the_verdicts_on_record(tmp_path: Path) -> None:
    find_that_two_replaces_one(tmp_path)
    script = Script(models={"*": Behaviour(text="Yes.")})
    all_to_one = ALL_TO_TWO.replace("two/m", "one/m")
    with running(tmp_path, all_to_one, script=script) as (endpoint, toml):
        assert asked(endpoint) == "one/m"
        endpoint.configure(toml + CHEAPEST)
        until(lambda: asked(endpoint) == "two/m", limit=10)


def find_that_two_replaces_one(folder: Path) -> None:
    """What a comparison for the route leaves."""
    (folder / ".freehold").mkdir(mode=0o700)
    with closing(Database(folder / ".freehold" / "compare.db")) as database:
        archive = Archive(database)
        terms = Terms(incumbent="one/m", candidates=("two/m",), route="chat")
        archive.begin(Comparison(id="comparison_1", suite="suite_1", terms=terms, state="done", begun_us=1))
        verdict = Verdict(
            comparison="comparison_1",
            incumbent="one/m",
            candidate="two/m",
            decision="replaces",
            reason="",
            margin=0.03,
            alpha=0.05,
            evidence=Evidence(n=500),
            suite="suite_1",
            suite_hash="",
            seed=0,
        )
        archive.put_verdicts([verdict])


def test_an_endpoint_without_policies_has_nothing_of_them(tmp_path: Path) -> None:
    with running(tmp_path, "") as (endpoint, toml), endpoint.connect() as client:
        answer = client.chat("chat")
        assert model_of(answer) == "one/m"
        assert endpoint.recorded(answer.call).call.decision is None
        assert not (endpoint.data / "steering.db").exists()
        endpoint.configure(toml + ALL_TO_TWO)
        until(lambda: asked(endpoint) == "two/m")
        until((endpoint.data / "steering.db").exists)


@pytest.mark.parametrize("damage", ["removed", "damaged"])
def test_a_lost_memory_stops_no_call(tmp_path: Path, damage: str) -> None:
    with running(tmp_path, ALL_TO_TWO) as (endpoint, _):
        talk = Talk(endpoint, "Look around.")
        assert talk.go_on() == "two/m"
        file = endpoint.data / "steering.db"
        until(file.exists)
        endpoint.stop()
        if damage == "removed":
            file.unlink()
        else:
            file.write_bytes(b"This is no database." * 500)
        endpoint.start()
        talk.use_tools()
        assert talk.go_on() == "one/m"  # nobody knows, so it is the incumbent
        decision = endpoint.recorded(talk.call).call.decision
        assert decision is not None
        assert (decision.reason, decision.facts["maker"]) == ("lock.tool_loop", None)
        assert json.loads(json.dumps(decision.facts))["why"]


@needs_valkey()
def test_replicas_know_of_each_others_tool_loops(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(ValkeyServer(tmp_path))
        shared = '[shared]\nurl = "env:SHARED"\nreplicas = 2\n[access]\npepper = "env:PEPPER"\n'
        known = {"SHARED": server.url, "PEPPER": "0" * 64}
        other = msgspec.structs.replace(CALLS, seed=2)
        one = stack.enter_context(SimulatedProvider.in_thread(CALLS))
        two = stack.enter_context(SimulatedProvider.in_thread(other))
        toml = shared + TOML.format(one=one.base_url, two=two.base_url, dialect="openai-chat")
        replicas = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            policy = ALL_TO_TWO if name == "first" else ""  # which is behind, or had one that was taken away
            made = RunningEndpoint(tmp_path / name, toml + policy, environment=known)
            replicas.append(made)
        first = stack.enter_context(replicas[0])
        talk = Talk(first, "Look around.")
        assert talk.go_on() == "two/m"
        talk.use_tools()
        second = replicas[1]  # which has the same keys
        second.data.mkdir(mode=0o700)
        shutil.copy(first.data / "access.db", second.data)
        second.key = first.key
        talk.endpoint = stack.enter_context(second)
        assert asked(talk.endpoint) == "one/m"
        assert talk.go_on() == "two/m"
