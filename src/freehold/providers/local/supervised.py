"""One worker process, kept alive: started on first use, restarted when it dies, ended with us."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from freehold.catalog.embedded import LOCAL
from freehold.providers.local.errors import ModelDamaged, ModelDown
from freehold.providers.local.handover import LEAVE, Order, read_doing, read_report
from freehold.providers.local.log import WorkerLog
from freehold.providers.local.models import LocalModel

log = logging.getLogger("freehold.local")

State = Literal["absent", "idle", "starting", "loading", "ready", "failed"]
"""
absent    its file is not there, or its packages are not installed
idle      it is loaded with the first request for it
starting  a worker is loading it because the endpoint started, or because the one before died; requests wait
loading   a worker is loading it because it was asked for; requests wait
ready     it answers
failed    its worker could not start three times running, or keeps dying; it is tried again all the same
"""

Address = tuple[str, str]
"""Base URL up to and with `/v1`, and the bearer token."""

_LOADING_SECONDS = 60.0
_PATIENCE_SECONDS = 90.0
"""Longest that a request waits for a model to be ready."""
_GRACE_SECONDS = 2.0
"""Between asking a worker to end and making it end."""
_SETTLED_SECONDS = 10.0
"""A worker that lived this long had no fault in its starting: the count of failures begins anew."""
_FAILURES = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0

_INHERITED = (
    "GOMP_SPINCOUNT",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "PATH",
    "PYTHONPATH",
    "TMPDIR",
    "TZ",
)
"""All of our environment that a worker sees: the rest may hold providers' keys."""

_SPINNING = {"GOMP_SPINCOUNT": "10000"}
"""How long OpenMP's threads wait for each other before they sleep, in turns of a loop. By its default they keep the
processors from whoever they wait for: on two overloaded ones a stream wrote 1 token a second, with 10,000 turns 5, with
1,000 turns 15. Where little else runs, 10,000 turns cost no more than the measurement's noise, and 1,000 up to an
eighth of the speed. Not to wait at all (`OMP_WAIT_POLICY=passive`) halves it. Our own environment may say otherwise.
"""


