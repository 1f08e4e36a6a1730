"""`freehold drill --live`: a share of live calls finds a provider lost, and it ends by itself."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from running_endpoint import RunningEndpoint, until
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.providers.simulated import Behaviour, Refused, Script, SimulatedProvider, ThreadedProvider

TOML = """
[local]
enabled = false
[ledger]
flush_ms = 10
[providers.acme]
base_url = "ACME"
[providers.beta]
base_url = "BETA"
[routes.chat]
incumbent = "acme/m"
fallbacks = ["beta/b"]
deadline = "4s"
[routes.alone]
incumbent = "acme/m"
[health]
enabled = true
"""
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}


@contextmanager
def standing(
    folder: Path, *words: str, beta_script: Script | None = None
) -> Iterator[tuple[RunningEndpoint, ThreadedProvider, ThreadedProvider]]:
    with SimulatedProvider.in_thread() as acme, SimulatedProvider.in_thread(beta_script) as beta:
        toml = TOML.replace("ACME", acme.base_url).replace("BETA", beta.base_url)
        with RunningEndpoint(folder, toml, *words) as endpoint:
            yield endpoint, acme, beta


class Load:
    """Calls one after another, each of a conversation of its own, until it is left."""

    def __init__(self, endpoint: RunningEndpoint) -> None:
        self.statuses: Counter[int] = Counter()
        self._endpoint = endpoint
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._over.wait(0.01):
            body = {
                "model": "chat",
                "stream": number % 2 == 0,
                "messages": [{"role": "user", "content": f"Question {number}"}],
            }
            number += 1
            with self._endpoint.connect() as client:
                self.statuses[client.post("/v1/chat/completions", body).status] += 1


def led(shell: Shell, *words: str) -> subprocess.Popen[bytes]:
    return shell.start("drill", "--lose", "acme", "--on", "chat", "--json", *words)


def ended(leading: subprocess.Popen[bytes]) -> tuple[int, dict[str, Any]]:
    out, said = leading.communicate(timeout=60)
    assert out, said.decode()
    return leading.returncode, msgspec.json.decode(out)


def attempts(endpoint: RunningEndpoint) -> list[list[tuple[str, str]]]:
    found = endpoint.ledger.calls(limit=5000)
    return [[(one.provider, one.reason) for one in entry.call.attempts] for entry in found]


def test_a_share_of_the_calls_finds_the_provider_lost_in_every_process(tmp_path: Path) -> None:
    with standing(tmp_path, "--workers", "2") as (endpoint, acme, beta), Load(endpoint) as load:
        status, report = ended(led(Shell(tmp_path), "--live", "30%", "--minutes", "0.12"))
        asked = len(beta.requests)
        time.sleep(0.3)
        assert load.statuses.total() == load.statuses[200]
        assert asked == len(beta.requests)  # nothing is left of it
        assert len(acme.requests) > asked
    assert (status, report["conclusion"]) == (0, "survived"), report
    assert report["endpoints"] == 2
    assert report["survived"] == report["calls"] > 10
    assert {row["fault"] for row in report["rows"]} >= {"refused", "keys", "failing"}
    drilled = [one for one in attempts(endpoint) if ("acme", "drill") in one]
    # What only a breaker kept away from the lost provider has no attempt at it.
    assert 10 < len(drilled) <= report["calls"]
    assert all(one[-1][0] == "beta" for one in drilled)
    assert not list((tmp_path / ".freehold" / "drills").glob("*.json"))


def test_it_stops_when_too_few_survive(tmp_path: Path) -> None:
    sick = Script(models={"*": Behaviour(faults=(Refused(status=500),))})
    with standing(tmp_path, beta_script=sick) as (endpoint, acme, _), Load(endpoint) as load:
        began = time.monotonic()
        words = ("--live", "100%", "--minutes", "5", "--fault", "refused", "--stop-below", "0.9")
        status, report = ended(led(Shell(tmp_path), *words))
        assert time.monotonic() - began < 30
        before, answered = len(acme.requests), load.statuses[200]
        until(lambda: len(acme.requests) > before + 5 and load.statuses[200] > answered + 5)
    assert (status, report["conclusion"], report["stopped_early"]) == (1, "not survived", True)
    assert report["survived"] == 0
    assert report["calls"] >= 20


def test_it_ends_when_its_leader_is_killed(tmp_path: Path) -> None:
    with standing(tmp_path) as (endpoint, acme, beta), Load(endpoint) as load:
        leading = led(Shell(tmp_path), "--live", "1", "--minutes", "60", "--fault", "refused")
        until(lambda: len(beta.requests) > 5)
        leading.send_signal(signal.SIGKILL)
        leading.communicate()
        until(lambda: endpoint.says("the drill of `chat` has ended"))
        asked, before = len(beta.requests), len(acme.requests)
        until(lambda: len(acme.requests) > before + 5)
        assert len(beta.requests) == asked
        assert load.statuses.total() == load.statuses[200]


def test_calls_that_are_bound_to_the_provider_are_left_alone(tmp_path: Path) -> None:
    called = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    loop = {
        "model": "chat",
        "tools": [TOOL],
        "messages": [
            {"role": "user", "content": "Look it up."},
            {"role": "assistant", "tool_calls": [called]},
            {"role": "tool", "tool_call_id": "call_1", "content": "42"},
        ],
    }
    with standing(tmp_path) as (endpoint, acme, beta):
        leading = led(Shell(tmp_path), "--live", "100%", "--minutes", "0.1", "--fault", "refused")
        until(lambda: endpoint.says("a drill has begun"))
        with endpoint.connect() as client:
            for _ in range(5):
                assert client.post("/v1/chat/completions", loop).status == 200
        assert (len(acme.requests), len(beta.requests)) == (5, 0)
        status, report = ended(leading)
    assert (status, report["conclusion"], report["left_alone"]) == (3, "not enough evidence", 5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--on", "chat", "--live", "0%"), "`0%` is no share of calls."),
        (("--on", "chat", "--live", "5x"), "`5x` is no share of calls."),
        (("--on", "chat", "--live", "5%", "--fault", "cut"), "`cut` is not rehearsed on live calls"),
        (("--on", "alone", "--live", "5%"), "Nobody takes over on `alone`"),
        (("--live", "5%"), "A live drill is on one route"),
        (("--on", "chat", "--live", "5%", "--minutes", "1"), "No endpoint takes part."),
    ],
)
def test_what_cannot_be_led_is_told(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    nowhere = "http://127.0.0.1:9/v1"
    (tmp_path / "freehold.toml").write_text(TOML.replace("ACME", nowhere).replace("BETA", nowhere))
    done = Shell(tmp_path)("drill", "--lose", "acme", *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert not done.stdout
    assert not list((tmp_path / ".freehold").glob("drills/*.json"))
