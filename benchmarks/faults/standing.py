"""The processes of the benchmark: two simulated providers, and before them one gateway at a time."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.gateway.environments import ROOT, pinned_version, python_with
from freehold.providers.simulated.script import Script

from .sicknesses import routes

_HERE = Path(__file__).parent
_PINNED = ROOT / "benchmarks" / "gateway" / "gateways" / "litellm.txt"
_START_SECONDS = 90.0
_END_SECONDS = 20.0

CLIENT_KEY = "sk-bench"


class Gateway(msgspec.Struct, frozen=True):
    """A gateway that is up."""

    name: str
    title: str
    port: int
    key: str

    def changes(self) -> int | None:
        """How often it noticed that a model calls itself otherwise than before; None where it does not look."""
        if self.name != "freehold":
            return None
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            figures = dict(
                line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#"
            )
        return int(float(figures["freehold_model_changes_total"]))


class Provider(msgspec.Struct):
    """A simulated provider that runs."""

    port: int
    control: str

    def play(self, script: Script) -> None:
        """From now on this happens."""
        request = urllib.request.Request(
            f"{self.control}/script",
            msgspec.json.encode(script),
            {"content-type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=30).read()

    def forget(self) -> None:
        """What it saw before is not counted."""
        urllib.request.urlopen(
            urllib.request.Request(f"{self.control}/requests", method="DELETE"), timeout=30
        ).read()

    def requests(self) -> list[dict[str, Any]]:
        """Everything it was asked, and what became of it."""
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["number"] if found else -1
            with urllib.request.urlopen(f"{self.control}/requests?after={after}", timeout=60) as answer:
                more = msgspec.json.decode(answer.read())["requests"]
            if not more:
                return found
            found += more


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextlib.contextmanager
def process(
    command: list[str], log: Path, *, folder: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`command`, until the end of the block."""
    with log.open("wb") as output:
        started = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait(_END_SECONDS)


@contextlib.contextmanager
def provider(name: str, folder: Path) -> Iterator[Provider]:
    """A simulated provider."""
    port, control, log = free_port(), free_port(), folder / f"{name}.log"
    command = [
        sys.executable,
        "-m",
        "freehold.providers.simulated",
        "--port",
        str(port),
        "--control-port",
        str(control),
    ]
    with process(command, log, folder=folder) as started:
        until(lambda: log.read_bytes().count(b"\n") >= 2, started, log)
        yield Provider(port, f"http://127.0.0.1:{control}/_simulated")


def until(ready: Callable[[], bool], started: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while not ready():
        if started.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"It did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def answers(url: str) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            return bool(urllib.request.urlopen(url, timeout=2).status == 200)
        except OSError:
            return False

    return ask


def _write(name: str, folder: Path, sick: int, **values: object) -> Path:
    """Fill in the `@NAME@`s; what stands between lines of `#each` is there once for each route."""

    def filled(text: str, **values: object) -> str:
        return re.sub(r"@(\w+)@", lambda mark: str(values[mark[1].lower()]), text)

    settings = folder / name
    parts = (_HERE / name).read_text().split("#each\n")
    for place in range(1, len(parts), 2):
        parts[place] = "".join(
            filled(
                parts[place],
                route=route,
                host="127.0.0.1" if exists else "provider.invalid",
                sick=sick,
                **values,
            )
            for route, exists in routes().items()
        )
    settings.write_text(filled("".join(parts), **values))
    return settings


@contextlib.contextmanager
def freehold(folder: Path, sick: int, healthy: int) -> Iterator[Gateway]:
    """`freehold up`, as it comes."""
    port = free_port()
    settings = _write("freehold.toml", folder, port=port, sick=sick, healthy=healthy)
    command = [sys.executable, "-m", "freehold"]

    def tell(*arguments: str) -> str:
        return subprocess.run(
            [*command, *arguments],
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout.strip()

    key = tell("keys", "create", "bench", "--config", str(settings))
    title = f"Freehold {tell('--version').rpartition(' ')[2]}"
    log = folder / "freehold.log"
    with process([*command, "up", "--config", str(settings)], log, folder=folder) as started:
        until(answers(f"http://127.0.0.1:{port}/health/ready"), started, log)
        yield Gateway("freehold", title, port, key)


@contextlib.contextmanager
def litellm(folder: Path, sick: int, healthy: int) -> Iterator[Gateway]:
    """LiteLLM's proxy, told the same as far as it can be."""
    port = free_port()
    settings = _write("litellm.yaml", folder, sick=sick, healthy=healthy, key=CLIENT_KEY)
    program = python_with(_PINNED).with_name("litellm")
    command = [str(program), "--config", str(settings), "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        "PYTHONPATH": "",
        "LITELLM_LOG": "CRITICAL",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MODE": "PRODUCTION",
        "NO_DOCS": "True",
    }
    log = folder / "litellm.log"
    with process([*command, "--num_workers", "1"], log, folder=folder, environment=environment) as started:
        until(answers(f"http://127.0.0.1:{port}/health/liveliness"), started, log)
        yield Gateway("litellm", f"LiteLLM {pinned_version(_PINNED, 'litellm')}", port, CLIENT_KEY)
