"""The simulated provider under the load that rehearsals need."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop
from raw_exchange import chat, request_bytes

from freehold.providers.simulated import Behaviour, Lorem, Script, SimulatedProvider

SLOW_READERS = Path(__file__).with_name("slow_readers.py")

SCRIPT = """
[models.slow]
tokens_per_s = 0.2
faults = [{ kind = "endless" }]

[models.flood]
faults = [{ kind = "endless" }]
"""


def resident(process: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()


def user_seconds(process: int) -> float:
    """Processor time that a process has spent in its own code."""
    return int(Path(f"/proc/{process}/stat").read_text().split()[13]) / os.sysconf("SC_CLK_TCK")


@contextmanager
def child(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process that ends well when the block does: at the end of its input, or by SIGTERM."""
    with subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)


@contextmanager
def slow_readers(port: str, model: str, count: int) -> Iterator[None]:
    """So many clients that read slowly, once all of them have been answered."""
    words = [str(SLOW_READERS), "--port", port, "--model", model, "--count", str(count)]
    with child(*words) as readers:
        assert readers.stdout is not None
        answered = json.loads(readers.stdout.readline())
        assert answered["statuses"] == {"200": count}
        yield
        assert readers.stdin is not None
        readers.stdin.close()
        in_the_end = json.loads(readers.stdout.readline())
        assert in_the_end["ended"] == {}
        assert in_the_end["bytes"] > answered["bytes"]


def test_ten_thousand_slow_streams_in_little_memory(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    floods = 1000
    slow = min(10_000, most - 200) - floods
    script = tmp_path / "script.toml"
    script.write_text(SCRIPT)
    with child("-m", "freehold.providers.simulated", "--script", str(script)) as provider:
        assert provider.stdout is not None
        port = provider.stdout.readline().rsplit(":", 1)[1].split("/")[0]
        provider.stdout.readline()
        before = resident(provider.pid)
        with slow_readers(port, "slow", slow):
            grown = resident(provider.pid) - before
            assert grown < slow * 16_000, f"{grown / slow:.0f} bytes a stream"
            with slow_readers(port, "flood", floods):
                time.sleep(0.5)
                flooded = resident(provider.pid) - before - grown
                assert flooded < floods * 32_000, f"{flooded / floods:.0f} bytes a flood"
                busy = user_seconds(provider.pid)
                time.sleep(1)
                assert user_seconds(provider.pid) - busy < 0.8, "it generates only what is read"
        assert provider.poll() is None
    assert provider.returncode == 0


def test_two_hundred_calls_a_second_arrive_on_time() -> None:
    async def call(port: int, at: float) -> float:
        await asyncio.sleep(at - time.perf_counter())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_bytes(chat(stream=True), headers=["connection: close"]))
        data = await reader.read(-1)
        writer.close()
        assert data.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        return time.perf_counter() - at

    async def run() -> list[float]:
        script = Script(models={"m": Behaviour(text=Lorem(tokens=20), tokens_per_s=200)})
        async with SimulatedProvider(script) as provider:
            start = time.perf_counter() + 0.05
            took = await asyncio.gather(*(call(provider.port, start + i / 200) for i in range(300)))
            assert provider.connections.opened == 300
            return sorted(took)

    took = asyncio.run(run())
    assert took[0] > 0.094, "twenty tokens at 200 a second"
    assert took[len(took) // 2] < 0.15


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_calls_on_one_connection_follow_each_other_at_once(
    runner: Callable[[Coroutine[None, None, None]], None],
) -> None:
    async def run() -> None:
        async with SimulatedProvider() as provider:
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
            began = time.perf_counter()
            for _ in range(50):
                writer.write(request_bytes(chat(stream=True)))
                await reader.readuntil(b"\r\n0\r\n\r\n")
            # A delayed acknowledgement would cost 40 ms each time.
            assert time.perf_counter() - began < 1
            writer.close()
            await writer.wait_closed()

    runner(run())
