"""The real endpoint, `freehold up`, in a process and a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
from openai import OpenAI
from plain_client import Answer, PlainClient

import freehold
from freehold.access.keys import Keys
from freehold.core.errors import NotFound, StoreError
from freehold.ledger.reading import Entry, LedgerReader
from freehold.ledger.runs import Gap

T = TypeVar("T")

LIMIT = 20.0
"""Seconds after which something that must happen is taken not to happen, on a busy machine too."""


def until(holds: Callable[[], T | None], limit: float = LIMIT) -> T:
    """What `holds` gives as soon as that is true. Fails after `limit` seconds."""
    end = time.monotonic() + limit
    while True:
        value = holds()
        if value:
            return value
        assert time.monotonic() < end, f"it did not come to hold within {limit} s; last: {value!r}"
        time.sleep(0.005)


class RunningEndpoint:
    """Use it as `with RunningEndpoint(folder, toml) as endpoint`. Leaving it ends the process and expects
    that this goes well: exit status 0, and nothing that looks like a mistake of ours in what it said.
    """

    def __init__(
        self,
        folder: Path,
        toml: str | None,
        *words: str,
        environment: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
        may_complain: bool = False,
    ) -> None:
        """`toml` is written to `freehold.toml`; None: there is none. `words` go to `freehold up`.

        `environment` is added to the little that the process gets to see. `within` is a command that ends
        in running the words behind it. `may_complain`: tracebacks are part of what is tested.
        """
        assert freehold.__file__ is not None
        self.folder = folder
        self.file = folder / "freehold.toml"
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(
                [
                    str(Path(freehold.__file__).parent.parent),
                    *os.environ.get("PYTHONPATH", "").split(os.pathsep),
                ]
            ).rstrip(os.pathsep),
            "PYTHONWARNINGS": "error",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            **(environment or {}),
        }
        self._words = words
        self._within = within
        self._may_complain = may_complain
        self._process: subprocess.Popen[bytes] | None = None
        self._sdks: list[OpenAI] = []
        self.key = ""
        self.url = ""
        if toml is not None:
            self.configure(toml)

    # Life

    def start(self) -> Self:
        """Start it and wait until it takes requests. After an end it may be started again: same folder."""
        with (self.folder / "log").open("ab") as log:
            self._process = process = subprocess.Popen(
                [
                    *self._within,
                    sys.executable,
                    "-m",
                    "freehold",
                    "up",
                    "--json",
                    "--port",
                    "0",
                    *self._words,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                env=self.environment,
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            status = process.wait(LIMIT)
            process.stdout.close()
            raise AssertionError(f"the endpoint did not start (exit status {status}): {self.log}")
        self.started: dict[str, Any] = msgspec.json.decode(line)
        self.url = self.started["url"]
        self.key = self.started["key"] or self.key
        return self

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, limit: float = LIMIT) -> int:
        """Wait for its end; its exit status."""
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            return self._process.wait(limit)
        finally:
            if self._process.returncode is None:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()

    def stop(self) -> None:
        """End it as a service manager does, and expect that it ends well."""
        self.send(signal.SIGTERM)
        status = self.wait()
        assert status == 0, f"exit status {status}: {self.log}"
        if not self._may_complain:
            assert "Traceback" not in self.log, self.log

    def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        self.send(signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sdk in self._sdks:
            sdk.close()
        if not self.running:
            if self._process is not None and self._process.stdout is not None:
                self._process.stdout.close()
            if error is None and self._process is not None:
                assert self._process.returncode in (0, -signal.SIGKILL), self.log
        elif error is None:
            self.stop()
        else:
            self.send(signal.SIGKILL)
            self.wait()

    # Asking it

    @property
    def base_url(self) -> str:
        """With `/v1`."""
        return f"{self.url}/v1"

    def sdk(self, key: str | None = None) -> OpenAI:
        """OpenAI's own client, with nothing changed but the base URL and the key, and without retries.

        It is closed with the endpoint, if not before.
        """
        sdk = OpenAI(base_url=self.base_url, api_key=key or self.key, max_retries=0, timeout=LIMIT)
        self._sdks.append(sdk)
        return sdk

    def connect(self, key: str | None = None) -> PlainClient:
        """A connection of our own, for everything that an SDK hides."""
        return PlainClient(self.url, self.key if key is None else key, LIMIT)

    def get(self, path: str, *, key: str = "") -> Answer:
        """GET, without a key unless one is given."""
        with self.connect(key) as client:
            return client.get(path)

    @property
    def health(self) -> dict[str, Any]:
        """What `/health/ready` says."""
        value: dict[str, Any] = msgspec.json.decode(self.get("/health/ready").body)
        return value

    @property
    def figures(self) -> dict[str, float]:
        """What `/metrics` says: each line's name, with its labels, and its value."""
        lines = self.get("/metrics", key=self.key).body.decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    # What it leaves behind

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / ".freehold"

    @cached_property
    def ledger(self) -> LedgerReader:
        """What is on record."""
        return LedgerReader(self.data / "ledger.db")

    def keys(self) -> closing[Keys]:
        """Its keys, as another process sees and changes them."""
        return closing(Keys(self.data / "access.db", self.data / "secret"))

    def make_key(self, name: str, **limits: Any) -> str:
        """A further key."""
        with self.keys() as keys:
            return keys.create(name, **limits)[1]

    def recorded(self, call: str) -> Entry:
        """The call with this id, once it is on record; with its bodies."""
        return until(lambda: _found(self.ledger, call))

    @property
    def gaps(self) -> list[Gap]:
        """What is known to be missing from the ledger."""
        return self.ledger.gaps()

    @property
    def log(self) -> str:
        """Everything it said on standard error, in all its lives in this folder."""
        return (self.folder / "log").read_text(errors="replace")

    def says(self, *words: str, since: int = 0) -> bool:
        """Whether one line of the log, from character `since` on, holds all these words."""
        return any(all(word in line for word in words) for line in self.log[since:].splitlines())

    # Changing it

    def configure(self, toml: str) -> None:
        """Replace `freehold.toml` as a careful editor does.

        What one test does to the health of a provider is nothing to the next: it is not heeded, unless `toml` has a
        table `[health]`.
        """
        if "[health]" not in toml:
            toml += "\n[health]\nenabled = false\n"
        draft = self.file.with_suffix(".draft")
        draft.write_text(toml)
        draft.rename(self.file)


def _found(ledger: LedgerReader, call: str) -> Entry | None:
    try:
        return ledger.call(call)
    except (NotFound, StoreError):
        return None
