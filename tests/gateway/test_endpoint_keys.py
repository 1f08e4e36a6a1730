"""Keys at the door of a running endpoint: made, limited, taken back and run out while it runs."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import msgspec
import openai
import pytest
from plain_client import CHAT, chat_request
from running_endpoint import RunningEndpoint, until

from freehold.core.clock import microseconds
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider

PROMISED = 1.0
"""Seconds within which a running endpoint knows what was done to a key."""
PATIENCE = 2.0
"""Seconds that the machine may take on top."""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    script = Script(
        models={"slow": Behaviour(text="word " * 40, tokens_per_s=20.0), "*": Behaviour(text="Yes.")}
    )
    with SimulatedProvider.in_thread(script) as provider:
        toml = f"""
[local]
enabled = false
[providers.sim]
base_url = "{provider.base_url}"
models = ["large", "small"]
[routes.default]
incumbent = "sim/large"
[routes.copilot]
incumbent = "sim/small"
"""
        with RunningEndpoint(tmp_path_factory.mktemp("endpoint"), toml) as running:
            yield running


def is_let_in(endpoint: RunningEndpoint, key: str, model: str = "default") -> bool:
    with endpoint.connect(key) as client:
        answer = client.chat(model)
    assert answer.status in (200, 401)
    return answer.status == 200


def command(endpoint: RunningEndpoint, *words: str) -> dict[str, object]:
    """What a command says in the endpoint's folder, as a person would use it beside the running endpoint."""
    done = subprocess.run(
        [sys.executable, "-m", "freehold", *words, "--json"],
        cwd=endpoint.folder,
        env=endpoint.environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    value: dict[str, object] = msgspec.json.decode(done.stdout)
    return value


def test_a_key_made_beside_the_running_endpoint_is_good_at_once(endpoint: RunningEndpoint) -> None:
    made = command(endpoint, "keys", "create", "laptop")
    assert is_let_in(endpoint, str(made["key"])), "and not only after the next look at the database"


@contextlib.contextmanager
def locked_keys(endpoint: RunningEndpoint) -> Iterator[None]:
    """Another process writes to the database of keys, and is not done."""
    with contextlib.closing(sqlite3.connect(endpoint.data / "access.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        yield


def test_a_new_key_waits_at_the_door_while_the_keys_are_written(endpoint: RunningEndpoint) -> None:
    old = endpoint.make_key("regular")
    assert is_let_in(endpoint, old)
    key = endpoint.make_key("newcomer")
    statuses: list[int] = []
    with endpoint.connect(key) as client, endpoint.connect(old) as regular:
        thread = threading.Thread(target=lambda: statuses.append(client.chat("default").status))
        with locked_keys(endpoint):
            thread.start()
            began = time.monotonic()
            while time.monotonic() - began < 0.4:
                assert regular.chat("default").status == 200
            assert not statuses, "neither let in, which it cannot be yet, nor refused"
        thread.join()
    assert statuses == [200]


def test_a_key_that_may_be_new_is_told_to_come_back_and_not_that_it_is_wrong(
    endpoint: RunningEndpoint,
) -> None:
    key = endpoint.make_key("comes back")
    with endpoint.connect(key) as client:
        with locked_keys(endpoint):
            answer = client.chat("default")
            assert (answer.status, answer.error["code"]) == (503, "overloaded")
            assert "keys cannot be read" in answer.error["message"]
        assert client.chat("default").status == 200


def test_a_key_taken_back_is_refused_within_a_second(endpoint: RunningEndpoint) -> None:
    made = command(endpoint, "keys", "create", "lost")
    key = str(made["key"])
    with endpoint.connect(key) as client:  # a connection that stays open must not help
        assert client.chat("default").status == 200
        with endpoint.keys() as keys:
            keys.revoke("lost")
        began = time.monotonic()
        until(lambda: client.chat("default").status == 401)
        assert time.monotonic() - began < PROMISED + PATIENCE
        assert client.chat("default").error["code"] == "invalid_api_key"


def test_a_key_runs_out_on_time(endpoint: RunningEndpoint) -> None:
    expires = time.time() + 1.5
    key = endpoint.make_key("guest", expires_us=microseconds(expires))
    assert is_let_in(endpoint, key)
    until(lambda: not is_let_in(endpoint, key))
    assert expires <= time.time() < expires + PATIENCE


def test_a_stream_under_way_outlives_its_key(endpoint: RunningEndpoint) -> None:
    """It was let in when it was asked for; what is taken back is the right to ask again."""
    key = endpoint.make_key("gone")
    with endpoint.connect(key) as client, endpoint.connect(key) as other:
        stream = client.stream("sim/slow")
        stream.event()
        with endpoint.keys() as keys:
            keys.revoke("gone")
        until(lambda: other.get("/v1/models").status == 401)
        assert stream.rest()[-1] == b"[DONE]"
    assert endpoint.recorded(stream.call).call.outcome == "answered"


def test_a_limited_key_calls_its_routes_and_nothing_else(endpoint: RunningEndpoint) -> None:
    key = endpoint.make_key("copilot only", routes=frozenset({"copilot"}))
    with endpoint.sdk(key) as sdk:
        assert [model.id for model in sdk.models.list()] == ["copilot"]
        with pytest.raises(openai.NotFoundError):
            sdk.models.retrieve("default")
        answer = sdk.chat.completions.create(model="copilot", messages=[{"role": "user", "content": "?"}])
        assert answer.choices[0].message.content == "Yes."
        told = []
        for model in ("default", "sim/small", "sim/large", "nobody"):
            with pytest.raises(openai.PermissionDeniedError) as caught:
                sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": "?"}])
            told.append(caught.value.body)
            call = endpoint.recorded(caught.value.response.headers["x-freehold-call"]).call
            assert (call.status, call.outcome, call.attempts) == (403, "refused", [])
    alike = {
        str(one).replace(model, "…")
        for one, model in zip(told, ("default", "sim/small", "sim/large", "nobody"), strict=True)
    }
    assert len(alike) == 1, "it is not told which names exist"


def test_a_key_may_be_limited_to_a_model(endpoint: RunningEndpoint) -> None:
    key = endpoint.make_key("one model", routes=frozenset({"sim/small"}))
    with endpoint.connect(key) as client:
        assert client.chat("sim/small").status == 200
        assert client.chat("sim/large").status == 403


def test_the_call_says_whose_it_is(endpoint: RunningEndpoint) -> None:
    key = endpoint.make_key("mine")
    with endpoint.connect(key) as client:
        call = endpoint.recorded(client.chat("default").call).call
    with endpoint.keys() as keys:
        (mine,) = [one for one in keys.list() if one.name == "mine"]
    assert call.key_id == mine.id


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({"authorization": "Bearer {key}"}, True),
        ({"authorization": "bearer  {key} "}, True),
        ({"api_key": "{key}"}, True),
        ({"authorization": "{key}"}, False),
        ({"authorization": "Basic {key}"}, False),
        ({"authorization": "Bearer {key}x"}, False),
        ({"authorization": "Bearer "}, False),
        ({"x_api_key": "{key}"}, True),
        ({"x_goog_api_key": "{key}"}, True),
        ({"cookie": "key={key}"}, False),
        ({}, False),
    ],
    ids=str,
)
def test_where_a_key_is_looked_for(headers: dict[str, str], endpoint: RunningEndpoint, *, good: bool) -> None:
    given = {name: value.format(key=endpoint.key) for name, value in headers.items()}
    with endpoint.connect("") as client:
        answer = client.post(CHAT, chat_request("default"), **given)
        assert answer.status == (200 if good else 401)
        if not good:
            assert answer.headers["www-authenticate"] == "Bearer"
            assert endpoint.key not in answer.body.decode()
