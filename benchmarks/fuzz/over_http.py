"""Damaged requests to a running endpoint: `python -m benchmarks.fuzz.over_http SECONDS`.

The endpoint is a process of its own, as `freehold up` starts it; its provider is sick in many ways. Bodies of requests
in every dialect are damaged, and now and then the head that they come with. No client may be told 500, or shown a trace
of the program; no connection may be held without a word; the endpoint has to go on, and its log to speak of no error of
ours. The exit code counts the findings.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.limits.endpoints import Endpoint, endpoint
from freehold.providers.simulated import (
    Behaviour,
    Cut,
    Empty,
    ErrorEvent,
    Garbage,
    Lorem,
    Malformed,
    Refused,
    Script,
    SimulatedProvider,
    WrongLength,
)

from .__main__ import targets_of
from .chat import CLIENTS
from .damage import Frames, damaged
from .run import say
from .target import RECORDINGS

PATHS = {
    "openai-chat": ("/v1/chat/completions",),
    "openai-responses": ("/v1/responses",),
    "anthropic-messages": ("/v1/messages", "/v1/messages/count_tokens"),
    "gemini": tuple(
        f"/v1beta/models/chat:{verb}" for verb in ("generateContent", "streamGenerateContent", "countTokens")
    ),
}
OTHERS = (
    "/v1/embeddings",
    "/v1/files",
    "/v1/batches",
    "/v1/messages/batches",
    "/v1/responses/resp_1",
    "/v1/models",
)
METHODS = ("POST",) * 18 + ("GET", "DELETE")
AT_ONCE = 6
PATIENCE_S = 30.0
"""Within which an honest client is answered, to the end."""
HASTE_S = 1.0
"""For whoever announces more than he sends: the endpoint waits for the rest."""
LONGEST_ANSWER = 4_000_000
_MODEL = re.compile(rb'"model":\s*"[^"]*"')
TRACES = (b"Traceback (most recent", b'File "', b".py, line ")
TOML = """
[local]
enabled = false
[server]
max_body_bytes = 2_000_000
{providers}
[routes.chat]
incumbent = "openai-chat/chat"
fallbacks = ["anthropic-messages/chat", "gemini/chat", "openai-responses/chat"]
deadline = "10s"
"""


def main() -> int:
    """Run for the time that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz.over_http", description=__doc__)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--recordings", type=Path, default=RECORDINGS)
    asked = parser.parse_args()
    number = random.randrange(2**32) if asked.seed is None else asked.seed
    say(f"seed {number}")
    seeds = [
        (path, [_MODEL.sub(b'"model": "chat"', frame) for frame in frames])
        for dialect in CLIENTS
        for target in targets_of(dialect, asked.recordings)
        if target.name.endswith(" request")
        for frames in target.seeds
        for path in PATHS[dialect]
    ]
    faults = tuple(
        kind(chance=0.03) for kind in (Cut, Empty, ErrorEvent, Garbage, Malformed, Refused, WrongLength)
    )
    script = Script(models={"*": Behaviour(text=Lorem(tokens=12), faults=faults)})
    with SimulatedProvider.in_thread(script) as provider, tempfile.TemporaryDirectory() as folder:
        providers = "".join(
            f'[providers.{name}]\nbase_url = "{provider.base_url}"\ndialects = ["{name}"]\n'
            for name in CLIENTS
        )
        with endpoint(Path(folder), TOML.format(providers=providers)) as running:
            fuzzing = Fuzzing(running, seeds, random.Random(number))
            asyncio.run(fuzzing.run(asked.seconds))
            log = (Path(folder) / "log").read_text(errors="replace")
    for line in log.splitlines():
        if "Traceback" in line or "error of ours" in line:
            fuzzing.find("the log speaks of an error of ours", line)
    say(f"{sum(fuzzing.told.values())} requests; told {dict(sorted(fuzzing.told.items()))}")
    say(f"memory {fuzzing.memory[0]:.0f} MB after a tenth of them, {fuzzing.memory[-1]:.0f} MB at the end")
    say(f"{sum(fuzzing.findings.values())} findings {dict(fuzzing.findings)}")
    return min(100, sum(fuzzing.findings.values()))


