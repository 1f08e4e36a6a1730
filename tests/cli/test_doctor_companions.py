"""`freehold doctor` asks the server of the limits and the collector, too."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest
from collector import Collector, Reply
from shell import Shell, forks  # noqa: F401 - a fixture of every test here
from valkey_server import ValkeyServer, needs_valkey

TOML = "[server]\nport = 0\n[local]\nenabled = false\n"


def told(shell: Shell, subject: str, status: int) -> tuple[str, str, str]:
    done = shell("doctor", "--json")
    assert done.returncode == status, done.stdout + done.stderr
    found = {one["subject"]: one for one in map(json.loads, done.stdout.splitlines())}[subject]
    return found["state"], found["found"], found["next"] or ""


@needs_valkey()
def test_the_server_of_the_limits_is_asked(tmp_path: Path) -> None:
    pytest.importorskip("valkey")
    (tmp_path / "freehold.toml").write_text(TOML + '[shared]\nurl = "env:SERVER"\n')
    shell = Shell(tmp_path)
    with ValkeyServer(tmp_path) as server:
        shell.environment["SERVER"] = server.url.replace("//", "//:hushhush@")
        state, found, _ = told(shell, "shared", 1)
        assert state == "broken"
        assert "hushhush" not in found
        shell.environment["SERVER"] = server.url
        state, found, _ = told(shell, "shared", 0)
        assert state in ("good", "notice")
        assert "answers within" in found
        server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        state, found, step = told(shell, "shared", 1)
        assert (state, "allkeys-lru" in found, "noeviction" in step) == ("broken", True, True)
    state, found, step = told(shell, "shared", 1)
    assert (state, "cannot be used" in found, "by shares" in step) == ("broken", True, True)


def test_keys_that_a_limit_does_not_count_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text(TOML + '[limits.each]\non = "user"\nper = "day"\nmoney = 5\n')
    shell = Shell(tmp_path)
    shell("keys", "create", "one", "--user", "ana")
    assert "without a user" not in shell("doctor").stdout
    shell("keys", "create", "two")
    state, found, _ = told(shell, "limits", 0)
    assert (state, found) == ("notice", "1 key without a user: `each` does not count what they use")


def test_what_a_ready_endpoint_complains_of_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    file = tmp_path / "freehold.toml"
    text = TOML.replace("port = 0", f"port = {port}")
    shell = Shell(tmp_path)
    file.write_text(text + '[telemetry]\nurl = "http://127.0.0.1:9"\nmetrics_every = 0.1\n')
    with shell.start("up") as endpoint:
        try:
            assert endpoint.stdout is not None
            assert endpoint.stdout.readline()  # it is ready
            until = time.monotonic() + 20
            while told(shell, "endpoint", 0)[0] != "notice" and time.monotonic() < until:
                time.sleep(0.2)
            state, found, step = told(shell, "endpoint", 0)
            assert (state, "is ready, but telemetry: " in found, "runbook" in step) == ("notice", True, True)
        finally:
            endpoint.terminate()
            endpoint.communicate(timeout=20)


def test_the_collector_is_sent_a_report_of_nothing(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.environment["TOKEN"] = "hushhush"
    with Collector() as collector:
        (tmp_path / "freehold.toml").write_text(
            TOML + f'[telemetry]\nurl = "{collector.url}"\nheaders = {{ authorization = "env:TOKEN" }}\n'
        )
        assert told(shell, "telemetry", 0)[0] == "good"
        (request,) = collector.requests
        assert (request.path, request.body, request.headers["authorization"]) == (
            "/v1/traces",
            b"",
            "hushhush",
        )
        for status, step in ((401, "telemetry.headers"), (404, "without `/v1/traces`"), (503, "its own log")):
            collector.replies.append(Reply(status))
            state, found, after = told(shell, "telemetry", 0)
            assert (state, str(status) in found, step in after) == ("notice", True, True)
    state, found, _ = told(shell, "telemetry", 0)
    assert (state, "cannot be reached" in found) == ("notice", True)
