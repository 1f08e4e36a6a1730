"""Damaged requests to a running endpoint: `python -m benchmarks.fuzz.over_http SECONDS`.

The endpoint is a process of its own, as `freehold up` starts it; its provider is sick in many ways. Bodies of requests
in every dialect are damaged, and now and then the head that they come with. No client may be told 500, or shown a trace
of the program; no connection may be held or closed without a word; the endpoint has to go on within its memory, and its
log to speak of no error of ours. The exit code counts the findings.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.limits.endpoints import endpoint
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
LARGEST_BODY = 3_000_000
"""What has become larger is cut: somewhat more than the endpoint takes."""
MOST_TAKEN = 2_000_000
MOST_MEMORY = 400
"""Megabytes that the endpoint may take."""
MOST_OF_OURS = 2 * 2**30
"""Bytes of addresses that this program may have, with the provider that is in it."""
REMEMBERED = 100
"""Requests that the provider keeps."""
_MODEL = re.compile(rb'"model":\s*"[^"]*"')
_CODE = re.compile(rb'"(?:code|type|status)":\s*"(\w{1,40})"')
TRACES = (b"Traceback (most recent", b'File "', b'File \\"', b".py, line ")
TOML = """
[local]
enabled = false
[server]
max_body_bytes = {most}
{providers}
[routes.chat]
incumbent = "openai-chat/chat"
fallbacks = ["anthropic-messages/chat", "gemini/chat", "openai-responses/chat"]
deadline = "10s"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run for the time that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz.over_http", description=__doc__)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--recordings", type=Path, default=RECORDINGS)
    asked = parser.parse_args(arguments)
    number = random.randrange(2**32) if asked.seed is None else asked.seed
    seeds = seeds_in(asked.recordings)
    say(f"seed {number}, {len(seeds)} good requests")
    faults = tuple(
        kind(chance=0.03) for kind in (Cut, Empty, ErrorEvent, Garbage, Malformed, Refused, WrongLength)
    )
    script = Script(models={"*": Behaviour(text=Lorem(tokens=12), faults=faults)})
    with (
        SimulatedProvider.in_thread(script, keep=REMEMBERED) as provider,
        tempfile.TemporaryDirectory() as folder,
    ):
        providers = "".join(
            f'[providers.{name}]\nbase_url = "{provider.base_url}"\ndialects = ["{name}"]\n'
            for name in CLIENTS
        )
        with endpoint(Path(folder), TOML.format(providers=providers, most=MOST_TAKEN)) as running:
            fuzzing = Fuzzing(running.url, running.key, running.process.pid, seeds, random.Random(number))
            before = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(
                resource.RLIMIT_AS, (MOST_OF_OURS, before[1])
            )  # the endpoint has begun without
            try:
                asyncio.run(fuzzing.run(asked.seconds))
            finally:
                resource.setrlimit(resource.RLIMIT_AS, before)
        with (Path(folder) / "log").open(errors="replace") as log:
            for line in log:
                if "Traceback" in line or "error of ours" in line:
                    fuzzing.find("the log speaks of an error of ours", line + log.read(3000))
    fuzzing.sum_up()
    return min(100, sum(fuzzing.findings.values()))


def seeds_in(recordings: Path) -> list[tuple[str, Frames]]:
    """Good requests of all clients' dialects, and the paths that they go to."""
    return [
        (path, [_MODEL.sub(b'"model": "chat"', frame) for frame in frames])
        for dialect in CLIENTS
        for target in targets_of(dialect, recordings)
        if target.name.endswith(" request")
        for frames in target.seeds
        for path in PATHS[dialect]
    ]