class Fuzzing:
    """Clients that send what is damaged."""

    def __init__(self, running: Endpoint, seeds: list[tuple[str, Frames]], dice: random.Random) -> None:
        self._running = running
        self._seeds = seeds
        self._dice = dice
        host, _, port = running.url.removeprefix("http://").partition(":")
        self._address = host, int(port)
        self.told: Counter[int] = Counter()
        """Status -> answers; 0: the connection was closed without one."""
        self.findings: Counter[str] = Counter()
        self.memory: list[float] = []
        """Megabytes of the endpoint, a look every tenth of the time."""

    async def run(self, seconds: float) -> None:
        """Send for so long."""
        end = time.monotonic() + seconds
        await asyncio.gather(self._look(seconds / 10, end), *(self._client(end) for _ in range(AT_ONCE)))

    def find(self, kind: str, what: object) -> None:
        """Tell of the first of its kind."""
        self.findings[kind] += 1
        if self.findings[kind] == 1:
            say(f"FOUND {kind}: {str(what)[:3000]}")

    async def _look(self, pause: float, end: float) -> None:
        process = psutil.Process(self._running.process.pid)
        while time.monotonic() < end:
            await asyncio.sleep(pause)
            self.memory.append(process.memory_info().rss / 1e6)
            say(f"{sum(self.told.values())} requests, {self.memory[-1]:.0f} MB")

    async def _client(self, end: float) -> None:
        while time.monotonic() < end:
            request, is_whole = self._request()
            answer = bytearray()
            try:
                async with asyncio.timeout(PATIENCE_S if is_whole else HASTE_S):
                    await self._send(request, answer)
            except TimeoutError:
                if is_whole:
                    self.find("no end", (request, answer))
            except ConnectionRefusedError:
                self.find("the endpoint is gone", request)
                return
            except OSError:
                pass
            self._judge(request, bytes(answer))

    def _request(self) -> tuple[bytes, bool]:
        """A request, and whether its head is that of an honest client, who has to be answered and let go."""
        dice = self._dice
        path, frames = dice.choice(self._seeds)
        body = b"".join(damaged(frames, dice.choice(self._seeds)[1], dice))
        if dice.random() < 0.5:
            body = body.replace(b'"stream":false', b'"stream":true').replace(
                b'"stream": false', b'"stream": true'
            )
        if dice.random() < 0.1:
            path = dice.choice(OTHERS)
        lines = [
            f"{dice.choice(METHODS)} {path} HTTP/1.1".encode(),
            b"host: localhost",
            b"authorization: Bearer " + self._running.key.encode(),
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            b"connection: close",
        ]
        is_whole = dice.random() < 0.9
        if not is_whole:
            lines = damaged(lines, lines, dice)
        return b"\r\n".join(lines) + b"\r\n\r\n" + body, is_whole

    async def _send(self, request: bytes, answer: bytearray) -> None:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            writer.write(request)
            await writer.drain()
            if self._dice.random() < 0.05:  # the client goes in the middle
                answer += await reader.read(self._dice.randrange(1, 400))
                return
            while len(answer) < LONGEST_ANSWER and (more := await reader.read(65_536)):
                answer += more
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _judge(self, request: bytes, answer: bytes) -> None:
        head = answer.split(b" ", 2)
        status = (
            int(head[1]) if len(head) > 1 and head[0] == b"HTTP/1.1" and len(head[1]) == len("200") else 0
        )
        self.told[status] += 1
        if status == 500:
            self.find("500", (request, answer[:1000]))
        for trace in TRACES:
            if trace in answer and trace not in request:
                self.find("a trace of the program", (request, answer[:2000]))


if __name__ == "__main__":
    raise SystemExit(main())
