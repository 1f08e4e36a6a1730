"""Who is measured: the library by itself, our worker, and the endpoint before it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from freehold.catalog.profile import Profile
from freehold.providers.local.models import LocalModel
from freehold.providers.local.processes import LocalModels

from .questions import Outcome, Question, together

SLOTS, CONTEXT = 8, 1024
_SECONDS = 120.0


class Contestant(Protocol):
    """Who answers."""

    def ask(self, question: Question) -> Outcome:
        """All answers of one question, at the same time."""


class OverHttp:
    """Whoever speaks OpenAI's chat API over HTTP."""

    def __init__(self, base_url: str, key: str) -> None:
        """`base_url` ends with `/v1`."""
        self._url = urlsplit(base_url)
        self._key = key

    def ask(self, question: Question) -> Outcome:
        """All answers of one question, at the same time."""
        with ThreadPoolExecutor(question.streams) as pool:
            return together(pool.map(self._one, question.bodies()))

    def _one(self, body: dict[str, Any]) -> Outcome:
        connection = http.client.HTTPConnection(self._url.netloc, timeout=_SECONDS)
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        begun = time.perf_counter()
        connection.request("POST", f"{self._url.path}/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(response.read().decode())
        times: list[float] = []
        usage: dict[str, Any] = {}
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            times.append(time.perf_counter())
            if b'"usage"' in line:
                usage = json.loads(line[6:]).get("usage") or usage
        connection.close()
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        return Outcome(begun, times[0], times[-1], usage["prompt_tokens"], usage["completion_tokens"], cached)


class Piped:
    """The library in its process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, question: Question) -> Outcome:
        """All answers of one question, at the same time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(vars(question)) + "\n")
        self._process.stdin.flush()
        return Outcome(*json.loads(self._process.stdout.readline()))


@contextmanager
def library(file: Path, environment: Mapping[str, str]) -> Iterator[Contestant]:
    """The library by itself; `environment` is set besides."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.local.library", str(file), str(SLOTS), str(CONTEXT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError("the library did not load the file")
        yield Piped(process)
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


@contextmanager
def worker(file: Path, folder: Path) -> Iterator[Contestant]:
    """Our worker process, asked directly."""
    model = LocalModel(
        name="bench",
        runtime="llama.cpp",
        packages=("xllamacpp",),
        weights=str(file),
        profile=Profile(operations=frozenset({"chat"}), context_window=CONTEXT),
        slots=SLOTS,
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def begin() -> LocalModels:
        return LocalModels(folder, models={model.id: model})

    try:
        models = asyncio.run_coroutine_threadsafe(begin(), loop).result(_SECONDS)
        try:
            address = asyncio.run_coroutine_threadsafe(models.address_of(model.id), loop).result(_SECONDS)
            yield OverHttp(*address)
        finally:
            asyncio.run_coroutine_threadsafe(models.stop(), loop).result(_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def endpoint(file: Path, folder: Path) -> Iterator[Contestant]:
    """`freehold up` with the file as `local/bench`."""
    folder.mkdir(parents=True)
    (folder / "freehold.toml").write_text(
        f'[local.models.bench]\nfile = "{file}"\nslots = {SLOTS}\ncontext = {CONTEXT}\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "freehold", "up", "--json", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    assert process.stdout is not None
    try:
        started = json.loads(process.stdout.readline())
        yield OverHttp(f"{started['url']}/v1", started["key"])
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