class Fuzzing:
    """Clients that send what is damaged."""

    def __init__(
        self,
        url: str,
        key: str,
        process: int,
        seeds: Sequence[tuple[str, Frames]],
        dice: random.Random,
        *,
        patience_s: float = PATIENCE_S,
        most_memory: float = MOST_MEMORY,
    ) -> None:
        """`process`: the id of the endpoint's, which may take so many megabytes."""
        where = urlsplit(url)
        self._address = where.hostname, where.port
        self._key = key.encode()
        self._process = process
        self._seeds = seeds
        self._dice = dice
        self._patience_s = patience_s
        self._most_memory = most_memory
        self.sent: Counter[str] = Counter()
        """Path -> requests."""
        self.told: Counter[int] = Counter()
        """Status -> answers; 0: the connection was closed without one."""
        self.errors: Counter[str] = Counter()
        """Status from 500 and code -> answers."""
        self.findings: Counter[str] = Counter()
        self.memory = 0.0
        """Megabytes of the endpoint, at the most."""

    async def run(self, seconds: float) -> None:
        """Send for so long."""
        end = time.monotonic() + seconds
        looking = asyncio.create_task(self._look(seconds / 20))
        await asyncio.gather(*(self._client(end) for _ in range(AT_ONCE)))
        looking.cancel()
        self._measure()

    def find(self, kind: str, what: object) -> None:
        """Tell of the first of its kind."""
        self.findings[kind] += 1
        if self.findings[kind] == 1:
            say(f"FOUND {kind}: {str(what)[:3000]}")

    def sum_up(self) -> None:
        """Tell what became of it."""
        say(f"{self.sent.total()} requests {dict(sorted(self.sent.items()))}")
        say(f"told {dict(sorted(self.told.items()))}, of them {dict(sorted(self.errors.items()))}")
        say(f"at the most {self.memory:.0f} MB of the endpoint, {_own_memory():.0f} MB of this program")
        say(f"{self.findings.total()} findings {dict(self.findings)}")

    async def _look(self, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            self._measure()
            say(f"{self.sent.total()} requests, {self.memory:.0f} MB, {_own_memory():.0f} MB of this program")

    def _measure(self) -> None:
        with suppress(OSError):  # it is gone, which is found elsewhere
            status = Path(f"/proc/{self._process}/status").read_text()
            peak = re.search(r"VmHWM:\s+(\d+) kB", status)
            self.memory = max(self.memory, int(peak[1]) / 1000 if peak else 0.0)
        if self.memory > self._most_memory and not self.findings["the endpoint grew"]:
            self.find("the endpoint grew", f"{self.memory:.0f} MB")

    async def _client(self, end: float) -> None:
        while time.monotonic() < end:
            path, request, is_whole = self._request()
            self.sent[path] += 1
            answer = bytearray()
            broke = False
            try:
                async with asyncio.timeout(self._patience_s if is_whole else HASTE_S):
                    await self._send(request, answer)
            except TimeoutError:
                if is_whole:
                    self.find("no end", (request[:1500], answer[:1000]))
            except ConnectionRefusedError:
                self.find("the endpoint is gone", request[:3000])
                return
            except OSError:
                broke = True
            if is_whole and not answer and (not broke or len(request) < MOST_TAKEN):
                self.find("no answer", request)
            self._judge(request, bytes(answer))

    def _request(self) -> tuple[str, bytes, bool]:
        """Where to, a request, and whether its head is that of an honest client, who has to be answered and let go."""
        dice = self._dice
        path, frames = dice.choice(self._seeds)
        body = b"".join(damaged(frames, dice.choice(self._seeds)[1], dice))[:LARGEST_BODY]
        if dice.random() < 0.5:
            body = body.replace(b'"stream":false', b'"stream":true').replace(
                b'"stream": false', b'"stream": true'
            )
        if dice.random() < 0.1:
            path = dice.choice(OTHERS)
        lines = [
            f"{dice.choice(METHODS)} {path} HTTP/1.1".encode(),
            b"host: localhost",
            b"authorization: Bearer " + self._key,
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            b"connection: close",
        ]
        is_whole = dice.random() < 0.9
        if not is_whole:
            lines = damaged(lines, lines, dice)
        return path, b"\r\n".join(lines) + b"\r\n\r\n" + body, is_whole

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
        if status >= 500:
            code = _CODE.search(answer)
            self.errors[f"{status} {code[1].decode() if code else ''}"] += 1
        if status == 500:
            self.find("500", (request, answer[:1000]))
        for trace in TRACES:
            if trace in answer and trace not in request:
                self.find("a trace of the program", (request, answer[:2000]))


def _own_memory() -> float:
    """Megabytes of this program, at the most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    raise SystemExit(main())
