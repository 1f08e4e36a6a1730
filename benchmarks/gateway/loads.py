"""The two loads: a closed loop for rates (wrk), an open one for latencies under half load (paced)."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import msgspec

from .machine import LOAD_CORE
from .traffic import Target

_HERE = Path(__file__).parent
_PACED_CONNECTIONS = 64


class Load(msgspec.Struct, frozen=True):
    """What a load generator saw. Times in microseconds."""

    requests: int
    duration_us: float
    p50_us: float
    p99_us: float
    errors: int
    """Connections that broke, and requests that were never answered."""
    bad: int
    """Answers with another status than 200."""
    longest_wait: int = 0
    """Requests that were due and had no free connection, at the worst moment; open loop only."""


def _result_of(command: list[str], environment: dict[str, str], seconds: float) -> Load:
    pinned = ["taskset", "-c", str(LOAD_CORE), *command]
    done = subprocess.run(
        pinned,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return msgspec.json.decode(line.removeprefix("RESULT "), type=Load)
    raise RuntimeError(f"The load generator gave no result: {done.stdout}{done.stderr}")


class Loads:
    """The load generators, found and compiled."""

    def __init__(self, *, wrk: Path, paced: Path) -> None:
        self._wrk = wrk
        self._paced = paced

    def run_closed(self, target: Target, *, clients: int, seconds: float, streamed: bool) -> Load:
        """Each client sends its next request when its last one is answered."""
        with tempfile.NamedTemporaryFile() as body:
            body.write(target.body(streamed=streamed))
            body.flush()
            return _result_of(
                [
                    str(self._wrk),
                    "--threads=1",
                    f"--connections={clients}",
                    f"--duration={round(seconds)}s",
                    "--timeout=20s",
                    f"--script={_HERE / 'load' / 'post.lua'}",
                    target.url,
                ],
                {
                    "BODY": body.name,
                    "KEY": target.key,
                    "HEADERS": ";".join(f"{name}={value}" for name, value in target.headers.items()),
                },
                seconds,
            )

    def run_open(self, target: Target, *, rate: float, seconds: float) -> Load:
        """Whole requests leave `rate` times a second on average, whatever became of the earlier ones."""
        with tempfile.NamedTemporaryFile() as request:
            request.write(target.request(streamed=False))
            request.flush()
            command = [
                str(self._paced),
                str(target.port),
                f"{rate:.3f}",
                str(seconds),
                str(_PACED_CONNECTIONS),
            ]
            return _result_of([*command, request.name], {}, seconds)