class Worker:
    """The process that serves one model, and whoever watches over it."""

    def __init__(
        self,
        model: LocalModel,
        weights: Path,
        folder: Path,
        environ: Mapping[str, str],
        *,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        """`folder` is where the worker's log goes. `tell` is called whenever its state changes, or it begins or ends to
        be busy.
        """
        self.model = model
        self.state: State = "idle"
        self.reason: str | None = None
        """Why it is not ready, where that is known."""
        self.damage: str | None = None
        """What is wrong with its file; then it is not tried again."""
        self.restarts = 0
        """Workers started after the first."""
        self.answering = False
        """Whether somebody waits for an answer of it."""
        self.quiet_since = 0.0
        """When it last became ready, or was done with all it had to answer; the event loop's time."""
        self.weights = weights
        self._told = tell
        self._folder = folder
        self._log = WorkerLog(log_of(model, folder))
        self._environ = _SPINNING | {name: environ[name] for name in _INHERITED if name in environ}
        self._address: Address | None = None
        self._process: Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    @property
    def loaded(self) -> bool:
        """Whether it has, or is about to have, a process; until that has ended."""
        return self._watching is not None and not self._watching.done()

    @property
    def leaving(self) -> bool:
        """Whether it takes no more requests."""
        return self._stopping.is_set()

    def start(self, state: Literal["starting", "loading"] = "starting") -> None:
        """Begin to load the model, if that has not begun. Returns at once. `state`: what is said of it meanwhile."""
        if self._watching is None and not self._stopping.is_set():
            self._tell(state)
            self._watching = asyncio.create_task(self._watch(), name=f"worker of {self.model.id}")

    def leave(self) -> None:
        """Have the process end for good as soon as nobody waits for an answer of it. Returns at once."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._tell("idle")
        process = self._process
        if self._address is None:  # nobody can be waiting for an answer
            self._kill()
        elif process is not None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.write(LEAVE)
        self._address = None

    async def ended(self) -> None:
        """Wait until its process is gone."""
        if self._watching is not None:
            await asyncio.wait({self._watching})

    async def address(self) -> Address:
        """Where the model answers, as soon as it does. Raises ModelDown and ModelDamaged."""
        if self._address is not None:
            return self._address
        self.start()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while self._address is None:
                    if self.state == "failed" or self._stopping.is_set():
                        raise self._down(self.reason or "it is stopping")
                    await self._news.wait()
                return self._address
        except TimeoutError:
            raise self._down(f"it was not ready within {_PATIENCE_SECONDS:g} s") from None

    async def stop(self) -> None:
        """End the process and wait until it is gone."""
        self._stopping.set()
        self._tell("idle")
        watching = self._watching
        if watching is None:
            return
        try:
            self._dismiss()
            await asyncio.wait({watching}, timeout=_GRACE_SECONDS)
        finally:  # also when this is cancelled: nothing may outlive us
            self._kill()
        await watching

    def _down(self, reason: str) -> ModelDamaged | ModelDown:
        if self.damage is not None:
            return ModelDamaged(self.model.id, str(self.weights), self.damage)
        return ModelDown(self.model.id, reason, log=str(self._log.path))

    def _tell(self, state: State, reason: str | None = None) -> None:
        self.state, self.reason = state, reason
        news, self._news = self._news, asyncio.Event()
        news.set()
        self._told()

    async def _watch(self) -> None:
        """Run workers one after another until we are told to stop."""
        loop = asyncio.get_running_loop()
        failures = 0
        while not self._stopping.is_set():
            ready_at: float | None = None
            reason: str | None
            try:
                process = await self._launch()
            except OSError as error:
                reason = f"no process can be started: {error.strerror}"
            else:
                drain = asyncio.create_task(self._keep_words(process))
                try:
                    reason = await self._load(process)
                    ready_at = loop.time() if self._address is not None else None
                    await self._follow(process)
                    code = await process.wait()
                finally:
                    self._address, self.answering = None, False
                    self._kill()
                    await drain
                reason = reason or _ending(code, self._log.last_line())
            if self._stopping.is_set() or self.damage is not None:
                self._told()
                return
            if ready_at is not None and loop.time() - ready_at >= _SETTLED_SECONDS:
                failures = 0
            failures += 1
            pause = 0.0 if failures == 1 else min(_FIRST_PAUSE * 2 ** (failures - 2), _LONGEST_PAUSE)
            self._tell("failed" if failures >= _FAILURES else "starting", reason)
            log.warning(
                "the worker of %s ended (%s); the next one starts in %.2g s",
                self.model.id,
                reason,
                pause,
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            self.restarts += 1

    async def _launch(self) -> Process:
        self._log.forget()
        # A session of its own keeps Ctrl-C in our terminal away from it; -P keeps the current folder
        # off its import path.
        command = [sys.executable, "-P", "-m", "freehold.providers.local.worker"]
        command += [str(self._folder.resolve()), str(os.getpid())]
        self._process = process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self._environ, start_new_session=True
        )
        if self._stopping.is_set():
            self._kill()
        return process

    async def _load(self, process: Process) -> str | None:
        """Hand the order over and wait for the report; the reason when it does not become ready."""
        assert process.stdin is not None
        assert process.stdout is not None
        token = secrets.token_urlsafe(32)
        try:
            process.stdin.write(Order(self.model, str(self.weights), token).line())
            async with asyncio.timeout(_LOADING_SECONDS):
                line = await process.stdout.readline()
            if not line:
                return None
            report = read_report(line)
        except TimeoutError:
            self._kill()
            return f"it did not load within {_LOADING_SECONDS:g} s"
        except (OSError, ValueError, msgspec.DecodeError):
            self._kill()
            return None
        if report.damage is not None:
            self.damage = report.damage
            self._tell("failed", f"its file {report.damage}")
            return None
        if report.error is not None:
            self._kill()
            return report.error
        if not self._stopping.is_set():
            self.quiet_since = asyncio.get_running_loop().time()
            self._address = (f"http://127.0.0.1:{report.port}/v1", token)
            self._tell("ready")
        return None

    async def _follow(self, process: Process) -> None:
        """What it says of itself while it lives."""
        assert process.stdout is not None
        while line := await process.stdout.readline():
            with contextlib.suppress(msgspec.DecodeError):  # a line that the end cut
                self.answering = read_doing(line).answering
                self.quiet_since = asyncio.get_running_loop().time()
                self._told()

    async def _keep_words(self, process: Process) -> None:
        assert process.stderr is not None
        while piece := await process.stderr.read(8192):
            self._log.write(piece)

    def _dismiss(self) -> None:
        """A worker whose standard input ends, ends."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


def log_of(model: LocalModel, folder: Path) -> Path:
    """Where the words of a model's worker go."""
    return (folder if model.provider == LOCAL else folder / model.provider) / f"{model.name}.log"


def _ending(code: int, last_words: str) -> str:
    ending = f"it was killed by {signal.Signals(-code).name}" if code < 0 else f"it ended with status {code}"
    return f"{ending}, its last words were: {last_words}" if last_words else ending
