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
from pathlib import Path

from raw_exchange import chat, request_bytes

from freehold.providers.simulated import Behaviour, Lorem, Script, SimulatedProvider

SLOW_READERS = Path(__file__).with_name("slow_readers.py")


def resident(process: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()


def user_seconds(process: int) -> float:
    """Processor time that a process has spent in its own code."""
    return int(Path(f"/proc/{process}/stat").read_text().split()[13]) / os.sysconf("SC_CLK_TCK")


def test_ten_thousand_slow_streams_in_little_memory(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, most - 200)
    script = tmp_path / "script.toml"
    script.write_text('[models.m]\nfaults = [{ kind = "endless" }]\n')
    provider = subprocess.Popen(
        [sys.executable, "-m", "freehold.providers.simulated", "--script", str(script)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert provider.stdout is not None
        port = provider.stdout.readline().rsplit(":", 1)[1].split("/")[0]
        provider.stdout.readline()
        before = resident(provider.pid)
        readers = subprocess.Popen(
            [
                sys.executable,
                str(SLOW_READERS),
                "--port",
                port,
                "--model",
                "m",
                "--count",
                str(count),
                "--per-second",
                "2500",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert readers.stdout is not None
            answered = json.loads(readers.stdout.readline())
            assert answered["statuses"] == {"200": count}
            grown = resident(provider.pid) - before
            assert grown < count * 24_000, f"{grown / count:.0f} bytes a stream"
            busy = user_seconds(provider.pid)
            time.sleep(1)
            assert user_seconds(provider.pid) - busy < 0.8, "it generates only what is read"
        finally:
            rest, _ = readers.communicate(timeout=20)
        whole = json.loads(rest)
        assert whole["ended"] == {}
        assert whole["least"] > 0
        assert provider.poll() is None
    finally:
        provider.send_signal(signal.SIGTERM)
        provider.communicate(timeout=10)
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
