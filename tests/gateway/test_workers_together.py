"""What was begun with one worker goes on with another: responses, conversations, keys, what is known of providers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from plain_client import PlainClient
from running_endpoint import RunningEndpoint, until
from several_workers import one_to_each

from freehold.providers.simulated import Behaviour, Echo, Script, SimulatedProvider, ThreadedProvider
from freehold.wire.sse import EventSplitter, data_of

RESPONSES = "/v1/responses"
SCRIPT = Script(
    models={
        "brief": Behaviour(text="word " * 40, tokens_per_s=20.0),
        "endless": Behaviour(text="word " * 10_000, tokens_per_s=20.0),
        "*": Behaviour(text=Echo()),
    }
)


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


def toml_for(provider: ThreadedProvider, more: str = "") -> str:
    return f"""
[local]
enabled = false
[ledger]
flush_ms = 2000
[providers.sim]
base_url = "{provider.base_url}"
[routes.default]
incumbent = "sim/m"
{more}
"""


@pytest.fixture(scope="module")
def endpoint(
    tmp_path_factory: pytest.TempPathFactory, provider: ThreadedProvider
) -> Iterator[RunningEndpoint]:
    folder = tmp_path_factory.mktemp("together")
    with RunningEndpoint(folder, toml_for(provider), "--workers", "2") as running:
        yield running


@pytest.fixture
def pair(endpoint: RunningEndpoint) -> Iterator[tuple[PlainClient, PlainClient]]:
    """A connection to one worker, and one to the other."""
    with one_to_each(endpoint) as clients:
        here, there = clients.values()
        yield here, there


def begin(client: PlainClient, model: str, **more: Any) -> str:
    answer = client.post(RESPONSES, {"model": f"sim/{model}", "input": "Hi.", "background": True, **more})
    assert answer.status == 200, answer
    return str(answer.json()["id"])


def status_of(client: PlainClient, name: str) -> str:
    answer = client.get(f"{RESPONSES}/{name}")
    return str(answer.json()["status"]) if answer.status == 200 else f"HTTP {answer.status}"


def events_in(body: bytes) -> list[dict[str, Any]]:
    found = [data_of(event) for event in EventSplitter().feed(body)]
    return [msgspec.json.decode(data) for data in found if data is not None]


def test_a_response_of_one_is_polled_followed_and_cancelled_through_the_other(
    pair: tuple[PlainClient, PlainClient],
) -> None:
    here, there = pair
    name = begin(here, "brief", stream=False)
    until(lambda: status_of(there, name) == "in_progress")
    early = there.post(RESPONSES, {"model": "sim/m", "input": "And?", "previous_response_id": name})
    assert (early.status, early.error["param"]) == (400, "previous_response_id")
    assert "not complete" in early.error["message"]
    refused = there.get(f"{RESPONSES}/{name}?stream=true")
    assert (refused.status, refused.error["param"]) == (400, "stream")
    until(lambda: status_of(there, name) == "completed")

    endless = begin(here, "endless")
    until(lambda: status_of(there, endless) == "in_progress")
    cancelled = there.post(f"{RESPONSES}/{endless}/cancel", b"")
    assert (cancelled.status, cancelled.json()["status"]) == (200, "cancelled")
    assert status_of(here, endless) == status_of(there, endless) == "cancelled"

    silent = begin(here, "brief", store=False)
    until(lambda: status_of(there, silent) == "completed")

    gone = begin(here, "endless")
    assert there._send("DELETE", f"{RESPONSES}/{gone}", None, {}).read()
    assert status_of(there, gone) == status_of(here, gone) == "HTTP 404"


def test_the_stream_of_one_is_taken_up_through_the_other(
    endpoint: RunningEndpoint, pair: tuple[PlainClient, PlainClient]
) -> None:
    here, there = pair
    asked = {"model": "sim/brief", "input": "Hi.", "background": True, "stream": True}
    answer = here._send("POST", RESPONSES, asked, {})
    first = answer.read1(65536)
    name = events_in(first)[0]["response"]["id"]
    followed = there.get(f"{RESPONSES}/{name}?stream=true&starting_after=3")
    events = events_in(followed.body)
    assert [event["sequence_number"] for event in events] == list(range(4, 4 + len(events)))
    assert events[-1]["type"] == "response.completed"
    assert events_in(first + answer.read())[4:] == events, "the same, event for event"
    stranger = endpoint.make_key("stranger")
    with endpoint.connect(stranger) as other:
        assert other.get(f"{RESPONSES}/{name}").status == 404, "others' responses do not exist"


def test_a_conversation_goes_on_with_any_worker(pair: tuple[PlainClient, PlainClient]) -> None:
    """At once: before the first worker has written its answer to the ledger."""
    here, there = pair
    previous = None
    for turn, client in enumerate((here, there, here, there)):
        asked = {"model": "sim/m", "input": f"Turn {turn}."}
        if previous is not None:
            asked["previous_response_id"] = previous
        answer = client.post(RESPONSES, asked)
        assert answer.status == 200, answer
        previous = answer.json()["id"]
    listed = here.get(f"{RESPONSES}/{previous}/input_items?order=asc").json()["data"]
    said = [item["content"][0]["text"] for item in listed]
    assert said == ["Turn 0.", "Turn 0.", "Turn 1.", "Turn 1.", "Turn 2.", "Turn 2.", "Turn 3."]


def test_a_revoked_key_is_refused_by_all(endpoint: RunningEndpoint) -> None:
    with one_to_each(endpoint) as clients, endpoint.keys() as keys:
        key, secret = keys.create("short-lived")
        head = {"authorization": f"Bearer {secret}"}
        for client in clients.values():
            assert (
                client.post("/v1/chat/completions", {"model": "default", "messages": []}, **head).status
                != 401
            )
        keys.revoke(key.id)

        def refused() -> bool:
            asked = {"model": "default", "messages": [{"role": "user", "content": "Hi."}]}
            return all(
                client.post("/v1/chat/completions", asked, **head).status == 401
                for client in clients.values()
            )

        until(refused, 3.0)


def test_what_one_ran_when_it_was_killed_is_told_by_the_others(
    tmp_path: Path, provider: ThreadedProvider
) -> None:
    with (
        RunningEndpoint(tmp_path, toml_for(provider), "--workers", "2") as endpoint,
        one_to_each(endpoint) as clients,
    ):
        (victim, here), (_, there) = clients.items()
        name = begin(here, "endless")
        until(lambda: status_of(there, name) == "in_progress")
        os.kill(victim, signal.SIGKILL)
        until(lambda: status_of(there, name) == "failed")
        assert "was ended while" in there.get(f"{RESPONSES}/{name}").json()["error"]["message"]


def test_what_one_finds_broken_the_others_leave_alone(tmp_path: Path, provider: ThreadedProvider) -> None:
    """One worker's calls fail until its breaker opens; the other then asks the fallback at once, without a try."""
    more = """
[health]
enabled = true
[providers.sick]
base_url = "http://127.0.0.1:9/v1"
[routes.pair]
incumbent = "sick/m"
fallbacks = ["sim/m"]
"""
    toml = toml_for(provider, more).replace("flush_ms = 2000", "flush_ms = 10")

    def asked(client: PlainClient) -> list[str]:
        entry = running.recorded(client.chat("pair").call)
        return [attempt.provider for attempt in entry.call.attempts]

    with RunningEndpoint(tmp_path, toml, "--workers", "2") as running, one_to_each(running) as clients:
        here, there = clients.values()
        for _ in range(3):  # each time in a row it is left alone for longer
            until(lambda: asked(here) == ["sim"])
            until(lambda: asked(here) == ["sick", "sim"])
        until(lambda: asked(here) == ["sim"])
        time.sleep(0.5)  # of the three seconds and more that it is left alone now
        assert asked(there) == ["sim"], "its first call of all"
