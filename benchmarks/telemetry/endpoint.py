"""What telemetry costs the running endpoint: its processor time for each call, without and with everything on.

    python -m benchmarks.telemetry.endpoint

The provider and the collector are small servers in this process, the endpoints processes of their own. The time is told
by thread, in the order in which they were started: the first answers calls, one writes the ledger, and with telemetry
one counts and writes spans and one sends them. So what telemetry takes is seen even where the machine does other work.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

import freehold

CALLS = 3000
CONNECTIONS = 16
_TICKS = os.sysconf("SC_CLK_TCK")

_CHUNKS = 40
_WHOLE = msgspec.json.encode(
    {
        "id": "x", "object": "chat.completion", "created": 1, "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes. " * 40}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 40, "total_tokens": 49},
    }
)  # fmt: skip

KINDS = {
    "off": "[telemetry]\nmetrics = false\npropagate = false\n",
    "metrics": "",
    "all": '[telemetry]\nurl = "http://127.0.0.1:{collector}"\nmetrics_every = "5s"\n',
}


def _event(**fields: object) -> bytes:
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m-1", **fields}
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


def _streamed() -> bytes:
    words = [{"index": 0, "delta": {"content": "Yes. "}, "finish_reason": None}]
    end: list[dict[str, Any]] = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    usage = {"prompt_tokens": 9, "completion_tokens": 40, "total_tokens": 49}
    events = [_event(choices=words)] * _CHUNKS + [_event(choices=end), _event(choices=[], usage=usage)]
    return b"".join(events) + b"data: [DONE]\n\n"


_STREAMED = _streamed()


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    return await reader.readexactly(length)


async def _provide(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            body = await _read_request(reader)
            streamed = b'"stream":true' in body
            answer, kind = (_STREAMED, b"text/event-stream") if streamed else (_WHOLE, b"application/json")
            head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (kind, len(answer))
            writer.write(head + answer)
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        writer.close()


async def _collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            await _read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        writer.close()


async def _ask(port: int, key: str, *, streamed: bool, times: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asked: dict[str, Any] = {"model": "default", "messages": [{"role": "user", "content": "Well? " * 20}]}
    if streamed:
        asked["stream"] = True
    body = msgspec.json.encode(asked)
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (key.encode(), len(body), body)
    )
    for _ in range(times):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        if streamed:
            await reader.readuntil(b"0\r\n\r\n")
        else:
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length")
            )
            await reader.readexactly(length)
    writer.close()


def _processor_seconds(pid: int) -> dict[int, float]:
    """Of each of its threads."""
    found = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        fields = (thread / "stat").read_text().rpartition(")")[2].split()
        found[int(thread.name)] = (int(fields[11]) + int(fields[12])) / _TICKS
    return found


class Running:
    """One endpoint."""

    def __init__(self, folder: Path, kind: str, provider: int, collector: int) -> None:
        toml = f"""
[local]
enabled = false
[providers.sim]
base_url = "http://127.0.0.1:{provider}/v1"
[models."sim/m"]
input = "1"
output = "2"
[routes.default]
incumbent = "sim/m"
"""
        folder.mkdir()
        (folder / "freehold.toml").write_text(toml + KINDS[kind].format(collector=collector))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "freehold", "up", "--json", "--port", "0"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path(freehold.__file__ or "").parents[1])},
        )
        assert self.process.stdout is not None
        started = msgspec.json.decode(self.process.stdout.readline())
        self.port, self.key = int(started["url"].rpartition(":")[2]), started["key"]

    async def measure(self, *, streamed: bool) -> list[float]:
        """Microseconds of processor time for each call, by thread, afterwork included."""
        await self._load(200, streamed=streamed)
        await asyncio.sleep(1.0)
        before = _processor_seconds(self.process.pid)
        await self._load(CALLS, streamed=streamed)
        await asyncio.sleep(1.5)
        after = _processor_seconds(self.process.pid)
        return [(after[one] - before.get(one, 0.0)) / CALLS * 1e6 for one in sorted(after)]

    async def _load(self, calls: int, *, streamed: bool) -> None:
        each = [calls // CONNECTIONS + (number < calls % CONNECTIONS) for number in range(CONNECTIONS)]
        await asyncio.gather(*(_ask(self.port, self.key, streamed=streamed, times=times) for times in each))

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)


async def _main() -> None:
    provider = await asyncio.start_server(_provide, "127.0.0.1", 0)
    collector = await asyncio.start_server(_collect, "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in (provider, collector)]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        endpoints = {}
        for number, kind in enumerate(KINDS):
            endpoints[kind] = await asyncio.to_thread(Running, Path(folder, str(number)), kind, *ports)
            stack.callback(endpoints[kind].stop)
        for streamed in (False, True):
            print(f"{'streamed' if streamed else 'whole'}, µs a call, {CALLS} calls:")
            for kind, endpoint in endpoints.items():
                threads = await endpoint.measure(streamed=streamed)
                told = " + ".join(f"{one:.1f}" for one in threads if one)
                print(f"  {kind:8} {sum(threads):6.1f} = {told}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    asyncio.run(_main())
