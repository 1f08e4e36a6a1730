"""Requests that are large, or grow large: they cost whoever sends them time, and nobody else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hostile import peak
from running_endpoint import RunningEndpoint

from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ThreadedProvider

SCRIPT = Script(models={"m": Behaviour(text="hello")})
MESSAGES, RESPONSES = "/v1/messages", "/v1/responses"
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    toml = f"""
[local]
enabled = false
[providers.sim]
base_url = "{provider.base_url}"
"""
    with RunningEndpoint(tmp_path_factory.mktemp("large"), toml) as running:
        yield running


class Watch:
    """Asks whether the endpoint is alive, again and again, and notes the longest wait for the answer in seconds."""

    def __init__(self, endpoint: RunningEndpoint) -> None:
        self.longest = 0.0
        self._endpoint = endpoint
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        with self._endpoint.connect() as client:
            while not self._over.wait(0.01):
                begun = time.monotonic()
                assert client.get("/health/live").status == 200
                self.longest = max(self.longest, time.monotonic() - begun)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


TURNS = [{"role": role, "content": "x"} for role in ("user", "assistant")] * 30_000
TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "translated": (MESSAGES, {"max_tokens": 5, "messages": [*TURNS, TURNS[0]]}),
    "in the background": (RESPONSES, {"background": True, "store": False, "input": TURNS}),
    "counted": (f"{MESSAGES}/count_tokens", {"messages": [{"role": "user", "content": "a b" * 2_000_000}]}),
}
"""A few megabytes that take seconds to go through."""


@pytest.mark.parametrize("case", TINY)
def test_megabytes_of_tiny_parts_hold_nobody_else_up(endpoint: RunningEndpoint, case: str) -> None:
    path, body = TINY[case]
    with Watch(endpoint) as watch, endpoint.connect() as client:
        time.sleep(0.2)
        begun = time.monotonic()
        answer = client.post(path, {"model": "sim/m", **body})
        took = time.monotonic() - begun
    assert answer.status == 200, answer.body[:500]
    assert watch.longest < max(0.5, took / 3), (watch.longest, took)


def kept(endpoint: RunningEndpoint, *items: dict[str, Any]) -> str:
    """The id of a response whose input these are."""
    with endpoint.connect() as client:
        answer = client.post(RESPONSES, {"model": "sim/m", "input": list(items)})
    assert answer.status == 200, answer.body
    name: str = answer.json()["id"]
    return name


@pytest.mark.parametrize("kind", [{"type": "item_reference"}, {}])
def test_a_few_words_cannot_make_gigabytes_of_what_is_kept(
    endpoint: RunningEndpoint, provider: ThreadedProvider, kind: dict[str, str]
) -> None:
    large = {"type": "message", "id": "msg_large", "role": "user", "content": "x" * 2 * MEGABYTE}
    first = kept(endpoint, large)
    provider.forget()
    before = peak(endpoint.pid)
    with endpoint.connect() as client:
        again = [{**kind, "id": "msg_large"}] * 500
        answer = client.post(RESPONSES, {"model": "sim/m", "previous_response_id": first, "input": again})
    assert answer.status == 400
    assert answer.error["param"] == "input"
    assert peak(endpoint.pid) - before < 200 * MEGABYTE
    assert not provider.requests


def test_items_are_found_by_name_in_time_that_grows_with_their_number(endpoint: RunningEndpoint) -> None:
    many = [{"type": "message", "id": f"msg_{at}", "role": "user", "content": "x"} for at in range(10_000)]
    first = kept(endpoint, *many)

    def seconds(count: int) -> float:
        named = [{"type": "item_reference", "id": f"msg_none_{at}"} for at in range(count)]
        body = json.dumps({"model": "sim/m", "previous_response_id": first, "input": named}).encode()
        begun = time.monotonic()
        with endpoint.connect() as client:
            assert client.post(RESPONSES, body).status == 200
        return time.monotonic() - begun

    few = min(seconds(1) for _ in range(2))
    assert seconds(20_000) < 5 * few + 2
