"""SIGTERM lets what runs finish and ends with status 0; a second one, or the end of the time allowed, hurries."""

from __future__ import annotations

import http.client
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import openai
import pytest
from load import Load
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Lorem, Script, SimulatedProvider, ThreadedProvider

SCRIPT = Script(
    models={
        "brief": Behaviour(text="word " * 20, tokens_per_s=20.0),
        "brief whole": Behaviour(text="Done.", first_token_s=1.0),
        "endless": Behaviour(text=Lorem(tokens=100_000), tokens_per_s=50.0),
        "sleeper": Behaviour(headers_s=300.0),
        "*": Behaviour(text="Yes."),
    }
)
HURRIED = 5.0
"""Seconds that an end in a hurry may take on a busy machine; without the hurry it would be thirty."""


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


def toml_for(provider: ThreadedProvider, server: str = "") -> str:
    return f"""
[server]
{server}
[local]
enabled = false
[providers.sim]
base_url = "{provider.base_url}"
[routes.default]
incumbent = "sim/m"
fallbacks = ["sim/other"]
"""


def closed(endpoint: RunningEndpoint) -> bool:
    """Whether nobody is let in any more: a connection that the system had accepted before is reset."""
    port = int(endpoint.url.rsplit(":", 1)[1])
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_finishes(number: signal.Signals, tmp_path: Path, provider: ThreadedProvider) -> None:
    with RunningEndpoint(tmp_path, toml_for(provider)) as endpoint:
        with endpoint.connect() as client, endpoint.connect() as second, endpoint.connect() as idle:
            assert idle.get("/health/ready").status == 200
            stream = client.stream("sim/brief")
            stream.event()
            second.begin_chat("sim/brief whole")
            until(lambda: provider.requests[-1].model == "brief whole")
            endpoint.send(number)
            until(lambda: closed(endpoint))
            assert endpoint.running
            with pytest.raises((http.client.HTTPException, OSError)):  # an idle connection is closed
                idle.get("/health/ready")
            assert stream.rest()[-1] == b"[DONE]"
            whole = second.finish()
            assert (whole.status, whole.headers["connection"]) == (200, "close")
        assert endpoint.wait() == 0
        for call in (stream.call, whole.call):
            assert endpoint.ledger.call(call).call.outcome == "answered", "all is on record when it has ended"
        (run,) = endpoint.ledger.runs()
        assert (run.ending, run.recorded, run.written, run.dropped) == ("clean", 2, 2, 0)
        assert endpoint.gaps == []
        assert "Traceback" not in endpoint.log


def test_under_load_every_answered_call_is_on_record(tmp_path: Path, provider: ThreadedProvider) -> None:
    with (
        RunningEndpoint(tmp_path, toml_for(provider)) as endpoint,
        Load(endpoint.url, endpoint.key) as load,
    ):
        load.until_done(100)
        endpoint.send(signal.SIGTERM)
        assert endpoint.wait() == 0
        load.stop()
        assert {one.status for one in load.done} == {200}
        assert {one.call for one in load.done} == {entry.call.id for entry in endpoint.ledger.export()}
        assert endpoint.gaps == []


@pytest.mark.parametrize("how", ["second signal", "time allowed"])
def test_a_hurry_tells_clients_and_ledger(how: str, tmp_path: Path, provider: ThreadedProvider) -> None:
    """Nobody gets half an answer that looks like a whole one, and everything is on record as what it is."""
    provider.forget()
    server = 'shutdown_timeout = "1s"' if how == "time allowed" else ""
    with RunningEndpoint(tmp_path, toml_for(provider, server)) as endpoint:
        with endpoint.connect() as client, endpoint.connect() as second, endpoint.sdk() as sdk:
            stream = client.stream("sim/endless")
            stream.event()
            second.begin_chat("sim/sleeper")
            third = sdk.chat.completions.create(
                model="sim/endless", messages=[{"role": "user", "content": "Talk."}], stream=True
            )
            next(iter(third))
            until(lambda: len(provider.requests) == 3)
            began = time.monotonic()
            endpoint.send(signal.SIGTERM)
            until(lambda: closed(endpoint))
            if how == "second signal":
                stream.event()
                endpoint.send(signal.SIGTERM)
            *_, last = stream.rest()
            error = msgspec.json.decode(last)["error"]
            assert error["code"] == "stopping"
            answer = second.finish()
            assert (answer.status, answer.error["code"]) == (503, "stopping")
            with pytest.raises(openai.APIError, match="stop"):
                for _ in third:
                    pass
        assert endpoint.wait() == 0
        assert time.monotonic() - began < HURRIED
        calls = {entry.call.model: entry.call for entry in endpoint.ledger.export()}
        assert (calls["sleeper"].outcome, calls["sleeper"].status) == ("failed", 503)
        assert calls["sleeper"].error == calls["endless"].error == "stopping"
        assert (calls["endless"].outcome, calls["endless"].status) == ("cut", 200)
        assert [one.outcome for one in calls["endless"].attempts] == ["cut"]
        assert calls["endless"].usage.source == "counted"
        kept = endpoint.ledger.call(stream.call).call.answer_body
        assert kept is not None
        assert b"error" not in kept, "what the provider said, and not what we added"
        assert len(endpoint.ledger.calls()) == 3
        (run,) = endpoint.ledger.runs()
        assert (run.ending, run.written, run.dropped) == ("clean", 3, 0)
        assert "Traceback" not in endpoint.log
        provider.until(lambda one: all(request.stopped_at is not None for request in one.requests))


def test_a_client_that_does_not_read_holds_nothing_up(tmp_path: Path, provider: ThreadedProvider) -> None:
    provider.play(Script(models={"*": Behaviour(text=Lorem(tokens=1_000_000))}))
    try:
        with RunningEndpoint(tmp_path, toml_for(provider, 'shutdown_timeout = "1s"')) as endpoint:
            with endpoint.connect() as client:
                stream = client.stream("default")
                stream.event()
                endpoint.send(signal.SIGTERM)
                assert endpoint.wait(HURRIED + 1) == 0
            assert endpoint.ledger.call(stream.call).call.outcome == "cut"
            assert "Traceback" not in endpoint.log
    finally:
        provider.play(SCRIPT)
