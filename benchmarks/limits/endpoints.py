"""Endpoints in processes of their own, and a load that is put on them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

import freehold

ROOT = Path(freehold.__file__ or "").parent.parent
SHARED_FILES = ("access.db", "secret", "limits.db")


class Endpoint:
    """`freehold up` in a folder."""

    def __init__(self, folder: Path, toml: str, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        (folder / "freehold.toml").write_text(toml)
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            **(environment or {}),
        }
        self.key = ""
        self.url = ""

    def start(self, *words: str) -> None:
        """Start it, and wait until it takes requests."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "freehold", "up", "--json", "--port", "0", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                env=self._environment,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError((self.folder / "log").read_text())
        started = msgspec.json.decode(line)
        self.url, self.key = started["url"], started["key"] or self.key

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        self.process.send_signal(number)
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextlib.contextmanager
def endpoint(folder: Path, toml: str, environment: Mapping[str, str] | None = None) -> Iterator[Endpoint]:
    """One endpoint with a key of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    one = Endpoint(folder, toml, environment)
    one.start("--new-key")
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.end()


def share_files(common: Path, home: Path) -> None:
    """Let an endpoint's data folder have its keys, and the file of its limits, in another one."""
    data = home / ".freehold"
    data.mkdir(parents=True, exist_ok=True)
    for name in SHARED_FILES:
        link = data / name
        if not link.is_symlink():
            if link.exists():
                link.rename(common / name)
            link.symlink_to(common / name)


async def load(
    urls: Sequence[str],
    key: str,
    body: dict[str, object],
    *,
    clients: int,
    seconds: float,
    streamed: float = 0.0,
    give_up: float = 0.0,
    seed: int = 0,
) -> Counter[str]:
    """Clients that call as long as there is time, each over connections that it keeps; what they were told."""
    told: Counter[str] = Counter()
    end = asyncio.get_running_loop().time() + seconds

    async def client(number: int) -> None:
        dice = random.Random(f"{seed}.{number}")
        while asyncio.get_running_loop().time() < end:
            url = urlsplit(dice.choice(urls))
            try:
                reader, writer = await asyncio.open_connection(url.hostname, url.port)
            except OSError:
                told["unreachable"] += 1
                await asyncio.sleep(0.2)
                continue
            try:
                while asyncio.get_running_loop().time() < end:
                    stream = dice.random() < streamed
                    patience = dice.random() if dice.random() < give_up else 30.0
                    head = _head(url.netloc, key, msgspec.json.encode({**body, "stream": stream}))
                    async with asyncio.timeout(patience):
                        status = await _answer(reader, writer, head)
                    told[str(status)] += 1
                    if status in (402, 429):
                        await asyncio.sleep(0.2 + dice.random() * 0.6)
            except TimeoutError:
                told["given up"] += 1
            except (OSError, asyncio.IncompleteReadError, ValueError, IndexError):
                told["broken"] += 1
            finally:
                writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return told


def _head(host: str, key: str, data: bytes) -> bytes:
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    ).encode() + data


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Ask, and read the whole answer; its status."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    status = int(lines[0].split()[1])
    lengths = [line for line in lines if line.startswith(b"content-length:")]
    if lengths:
        await reader.readexactly(int(lengths[0].split(b":")[1]))
        return status
    while True:
        size = int(await reader.readuntil(b"\r\n"), 16)
        await reader.readexactly(size + 2)
        if size == 0:
            return status
