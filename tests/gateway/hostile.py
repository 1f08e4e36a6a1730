"""What it takes to attack the endpoint: one to attack, bare hands to do it, and eyes for what came back."""

from __future__ import annotations

import errno
import json
import os
import resource
import selectors
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from running_endpoint import RunningEndpoint

PROVIDER_KEY = "sk-upstream-0123456789abcdef"
"""The provider's key, which must never be seen by a client."""

BODY_TIMEOUT = 1.0
HEADER_TIMEOUT = 1.0


def target(folder: Path, provider_url: str) -> RunningEndpoint:
    """An endpoint with one provider, `sim`, the route `default` to `sim/m`, and little patience."""
    toml = f"""
[server]
body_timeout = {BODY_TIMEOUT}
header_timeout = {HEADER_TIMEOUT}
[local]
enabled = false
[providers.sim]
base_url = "{provider_url}"
api_key = "env:UPSTREAM_KEY"
[routes.default]
incumbent = "sim/m"
"""
    return RunningEndpoint(folder, toml, environment={"UPSTREAM_KEY": PROVIDER_KEY})


def resident(process: int) -> int:
    """Bytes of memory that a process holds now."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()


def peak(process: int) -> int:
    """The most bytes of memory that it ever held."""
    return int(Path(f"/proc/{process}/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def processor_seconds(process: int) -> float:
    """Processor time that a process has spent."""
    user, system = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def open_files(process: int) -> int:
    """Its open files and sockets."""
    return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The error in OpenAI's form. Fails when it is anything else."""
        assert self.headers["content-type"] == "application/json"
        value = json.loads(self.body)
        assert set(value) == {"error"}
        error: dict[str, Any] = value["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert isinstance(error["message"], str)
        assert error["message"]
        assert isinstance(error["type"], str)
        assert error["param"] is None or isinstance(error["param"], str)
        assert error["code"] is None or isinstance(error["code"], str)
        return error


@dataclass
class Outcome:
    """What an attack came to."""

    data: bytes = b""
    answers: list[Answer] = field(default_factory=list)
    seconds: float = 0.0
    """Until the first answer was complete; without one, until the end."""
    lasted: float = 0.0
    """Until the end."""
    sent: int = 0
    ended: str = "open"
    """`open`, `fin` or `reset`."""


class _Duel:
    """One connection: what is still to be sent, and what came back so far."""

    def __init__(self, connection: socket.socket, pieces: Iterable[bytes | float], *, stubborn: bool) -> None:
        self.outcome = Outcome()
        self.exhausted = False
        self._connection = connection
        self._remaining = iter(pieces)
        self._pending = memoryview(b"")
        self._stubborn = stubborn
        self._began = time.monotonic()
        self._resume = self._began

    def run(self, limit: float, answers: int, quiet: float) -> Outcome:
        """Until the connection ends, `limit` has passed, or `quiet` seconds after so many answers."""
        end = self._began + limit
        outcome = self.outcome
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            while outcome.ended == "open" and (now := time.monotonic()) < end:
                self._load(now)
                selector.modify(
                    self._connection,
                    selectors.EVENT_READ | (selectors.EVENT_WRITE if self._pending else 0),
                )
                events = selector.select(0.05 if self.exhausted else max(0.0, min(self._resume - now, 0.05)))
                mask = events[0][1] if events else 0
                if mask & selectors.EVENT_READ:
                    self._receive()
                    if len(outcome.answers) >= answers and (self.exhausted or not self._stubborn):
                        end = min(end, time.monotonic() + quiet)
                if mask & selectors.EVENT_WRITE and self._pending:
                    self._send()
        outcome.answers = parse_answers(outcome.data, whole=outcome.ended == "fin")
        outcome.seconds = outcome.seconds or time.monotonic() - self._began
        outcome.lasted = time.monotonic() - self._began
        return outcome

    def _load(self, now: float) -> None:
        """The next piece, when it is its turn."""
        wanted = self._stubborn or not self.outcome.answers
        if self.exhausted or self._pending or now < self._resume or not wanted:
            return
        piece = next(self._remaining, None)
        if piece is None:
            self.exhausted = True
        elif isinstance(piece, bytes):
            self._pending = memoryview(piece)
        else:
            self._resume = now + piece

    def _receive(self) -> None:
        outcome = self.outcome
        try:
            data = self._connection.recv(1 << 16)
        except OSError as error:
            outcome.ended = "reset" if error.errno in (errno.ECONNRESET, errno.EPIPE) else str(error)
            return
        if not data:
            outcome.ended = "fin"
            return
        outcome.data += data
        outcome.answers = parse_answers(outcome.data)
        if outcome.answers and not outcome.seconds:
            outcome.seconds = time.monotonic() - self._began

    def _send(self) -> None:
        try:
            count = self._connection.send(self._pending[: 1 << 18])
        except OSError:
            self._pending = memoryview(b"")
            self.exhausted = True  # what can still be read is read
        else:
            self.outcome.sent += count
            self._pending = self._pending[count:]


def strike(
    port: int,
    pieces: Iterable[bytes | float],
    *,
    limit: float = 10.0,
    answers: int = 1,
    quiet: float = 0.05,
    stubborn: bool = False,
) -> Outcome:
    """Sends `pieces` (numbers are pauses in seconds) while it listens for `answers` answers.

    It goes on for `quiet` seconds after the last answer, to see whether the connection closes or more comes.
    A `stubborn` attacker goes on sending after an answer.
    """
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setblocking(False)
        return _Duel(connection, pieces, stubborn=stubborn).run(limit, answers, quiet)


def parse_answers(data: bytes, *, whole: bool = False) -> list[Answer]:
    """The complete answers in `data`. `whole`: the connection has ended, which may end the last one."""
    answers: list[Answer] = []
    while b"\r\n\r\n" in data:
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        status = int(first.split(" ")[1])
        if status == 100:
            data = rest
            continue
        if "content-length" in headers:
            length = int(headers["content-length"])
            if len(rest) < length:
                break
            body, data = rest[:length], rest[length:]
        elif headers.get("transfer-encoding") == "chunked":
            unframed = _unchunk(rest)
            if unframed is None:
                break
            body, data = unframed
        elif whole:
            body, data = rest, b""
        else:
            break
        answers.append(Answer(status, headers, body))
    return answers


def _unchunk(data: bytes) -> tuple[bytes, bytes] | None:
    body = b""
    while b"\r\n" in data:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        if len(data) < size + 2:
            return None
        body += data[:size]
        data = data[size + 2 :]
        if not size:
            return body, data
    return None


def keys_in(endpoint: RunningEndpoint, text: str) -> list[str]:
    """Keys that are in `text` and must not be."""
    keys = {
        "the client's key": endpoint.key,
        "the key's random part": endpoint.key[3:],
        "the provider's key": PROVIDER_KEY,
    }
    return [name for name, key in keys.items() if key in text]


def leaks(endpoint: RunningEndpoint, text: str) -> list[str]:
    """What of our own is in `text`, an answer, and must not be."""
    ours = {
        "a stack trace": "Traceback",
        "a line of code": 'File "',
        "the folder": str(endpoint.folder),
        "the place of the package": str(Path(__file__).parents[2]),
        "the interpreter": sys.prefix,
        "a library": "site-packages",
        "an object": " object at 0x",
    }
    return keys_in(endpoint, text) + [name for name, secret in ours.items() if secret in text]
