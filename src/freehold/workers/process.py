"""One worker's process, as its supervisor holds it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from freehold.core.clock import microseconds
from freehold.workers.line import Answer, Hear, Line
from freehold.workers.messages import Beat, Failure, Order, State, Taken, WorkerHealth

PROGRAM = "freehold.cli.worker"
"""What a worker runs. By its name, since what it needs stands above this room."""


_SILENT = 3
"""Seconds without a sign of life after which others take its connections, too."""


class Desk(Protocol):
    """Who answers what workers ask, and hears what they tell."""

    def hear(self, worker: WorkerProcess) -> Mapping[str, Hear]:
        """By topic."""

    def answer(self, worker: WorkerProcess) -> Mapping[str, Answer]:
        """By topic."""


class WorkerProcess:
    """From its launch to its end."""

    def __init__(self, order: Order, desk: Desk) -> None:
        self.number = order.number
        self.state: State = "starting"
        self.version = order.version
        self.configuration = order.name
        self.problem: str | None = None
        """Why it could not take the newest configuration."""
        self.failure: Failure | None = None
        """Why it could not start, in its own words."""
        self.beat = Beat(0, b"", {})
        self.figures = b""
        """For `/metrics`, as it told them last."""
        self.heard = 0
        """Beats so far."""
        self.silent_for = 0
        """Seconds of ours since the last beat, however long they took."""
        self.since_us = 0
        self.adopted: set[int] = set()
        """Places whose connections it takes, too."""
        self._order = order
        self._desk = desk
        self._process: Process | None = None
        self._began = 0.0
        self._settled = asyncio.Event()
        self.line: Line | None = None

    @property
    def pid(self) -> int:
        """0 before it was launched."""
        return 0 if self._process is None else self._process.pid

    @property
    def age(self) -> float:
        """Seconds since its launch."""
        return time.monotonic() - self._began

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.returncode is None

    async def launch(self, listeners: Sequence[socket.socket]) -> None:
        """Start the process. Raises OSError."""
        passed = [one.fileno() for one in listeners]
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._began = time.monotonic()
        self.since_us = microseconds(time.time())
        try:
            # A session of its own keeps Ctrl-C in our terminal away from it: we tell it what to do.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                PROGRAM,
                *(str(one) for one in (theirs.fileno(), *passed)),
                stdin=DEVNULL,
                stdout=DEVNULL,
                pass_fds=(theirs.fileno(), *passed),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.line = Line(
            ours, hear=self._hear() | dict(self._desk.hear(self)), answer=self._desk.answer(self)
        )
        self.line.tell("order", msgspec.msgpack.encode(self._order))

    def _hear(self) -> dict[str, Hear]:
        return {
            "ready": lambda _: self._is_ready(),
            "failed": self._has_failed,
            "beat": self._beats,
            "taken": self._has_taken,
        }

    async def run(self) -> int:
        """Listen to it until it has ended; its exit status."""
        assert self.line is not None
        assert self._process is not None
        listening = asyncio.create_task(self.line.run())
        try:
            return await self._process.wait()
        finally:
            # What it said last may still be on its way.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listening, 1.0)
            self.line.close()
            self._settled.set()

    async def ready(self, patience: float) -> bool:
        """Wait until it takes calls, or cannot; whether it does."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), patience)
        return self.state == "ready"

    def tell(self, topic: str, body: bytes = b"") -> None:
        """Tell it something, if it is there."""
        if self.line is not None:
            self.line.tell(topic, body)

    def dismiss(self, how: str) -> None:
        """`stop`, `hurry` or `retire`."""
        if self.state != "starting":
            self.state = "leaving"
            self.tell(how)
        elif self._process is not None and self.running:
            self._process.terminate()  # it may not listen yet

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    @property
    def health(self) -> WorkerHealth:
        """How it is."""
        return WorkerHealth(
            self.number,
            self.pid,
            self.state,
            self.configuration,
            self.beat.calls,
            self.since_us,
            self.problem,
        )

    @property
    def well(self) -> bool:
        """Whether it takes calls, as far as can be seen."""
        return self.state == "ready" and self.running and self.silent_for <= _SILENT

    def adopt(self, places: set[int]) -> None:
        """Take the connections of these places, too, and of no others."""
        for number in places - self.adopted:
            self.tell("adopt", str(number).encode())
        for number in self.adopted - places:
            self.tell("give up", str(number).encode())
        self.adopted = places

    def _is_ready(self) -> None:
        if self.state == "starting":
            self.state = "ready"
        self._settled.set()

    def _has_failed(self, body: bytes) -> None:
        self.failure = msgspec.msgpack.decode(body, type=Failure)

    def _beats(self, body: bytes) -> None:
        self.beat = msgspec.msgpack.decode(body, type=Beat)
        self.figures = self.beat.figures
        self.heard += 1
        self.silent_for = 0

    def _has_taken(self, body: bytes) -> None:
        taken = msgspec.msgpack.decode(body, type=Taken)
        self.problem = taken.problem
        if taken.problem is None:
            self.version = taken.version
            self.configuration = taken.name
