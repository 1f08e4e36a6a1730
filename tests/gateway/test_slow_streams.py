"""Ten thousand streams at once, all read slowly: memory stays bounded and everybody is served."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attacks import GOOD, whole
from hostile import open_files, resident, strike
from running_endpoint import RunningEndpoint

SLOW_READERS = Path(__file__).parents[1] / "providers" / "simulated" / "slow_readers.py"
SCRIPT = """
[models.slow]
tokens_per_s = 0.2
faults = [{ kind = "endless" }]

[models.flood]
faults = [{ kind = "endless" }]

[models.m]
text = { kind = "echo" }
"""
TOML = """
[local]
enabled = false
[providers.sim]
base_url = "%s"
[routes.default]
incumbent = "sim/m"
"""
FLOODS = 50
"""Streams whose provider says as much as it is let: each would take tens of megabytes a second."""
BYTES_A_STREAM = 48_000
"""Of resident memory: a call, two connections, and what waits between them."""
MEGABYTES = 1 << 20


@contextmanager
def child(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has ended when the block does."""
    process = subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=15)


@contextmanager
def slow_readers(endpoint: RunningEndpoint, model: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """So many clients that read `model` slowly, once all of them have been answered."""
    words = [str(SLOW_READERS), "--port", str(port_of(endpoint)), "--key", endpoint.key, "--model", model]
    with child(*words, "--count", str(count), "--limit", "90") as readers:
        answered = json.loads(said(readers))
        assert answered["statuses"] == {"200": count}
        assert answered["ended"] == {}
        yield readers
        assert readers.stdin is not None
        readers.stdin.close()
        in_the_end = json.loads(said(readers))
        readers.stdin = None
        assert in_the_end["ended"] == {}
        assert in_the_end["least"] > answered["least"], "every single one goes on"


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def port_of(endpoint: RunningEndpoint) -> int:
    return int(endpoint.url.rsplit(":", 1)[1])


def flooded(control: str, first: int) -> int:
    """Bytes that the provider has written for the floods; `first` is the number of an earlier request."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{control}/requests?after={first}", timeout=10) as answer:
        requests: list[dict[str, Any]] = json.loads(answer.read())["requests"]
    floods = [request for request in requests if request["model"] == "flood"]
    assert len(floods) == FLOODS
    return sum(request["bytes_written"] for request in floods)


def test_ten_thousand_slow_streams(tmp_path: Path) -> None:
    # Each stream takes two files of the endpoint: its client's connection and its provider's.
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, (files - 500) // 2) - FLOODS
    script = tmp_path / "script.toml"
    script.write_text(SCRIPT)
    with child("-m", "freehold.providers.simulated", "--script", str(script)) as provider:
        base_url, control = said(provider), said(provider)
        with RunningEndpoint(tmp_path, TOML % base_url) as endpoint:
            before, files_before = resident(endpoint.pid), open_files(endpoint.pid)
            with slow_readers(endpoint, "sim/slow", count):
                held = resident(endpoint.pid) - before
                assert held < count * BYTES_A_STREAM, f"{held / count:.0f} bytes a stream"
                with slow_readers(endpoint, "sim/flood", FLOODS):
                    flood, deadline = -1, time.monotonic() + 30
                    while flood != (flood := flooded(control, count - 1)) and time.monotonic() < deadline:
                        time.sleep(1)
                    assert time.monotonic() < deadline, "the floods were never held back"
                    grown = resident(endpoint.pid) - before - held
                    assert grown < 32 * MEGABYTES, f"{grown} bytes for {flood} of the floods"
                    others = strike(port_of(endpoint), whole(endpoint.key, GOOD), limit=10)
                    assert [answer.status for answer in others.answers] == [200]
                    assert others.seconds < 1, "others are served meanwhile"
            deadline = time.monotonic() + 15
            while open_files(endpoint.pid) > files_before + 50 and time.monotonic() < deadline:
                time.sleep(0.1)
            assert open_files(endpoint.pid) <= files_before + 50, "streams of clients that left are ended"
            again = strike(port_of(endpoint), whole(endpoint.key, GOOD), limit=10)
            assert [answer.status for answer in again.answers] == [200]
