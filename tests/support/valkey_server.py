"""A real Valkey or Redis server, Debian's, on a free port of loopback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")


def needs_valkey() -> pytest.MarkDecorator:
    """Skips where there is no server."""
    return pytest.mark.skipif(PROGRAM is None, reason="neither valkey-server nor redis-server is installed")


class ValkeyServer:
    """Use it as `with ValkeyServer(folder) as server`. Nothing is kept on disk unless `keep`."""

    def __init__(self, folder: Path, *, keep: bool = False) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._keep = keep
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For clients."""
        return f"valkey://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert PROGRAM is not None
        words = [PROGRAM, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        words += ["--save", "", "--appendonly", "yes" if self._keep else "no", "--appendfsync", "always"]
        with (self.folder / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log)
        end = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < end, (self.folder / "valkey.log").read_text()
            time.sleep(0.01)

    def ask(self, *words: str) -> bytes:
        """One command, and the beginning of what is said to it."""
        request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w.encode()) for w in words)
        with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
            connection.sendall(request)
            return connection.recv(65536)

    def _answers(self) -> bool:
        try:
            return self.ask("PING").startswith(b"+PONG")
        except OSError:
            return False

    def send(self, number: signal.Signals) -> None:
        """A signal: SIGSTOP makes it hang, SIGCONT lets it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """End it, as a crash does."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
