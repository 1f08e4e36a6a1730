"""Of several workers one works batches off and deletes what is old; when it dies, another does."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from plain_client import PlainClient
from running_endpoint import RunningEndpoint, until
from several_workers import one_to_each, ready

from freehold.providers.simulated import Behaviour, Echo, Script, SimulatedProvider, ThreadedProvider

BATCHES = "/v1/messages/batches"
SCRIPT = Script(models={"slow": Behaviour(text=Echo(), headers_s=0.2), "*": Behaviour(text=Echo())})


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


def toml_for(provider: ThreadedProvider) -> str:
    return f"""
[local]
enabled = false
[ledger]
flush_ms = 10
[batches]
concurrency = 4
[providers.sim]
base_url = "{provider.base_url}"
"""


@pytest.fixture
def endpoint(tmp_path: Path, provider: ThreadedProvider) -> Iterator[RunningEndpoint]:
    provider.forget()
    with RunningEndpoint(tmp_path, toml_for(provider), "--workers", "2") as running:
        yield running


def begin(client: PlainClient, lines: int, model: str = "sim/slow") -> str:
    requests = [
        {
            "custom_id": f"line-{number}",
            "params": {
                "model": model,
                "max_tokens": 10,
                "messages": [{"role": "user", "content": f"Line {number}"}],
            },
        }
        for number in range(lines)
    ]
    answer = client.post(BATCHES, {"requests": requests})
    assert answer.status == 200, answer
    return str(answer.json()["id"])


def batch(client: PlainClient, name: str) -> dict[str, Any]:
    answer = client.get(f"{BATCHES}/{name}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


def has_ended(client: PlainClient, name: str) -> bool:
    return bool(batch(client, name)["processing_status"] == "ended")


def results(client: PlainClient, name: str) -> dict[str, str]:
    """What became of each line."""
    body = client.get(f"{BATCHES}/{name}/results").body
    found = [msgspec.json.decode(line) for line in body.splitlines()]
    assert len({one["custom_id"] for one in found}) == len(found), "no line twice"
    return {one["custom_id"]: one["result"]["type"] for one in found}


def whose_turn(endpoint: RunningEndpoint) -> set[int]:
    """The workers that have the lock."""
    path = str(endpoint.data / "upkeep.lock")
    return {pid for pid in ready(endpoint) if path in {one.path for one in psutil.Process(pid).open_files()}}


def test_a_batch_is_worked_off_by_one_whoever_took_it_in(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    with one_to_each(endpoint) as clients:
        names = [begin(client, 6) for client in clients.values()]
        for name in names:
            for client in clients.values():
                until(lambda client=client, name=name: has_ended(client, name))  # type: ignore[misc]
                assert set(results(client, name).values()) == {"succeeded"}
                assert len(results(client, name)) == 6
    assert len(whose_turn(endpoint)) == 1
    assert len(provider.requests) == 12, "each line was asked once"


def test_progress_is_seen_by_all(endpoint: RunningEndpoint) -> None:
    """In OpenAI's form; Anthropic's says nothing of how far a batch is before it has ended."""
    line = '{"custom_id": "%d", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "sim/slow", %s}}'
    said = '"messages": [{"role": "user", "content": "Hi."}]'
    lines = "\n".join(line % (number, said) for number in range(60))
    with one_to_each(endpoint) as clients:
        here, there = clients.values()
        form = (
            '--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            '--x\r\ncontent-disposition: form-data; name="file"; filename="lines.jsonl"\r\n\r\n'
            f"{lines}\r\n--x--\r\n"
        )
        file = here.post("/v1/files", form.encode(), content_type="multipart/form-data; boundary=x").json()
        asked = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        name = there.post("/v1/batches", asked).json()["id"]

        def done(client: PlainClient) -> int:
            return int(client.get(f"/v1/batches/{name}").json()["request_counts"]["completed"])

        for client in clients.values():
            until(lambda client=client: 0 < done(client) < 60)  # type: ignore[misc]
        assert there.post(f"/v1/batches/{name}/cancel", b"").json()["status"] == "cancelling"
        for client in clients.values():
            until(lambda client=client: client.get(f"/v1/batches/{name}").json()["status"] == "cancelled")  # type: ignore[misc]


def test_cancelling_is_heeded_by_whoever_works_on_it(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    with one_to_each(endpoint) as clients:
        name = begin(next(iter(clients.values())), 200)
        until(lambda: len(provider.requests) > 8)
        (turn,) = whose_turn(endpoint)
        (other,) = [client for pid, client in clients.items() if pid != turn]
        answer = other.post(f"{BATCHES}/{name}/cancel", b"")
        assert (answer.status, answer.json()["processing_status"]) == (200, "canceling")
        for client in clients.values():
            until(lambda client=client: has_ended(client, name))  # type: ignore[misc]
        became = list(results(other, name).values())
        assert len(became) == 200
        assert became.count("canceled") > 100
        assert became.count("succeeded") + became.count("canceled") == 200


def test_when_it_dies_another_goes_on(endpoint: RunningEndpoint, provider: ThreadedProvider) -> None:
    with one_to_each(endpoint) as clients:
        name = begin(next(iter(clients.values())), 40)
        until(lambda: len(provider.requests) > 8)
        (victim,) = whose_turn(endpoint)
        os.kill(victim, signal.SIGKILL)
        (other,) = [client for pid, client in clients.items() if pid != victim]
        until(lambda: has_ended(other, name))
        assert results(other, name) == {f"line-{number}": "succeeded" for number in range(40)}
    assert whose_turn(endpoint) != {victim}
    assert len(provider.requests) <= 40 + 4, "but for those under way, no line was asked again"


def test_what_is_old_is_deleted_once_and_never_missed_by_others(
    tmp_path: Path, provider: ThreadedProvider
) -> None:
    """A body that one worker knows is deleted by another; a call that has it again has it all the same."""
    with (
        RunningEndpoint(tmp_path, toml_for(provider), "--workers", "2") as endpoint,
        one_to_each(endpoint) as clients,
    ):
        for client in clients.values():
            for _ in range(2):
                endpoint.recorded(client.chat("sim/m", "The same words.").call)
        with closing(sqlite3.connect(endpoint.data / "ledger.db")) as ledger, ledger:
            ledger.execute("DELETE FROM bodies")
        for client in clients.values():
            entry = endpoint.recorded(client.chat("sim/m", "The same words.").call)
            assert entry.call.request_body is not None
            assert b"The same words." in entry.call.request_body
